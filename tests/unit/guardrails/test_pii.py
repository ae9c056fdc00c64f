"""The guardrail as a whole: its setting, which of two readings wins, and what a stream may not let go yet."""

import random

import pytest
from tests.unit.guardrails.pii_texts import found

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii import addresses, documents, emails, forms, ibans, networks, numbers, phones, scan, tails
from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.guardrails.pii.overlap import resolve
from llmgateway.guardrails.pii.runs import LONGEST, plain, wide
from llmgateway.ports.guardrail import OptionError
from llmgateway.wire.view import SEPARATOR, View


def settled(text: str) -> int:
    return PiiGuardrail({}).settled(View(text))


def test_only_the_kinds_that_are_asked_for():
    text = "a@b.co from 203.0.113.7"
    assert found(text, "email") == [("email", "a@b.co")]
    assert found(text, "ip_address") == [("ip_address", "203.0.113.7")]


@pytest.mark.parametrize("kinds", ["email", [], [1], ["nothing"], {"email": True}, None])
def test_a_wrong_setting_is_told(kinds):
    with pytest.raises(OptionError) as raised:
        PiiGuardrail({"kinds": kinds})
    assert raised.value.option == "kinds"


def test_every_kind_can_be_asked_for():
    assert PiiGuardrail({"kinds": list(PiiGuardrail.kinds)})
    assert len(set(PiiGuardrail.kinds)) == len(PiiGuardrail.kinds)


def test_the_longest_of_what_overlaps_stays():
    short, long, apart = Finding(0, 5, "a"), Finding(3, 12, "b"), Finding(12, 14, "c")
    assert resolve([apart, short, long]) == [long, apart]
    assert resolve([short, short]) == [short]


def test_what_is_dropped_still_drops_what_it_beats():
    """Otherwise what stays would depend on a chain of findings that has no end."""
    first, second, third = Finding(0, 4, "a"), Finding(3, 9, "b"), Finding(8, 20, "c")
    assert resolve([first, second, third]) == [third]


def test_nothing_is_found_over_a_separator():
    assert found(f"a@b{SEPARATOR}.co 4111 1111{SEPARATOR} 1111 1111 東京都千代田区{SEPARATOR}丸の内1-2-3") == []


def test_no_context_is_taken_from_over_a_separator():
    assert found(f"phone {SEPARATOR}5551234567") == []


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("They met on Tuesday", "Tuesday"),
        ("They met on Tuesday ", "Tuesday "),  # an address may go on with [at]
        ("They met on Tuesday, ", ""),
        ("They met at noon.\n", ""),
        ("call 212-555", "212-555"),
        ("call (212) 555-", "(212) 555-"),
        ("it was 2026 ", "2026 "),
        ("write to jane [at] exam", "jane [at] exam"),
        ("see GB82 WEST 12", "GB82 WEST 12"),
        ("彼は昨日、", ""),
        ("彼はそう思います", ""),
        ("これは東京都千代田区丸の内1-", "東京都千代田区丸の内1-"),
        ("番号は〇九〇-一", "〇九〇-一"),
        ("メールはtaro（アッ", "taro（アッ"),
        ("100-0001 東", "100-0001 東"),
    ],
)
def test_a_stream_holds_the_open_end_and_no_more(text, held):
    assert text[settled(text) :] == held


def test_a_run_that_is_too_long_for_a_value_is_let_go():
    text = "7" * 300
    assert len(text) - settled(text) <= 256
    assert found(text) == []


def test_a_finding_is_not_cut_where_such_a_run_is_let_go():
    text = "4111 1111 1111 1111" + " 1" * 150
    assert all(settled(text) not in range(each.start + 1, each.end) for each in PiiGuardrail({}).find(View(text)))


def test_the_plain_form_is_as_long_as_the_text():
    for text in ["二〇二六年、三\u200b月", "（アット）ドットアットマーク", "九九-一ー二", "x\ud800一二"]:
        view = View(text)
        assert len(plain(view, 0, wide(view.folded))) == len(text)


def test_ordinary_texts_are_looked_at_as_they_are():
    view = View("彼は一番よい")
    assert plain(view, 0, wide(view.folded)) is view.octets


def test_lone_surrogates_are_characters_like_others():
    assert found("\ud83d a@b.co 〒100-0001 東京都\ude00") == [("email", "a@b.co"), ("jp_postal_code", "100-0001")]


def test_letters_that_grow_when_made_small_do_not_move_labels():
    assert found("İİİİ phone 5551234567") == [("phone", "5551234567")]


@pytest.mark.parametrize("start", range(0, 40, 3))
def test_from_a_place_on_the_same_is_found(start):
    text = "tel 212-555-0187, a@b.co, 〒100-0001 東京都千代田区丸の内1-2-3"
    guardrail = PiiGuardrail({})
    assert guardrail.find(View(text), start) == [each for each in guardrail.find(View(text)) if each.start >= start]


@pytest.mark.parametrize("module", [addresses, documents, emails, forms, ibans, networks, numbers, phones, scan, tails])
def test_patterns_stay_small_enough_for_an_automaton(module):
    """Names of scripts with counts made one of 20,000 instructions, which RE2 cannot turn into a table."""
    sizes = {name: value.programsize for name, value in vars(module).items() if hasattr(value, "programsize")}
    assert {name: size for name, size in sizes.items() if size > 5000} == {}


@pytest.mark.parametrize(
    "alphabet", ["0123456789", "0123456789abcdef", "0123456789 -.", ".", "@:=/_-\"' ", "一二三〇十市区町-の"]
)
def test_random_texts_are_looked_through_to_their_end(alphabet):
    dice = random.Random(5)
    text = "".join(dice.choice(alphabet) for _ in range(2048)) + "\nwrite a@b.co"
    assert found(text)[-1] == ("email", "a@b.co")
    assert LONGEST < 128
