"""What every quick judge must do, over every registered one and the texts in its fixture.

A fixture is `tests/fixtures/judges/<name>.json`: a list of `{"options": {…}, "texts": [[text, source, kind or null], …]}`.
"""

import json
import random
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway import plugins
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.pieces import pieces_of
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import SOURCES, Judge, Piece

ROOT = Path(__file__).parents[1] / "fixtures" / "judges"
NAMES = [
    name for name, plugin in plugins.classes("judge").items() if not hasattr(plugin, "question") and not plugin.is_heavy
]


@cache
def made(name: str) -> list[tuple[Judge, list[tuple[str, str, str | None]]]]:
    cases = json.loads((ROOT / f"{name}.json").read_text())
    return [(bound(plugins.load("judge", name)(each["options"]), each), each["texts"]) for each in cases]


def bound(judge: Judge, case) -> Judge:
    """Where a case has a request, the judge is bound to it."""
    assert ("request" in case) == hasattr(judge, "bind")
    return judge.bind(case["request"], pieces_of(case["request"])) if "request" in case else judge


def pairs():
    return [(name, at) for name in NAMES for at in range(len(made(name)))]


@pytest.mark.parametrize("name", NAMES)
def test_says_which_stages_it_judges_and_whether_that_takes_long(name):
    plugin = plugins.load("judge", name)
    assert plugin.stages
    assert set(plugin.stages) <= set(Stage)
    assert plugin.is_heavy is False


def check_shape(judge: Judge, pieces: list[Piece]) -> None:
    judged = judge.judge(pieces)
    assert [each.piece for each in judged] == sorted(each.piece for each in judged)
    of_place = getattr(judge, "locates", False)
    assert len({(each.piece, each.finding if of_place else each.finding.kind) for each in judged}) == len(judged)
    for each in judged:
        assert 0 <= each.finding.start < each.finding.end <= len(pieces[each.piece].text)
        assert each.finding.kind in judge.kinds
        assert 0 <= each.finding.score <= 1


@pytest.mark.parametrize(("name", "at"), pairs())
def test_finds_what_its_fixture_says(name, at):
    judge, texts = made(name)[at]
    for text, source, kind in texts:
        assert [each.finding.kind for each in judge.judge([Piece(text, source)])] == ([kind] if kind else []), text


@pytest.mark.parametrize(("name", "at"), pairs())
def test_a_piece_is_judged_alike_in_any_company(name, at):
    judge, texts = made(name)[at]
    pieces = [Piece(text, source) for text, source, _ in texts]
    alone = [(index, each.finding) for index, piece in enumerate(pieces) for each in judge.judge([piece])]
    assert [(each.piece, each.finding) for each in judge.judge(pieces)] == alone
    assert judge.judge(pieces) == judge.judge(pieces)
    check_shape(judge, pieces)


@pytest.mark.parametrize(("name", "at"), pairs())
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), noise=st.text(max_size=60), source=st.sampled_from(SOURCES))
def test_any_text_is_judged_without_an_error(name, at, seed, noise, source):
    judge, texts = made(name)[at]
    dice = random.Random(seed)
    text = dice.choice(texts)[0]
    cut = dice.randint(0, len(text))
    check_shape(judge, [Piece(text[:cut] + noise + text[cut:], source), Piece(noise, source), Piece("", source)])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["\ud800", "\x00", "A" * 5000, "%41" * 2000, "41" * 3000, "\U000e0041", "あ" * 5000])
def test_odd_texts_are_judged_without_an_error(name, text):
    for judge, _ in made(name):
        check_shape(judge, [Piece(text, source) for source in SOURCES])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_where_nothing_is(name):
    for judge, _ in made(name):
        assert judge.judge([]) == []
        assert judge.judge([Piece("", source) for source in SOURCES]) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name):
    for judge, _ in made(name):
        assert judge.name == name
        assert judge.version
        assert judge.kinds


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_it_does_not_know_is_refused_by_name(name):
    with pytest.raises(OptionError) as raised:
        plugins.load("judge", name)({"no_such_setting": 1})
    assert raised.value.option == "no_such_setting"
