"""What guardrails said is counted from bounded sets, and no record of it can break the rest."""

from typing import Any

import pytest
from tests.support.control import AT, row
from tests.support.exchanges import verdict

from llmgateway.config.guarding import Guarding, Guardrail
from llmgateway.config.snapshot import Route, Snapshot
from llmgateway.controlplane.labels import MAX_GUARDRAILS, OTHER, Labels
from llmgateway.controlplane.ledger import Ledger
from llmgateway.controlplane.live import Recent
from llmgateway.controlplane.verdicts import MAX_COUNT, MAX_KINDS, MAX_VERDICTS, MAX_WORD, readable
from llmgateway.domain.clock import ManualClock
from llmgateway.ports.store import VERDICT
from llmgateway.wire.jsoncodec import decode, encode

LABELS = Labels({"chat": ("v1",)}, guardrails=("credentials", "people"))
KEY = ("credentials", "request", "redact", "enforce", "secret.token")


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger(LABELS)
    ledger.restore(None)
    return ledger


def counted(ledger: Ledger, *verdicts: dict[str, Any], **changes: Any) -> dict[tuple[str, ...], int]:
    ledger.observe([row(verdicts=list(verdicts), **changes)])
    ledger.commit()
    return dict(ledger.view().verdicts.counts)


def test_what_is_readable_comes_back_as_it_is_without_what_is_not_known() -> None:
    assert readable([verdict(), verdict(count=3) | {"mood": "fine"}]) == ([verdict(), verdict(count=3)], 0)
    assert set(verdict()) == set(VERDICT)
    assert readable([]) == ([], 0)


@pytest.mark.parametrize("given", [None, 3, "redact", {"guardrail": "x"}, True, [[]], [None], ["x"], [{}], [3.5]])
def test_what_is_no_list_of_verdicts_is_left_out(given: Any) -> None:
    assert readable(given) == ([], 1)


@pytest.mark.parametrize(
    "changes",
    [
        *({name: wrong} for name in VERDICT for wrong in (None, [], {}, 1.5, "x" * (MAX_WORD + 1))),
        *({"count": wrong} for wrong in (0, -1, True, "1", 2**70, MAX_COUNT + 1)),
        {"guardrail": 3},
    ],
)
def test_one_bad_verdict_takes_no_other_with_it(changes: dict[str, Any]) -> None:
    assert readable([verdict(), verdict(**changes), verdict(stage="reply")]) == (
        [verdict(), verdict(stage="reply")],
        1,
    )


def test_an_exchange_has_so_many_verdicts_and_no_more() -> None:
    kept, left_out = readable([verdict()] * (MAX_VERDICTS + 7))
    assert (len(kept), left_out) == (MAX_VERDICTS, 7)


def test_each_verdict_counts_once_however_often_its_kind_was_found(ledger: Ledger) -> None:
    counted(ledger, verdict(count=500), verdict(stage="reply"))
    assert counted(ledger, verdict()) == {KEY: 2, ("credentials", "reply", *KEY[2:]): 1}


def test_what_is_in_no_set_is_other(ledger: Ledger) -> None:
    found = counted(ledger, verdict(guardrail="gone", stage="later", action="warn", mode="dry"))
    assert found == {(OTHER, OTHER, OTHER, OTHER, "secret.token"): 1}


@pytest.mark.parametrize("kind", ["", "x" * 65, "a\nb", "\ud800", "é", "a\0"])
def test_a_kind_that_is_no_label_is_other(ledger: Ledger, kind: str) -> None:
    assert counted(ledger, verdict(kind=kind)) == {(*KEY[:4], OTHER): 1}


def test_a_guardrail_has_so_many_kinds_and_no_more(ledger: Ledger) -> None:
    counted(ledger, *(verdict(kind=f"k{at}") for at in range(MAX_KINDS + 5)), verdict(guardrail="people"))
    found = counted(ledger, verdict(kind="k0"))
    assert len(found) == MAX_KINDS + 2
    assert (found[*KEY[:4], OTHER], found[*KEY[:4], "k0"], found["people", *KEY[1:]]) == (5, 2, 1)
    restored = Ledger(LABELS)
    restored.restore(ledger.state())
    assert counted(restored, verdict(kind="new"))[*KEY[:4], OTHER] == 6


def test_what_was_left_out_makes_the_row_one_that_was_not_counted_whole(ledger: Ledger) -> None:
    assert counted(ledger, verdict(), verdicts_left_out=2) == {KEY: 1}
    assert ledger.view().unreadable == 1
    assert ledger.view().cells["chat", "v1"].requests[1] == 1


def test_copies_do_not_count(ledger: Ledger) -> None:
    assert counted(ledger, verdict(), shadow_of="x") == {}


def test_figures_show_only_once_they_are_committed(ledger: Ledger) -> None:
    ledger.observe([row(verdicts=[verdict()])])
    assert ledger.view().verdicts.counts == {}
    ledger.commit()
    ledger.observe([row(verdicts=[verdict()])])
    assert ledger.view().verdicts.counts == {KEY: 1}


def test_figures_survive_as_json_and_a_state_from_before_is_taken(ledger: Ledger) -> None:
    counted(ledger, verdict(), verdict(guardrail="people"))
    state = decode(encode(ledger.state()))
    other = Ledger(LABELS)
    other.restore(state)
    assert other.state() == ledger.state()
    del state["verdicts"]
    other.restore(state)
    assert (other.view().verdicts.counts, other.view().cells["chat", "v1"].requests[1]) == ({}, 1)


def test_what_the_configuration_names_no_more_is_let_go(ledger: Ledger) -> None:
    counted(ledger, verdict(), verdict(guardrail="people"), verdict(guardrail="gone"))
    ledger.configure(Labels({"chat": ("v1",)}, guardrails=("people",)))
    assert {key[0] for key in ledger.view().verdicts.counts} == {"people", OTHER}
    assert counted(ledger, verdict())[OTHER, *KEY[1:]] == 2


def test_the_guardrails_in_force_become_labels_up_to_a_cap() -> None:
    def guardrails(*names: str) -> tuple[Guardrail, ...]:
        return tuple(Guardrail(name, "secrets") for name in names)

    baseline, many = guardrails("base"), guardrails(*(f"g{at}" for at in range(MAX_GUARDRAILS)))
    unused = {"unused": Guardrail("unused", "pii")}
    routes = {name: Route(name, (), guardrails=(*baseline, *own)) for name, own in (("a", many[:2]), ("b", many))}
    labels = Labels.of(Snapshot(1, routes=routes, guarding=Guarding(unused, baseline)))
    assert labels.guardrails == ("base", *(f"g{at}" for at in range(MAX_GUARDRAILS - 1)))
    assert labels.overflow == 1
    assert (labels.guardrail("base"), labels.guardrail("unused"), labels.guardrail(None)) == ("base", OTHER, OTHER)


def test_the_last_minute_tells_how_many_were_blocked() -> None:
    recent = Recent(ManualClock(time=AT + 2), LABELS)
    blocked = {"status": 400, "end": "refused", "error_code": "guardrail_blocked"}
    recent.observe([row(), row(**blocked), row(**blocked | {"status": 200}), row(status=404)])  # 200: in words
    (line,) = recent.versions()
    assert (line["bad"], line["blocked"], recent.whole()["blocked"]) == ({"client_error": 3}, 2, 2)
