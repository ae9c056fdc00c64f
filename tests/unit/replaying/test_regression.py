"""What a regression dataset holds."""

import pytest

from llmgateway.ports.datasets import DatasetItem
from llmgateway.replaying import regression
from llmgateway.replaying.regression import KEPT, Filling, carried, fresh, mark, name_of


def item(name, ordinal=0, request=b"{}"):
    return DatasetItem(ordinal, name, f"h-{name}", "openai", "/v1/chat/completions", request=request)


ERASED = DatasetItem(1, "x", None, None, None, erased_at=1.0)


def test_a_routes_dataset_is_called_after_it():
    assert name_of("chat") == "regression-chat"
    assert name_of("openai/gpt-*") == "regression-openai/gpt-*"


@pytest.mark.parametrize("route", ["a@b", "x" * 300, "tab\there"])
def test_what_no_dataset_may_be_called_is_made_fit_and_stays_the_routes_own(route):
    name = name_of(route)
    assert len(name) <= 100
    assert "@" not in name
    assert name.isprintable()
    assert name != name_of(route + "y")
    assert name == name_of(route)


def test_only_what_nobody_asks_yet_is_new():
    before = [mark(item("a")), mark(ERASED)]
    assert fresh(before, [item("a"), item("b"), item("b"), item("c")]) == [item("b"), item("c")]


def test_all_is_carried_but_what_was_erased():
    before = [mark(item("a", 0)), mark(ERASED), mark(item("c", 2))]
    assert carried(before, []) == {0, 2}


def test_the_oldest_give_way():
    before = [mark(item(str(number), number)) for number in range(KEPT)]
    assert carried(before, [item("new"), item("newer")]) == set(range(2, KEPT))


def test_so_they_do_where_the_bytes_are_too_many(monkeypatch):
    monkeypatch.setattr(regression, "KEPT_BYTES", 100)
    before = [mark(item(str(number), number, b"x" * 30)) for number in range(4)]
    assert carried(before, [item("new", request=b"x" * 40)]) == {2, 3}
    assert carried(before, [item("new", request=b"x" * 400)]) == set()


def test_a_version_is_filled_in_order_and_what_is_there_is_not_added_again():
    filling = Filling([])
    assert filling.take(item("a", 7)) == item("a", 0)
    assert filling.take(item("b", 9)) == item("b", 1)
    again = Filling([mark(item("a", 0)), mark(item("b", 1))])
    assert again.take(item("a", 7)) is None
    assert again.take(item("c")) == item("c", 2)
    assert again.take(item("c")) is None
