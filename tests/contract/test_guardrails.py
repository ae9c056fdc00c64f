"""What every guardrail must do, over every registered one and the texts in its fixture.

A fixture is `tests/fixtures/guardrails/<name>.json`: a list of `{"options": {…}, "texts": [[text, [kind, …]], …]}`, where
the kinds are what must be found in that text, in order. Where a case has a "request", the guardrail is bound to it.
"""

import json
import random
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from string import ascii_letters, digits

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway import plugins
from llmgateway.domain.verdict import Action, Finding
from llmgateway.guarding.chain import Chain, Link
from llmgateway.guarding.holdback import HoldBack, joined
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.pieces import pieces_of
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.ports.guardrail import MAX_GROWING, MAX_OPEN, REACH, SIGNS, Growing, Guardrail, OptionError
from llmgateway.wire.heads import NOTHING
from llmgateway.wire.rows import below
from llmgateway.wire.view import CONTEXT, SEPARATOR, View, fold, shown

ROOT = Path(__file__).parents[1] / "fixtures" / "guardrails"
NAMES = plugins.names("guardrail")
OF = {Growing.WORD: ascii_letters + digits, Growing.SIGNS: SIGNS, Growing.KANJI: "一二三市区町村様氏山田東京都鿿"}
GLUE = ["", " ", ". ", "、", "。", "\n", SEPARATOR, "の", "-", "a", "7", '"', "@", "=", ":", "/", "　", "１"]


@cache
def made(name: str) -> list[tuple[Guardrail, list[tuple[str, list[str]]]]]:
    cases = json.loads((ROOT / f"{name}.json").read_text())
    return [(bound(plugins.load("guardrail", name)(each["options"]), each), each["texts"]) for each in cases]


def bound(guardrail: Guardrail, case) -> Guardrail:
    assert ("request" in case) == hasattr(guardrail, "bind")
    return guardrail.bind(case["request"], pieces_of(case["request"])) if "request" in case else guardrail


def pairs():
    return [(name, at) for name in NAMES for at in range(len(made(name)))]


@pytest.mark.parametrize(("name", "at"), pairs())
def test_finds_what_its_fixture_says(name, at):
    guardrail, texts = made(name)[at]
    for text, kinds in texts:
        assert [found.kind for found in guardrail.find(View(text))] == kinds, text


@pytest.mark.parametrize(("name", "at"), pairs())
def test_findings_are_in_order_inside_the_text_and_of_kinds_it_names(name, at):
    guardrail, texts = made(name)[at]
    for text, _ in texts:
        check_shape(guardrail, View(text), 0)


@pytest.mark.parametrize(("name", "at"), pairs())
def test_every_cut_of_every_text_of_the_fixture_is_honest(name, at):
    guardrail, texts = made(name)[at]
    for text, _ in texts:
        for cut in range(len(text) + 1):
            check_settled(guardrail, text[:cut], text)


@pytest.mark.parametrize(("name", "at"), pairs())
def test_texts_beside_each_other_are_judged_each_by_itself(name, at):
    guardrail, texts = made(name)[at]
    for text in (shown(each) for each, _ in texts):
        for cut in range(len(text) + 1):
            alone = [*found_at(guardrail, text[:cut], 0), *found_at(guardrail, text[cut:], cut + len(SEPARATOR))]
            assert found_at(guardrail, text[:cut] + SEPARATOR + text[cut:], 0) == alone, (text[:cut], text[cut:])


def found_at(guardrail: Guardrail, text: str, at: int) -> list[tuple[int, int, str]]:
    return [(at + each.start, at + each.end, each.kind) for each in guardrail.find(View(text))]


@pytest.mark.parametrize(("name", "at"), pairs())
def test_a_silence_in_the_middle_of_a_finding_lets_no_more_of_it_through(name, at):
    guardrail, texts = made(name)[at]
    for text in (shown(each) for each, _ in texts):
        for start, end, *_ in guardrail.find(View(text)):
            for cut in range(start + 1, end, 1 + (end - start) // 16):
                held = HoldBack(Chain([Link(name, guardrail, Action.REDACT)]), Notes(), Placeholders())
                held.feed(text[:cut])
                held.decide()
                rest = joined(held.feed(text[cut:])) + joined(held.finish())
                assert not rest.startswith(text[cut:end]), (text, cut)


@pytest.mark.parametrize(("name", "at"), pairs())
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_settled_stays_so_whatever_follows(name, at, seed):
    guardrail, texts = made(name)[at]
    dice = random.Random(seed)
    text = mixed(dice, [each for each, _ in texts])
    cut = dice.randint(0, len(text))
    check_settled(guardrail, text[:cut], text)
    check_settled(guardrail, text[:cut], text[:cut] + mixed(dice, [each for each, _ in texts]))
    start = dice.randint(0, cut)
    check_window(guardrail, text, start)
    check_window(guardrail, mixed(dice, ["x" * 400, " y" * 200, "東京 " * 90]) + text, dice.randint(0, len(text)))
    check_shape(guardrail, View(text), start)
    assert start <= guardrail.settled(View(text[:cut]), start) <= cut


@pytest.mark.parametrize(("name", "at"), [pair for pair in pairs() if hasattr(made(pair[0])[pair[1]][0], "growing")])
@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_of_an_end_that_only_grows_nothing_is_settled_where_it_says_so(name, at, seed):
    guardrail, texts = made(name)[at]
    dice = random.Random(seed)
    for growing in guardrail.growing:
        before = (mixed(dice, [each for each, _ in texts]) + dice.choice(GLUE))[MAX_GROWING - MAX_OPEN :]
        end = "".join(dice.choices(OF[growing], k=dice.choice([1, 2, 3, dice.randint(1, MAX_GROWING)])))
        is_divided = any(each.start < len(before) < each.end for each in guardrail.find(View(before + end)))
        for start in () if is_divided else (0, dice.randint(0, len(before)), len(before)):
            assert guardrail.settled(View(before + end), start) <= len(before), (before, end, start)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["7", "a", "-", " ", "7-", "a.", "１", "東", "A1b2", '"', "\\", "@", "sk-", "："])
def test_no_text_however_long_is_held_back_for_ever(name, text):
    for guardrail, _ in made(name):
        for whole in (text * 700, "key: " + text * 700):
            view = View(whole)
            reaches = any(found.end == len(whole) for found in guardrail.find(view))
            assert reaches or len(whole) - guardrail.settled(view) <= MAX_OPEN


@pytest.mark.parametrize("name", NAMES)
def test_what_reached_the_end_goes_on_in_a_stream_as_it_does_in_a_whole_text(name):
    """A finding longer than what is held back: the rest of it, told piece by piece, ends where the whole one ends."""
    for guardrail, texts in made(name):
        for text, _ in texts:
            for found in guardrail.find(View(text)):
                for cut in range(found.start + MAX_OPEN, found.end):
                    early = [each for each in guardrail.find(View(text[:cut])) if each.end == cut]
                    if early and cut - guardrail.settled(View(text[:cut])) > MAX_OPEN:
                        assert early[-1].start == found.start
                        last = text[max(found.start, cut - getattr(guardrail, "tail", CONTEXT)) : cut]
                        more = guardrail.continues(early[-1].kind, last + text[cut:]) - len(last)
                        assert cut + more == found.end


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name):
    for guardrail, _ in made(name):
        assert guardrail.name == name
        assert guardrail.version
        assert guardrail.kinds


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_it_does_not_know_is_refused_by_name(name):
    with pytest.raises(OptionError) as raised:
        plugins.load("guardrail", name)({"no_such_setting": 1})
    assert raised.value.option == "no_such_setting"


def mixed(dice: random.Random, texts: list[str]) -> str:
    """Pieces of the fixture's texts, cut anywhere, glued together with what stands between words."""
    pieces = []
    for _ in range(dice.randint(1, 4)):
        text = dice.choice(texts)
        begin = dice.choice([0, 0, dice.randint(0, len(text))])
        pieces += [text[begin : dice.choice([len(text), dice.randint(begin, len(text))])], dice.choice(GLUE)]
    return "".join(pieces)


def check_shape(guardrail: Guardrail, view: View, start: int) -> None:
    at = start
    for found in guardrail.find(view, start):
        assert at <= found.start < found.end <= len(view.text)
        assert found.kind in guardrail.kinds
        assert 0 <= found.score <= 1
        assert SEPARATOR not in view.text[found.start : found.end]
        at = found.end


def check_settled(guardrail: Guardrail, text: str, longer: str) -> None:
    cut = guardrail.settled(View(text))
    before = [found for found in guardrail.find(View(text)) if found.start < cut]
    after = [found for found in guardrail.find(View(longer)) if found.start < cut]
    assert before == after, (text, longer, cut)
    assert all(found.end <= cut for found in before), (text, cut)
    if len(text) - cut > MAX_OPEN:
        assert any(found.end == len(text) for found in guardrail.find(View(text))), (text, cut)


def check_window(guardrail: Guardrail, text: str, start: int) -> None:
    """The same is found by whoever sees only what is near, and knows in what table it begins."""
    window = max(0, start - REACH)
    above = below(NOTHING, fold(text[:window]))
    far = [found for found in guardrail.find(View(text)) if found.start >= start]
    assert guardrail.find(View(text), start) == far, (text, start)
    near = [
        Finding(each.start + window, each.end + window, *each[2:])
        for each in guardrail.find(View(text[window:], above), start - window)
    ]
    assert near == far, (text, start)


# --- the guide's example, as a package from outside


def guide() -> str:
    text = (ROOT.parents[2] / "docs" / "GUARDRAILS.md").read_text()
    return text.partition("\n## Writing one\n")[2].partition("```python\n")[2].partition("```")[0]


def test_the_guide_s_guardrail_keeps_the_contract_as_it_stands(tmp_path, monkeypatch):
    (tmp_path / "acme_guardrails.py").write_text(guide())
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("ticket", "acme_guardrails:TicketGuardrail", "llmgateway.guardrail")
    assert "ticket" in plugins.names("guardrail", [point])
    ticket = plugins.load("guardrail", "ticket", [point])({"project": "ACME"})
    text = "see ACME-12345, ACME-7（ACME-8）and XACME-9 or ACME-123a."
    assert [text[found.start : found.end] for found in ticket.find(View(text))] == ["ACME-12345", "ACME-7", "ACME-8"]
    texts = [text, "ACME-1", "ACME-" + "1" * 400, "-" * 300 + " ACME-2", "ＡＣＭＥ-１ ACME-3"]
    for seed in range(300):
        dice = random.Random(seed)
        mixture = mixed(dice, texts)
        cut = dice.randint(0, len(mixture))
        check_settled(ticket, mixture[:cut], mixture)
        check_window(ticket, mixture, cut)
        check_shape(ticket, View(mixture), cut)
    with pytest.raises(OptionError):
        plugins.load("guardrail", "ticket", [point])({"projects": "ACME"})


def test_the_guide_names_every_plug_in_and_all_their_settings():
    text = (ROOT.parents[2] / "docs" / "GUARDRAILS.md").read_text()
    for name in (*NAMES, *plugins.names("judge")):
        assert f"| `{name}` |" in text
