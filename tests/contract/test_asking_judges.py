"""What every judge that asks somebody must do, over every registered one and the cases in its fixture.

A fixture is `tests/fixtures/asking/<name>.json`: a list of `{"options": {…}, "cases": […]}`. A case has `pieces` and
`context` (lists of [text, source]), the question (`path` and `body`, or `body` null where nothing is asked) and
`answers`: each a `body` (JSON, or a text that is none) and what it `says`, a list of [piece, start, end, kind, score],
or "senseless".
"""

import json
import random
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway import plugins
from llmgateway.domain.verdict import Stage
from llmgateway.ports.asking import MAX_QUESTION, AskingJudge, OpinionError, Whom
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import SOURCES, Piece

ROOT = Path(__file__).parents[1] / "fixtures" / "asking"
NAMES = [name for name, plugin in plugins.classes("judge").items() if hasattr(plugin, "question")]
CANARY = "qZ7-canary-9kX"
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just(CANARY)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner))


@dataclass
class Case:
    """One case of a fixture, with a judge made for it."""

    judge: AskingJudge
    pieces: list[Piece]
    context: list[Piece]
    path: str
    body: Any
    answers: list[tuple[bytes, Any]]


@cache
def cases(name: str) -> list[Case]:
    return [
        Case(
            judge=judge,
            pieces=[Piece(*each) for each in case["pieces"]],
            context=[Piece(*each) for each in case.get("context", [])],
            path=case.get("path", ""),
            body=case["body"],
            answers=[(encoded(each["body"]), each["says"]) for each in case.get("answers", [])],
        )
        for definition in json.loads((ROOT / f"{name}.json").read_text())
        for judge in [plugins.load("judge", name)(definition["options"])]
        for case in definition["cases"]
    ]


def encoded(answer: Any) -> bytes:
    return answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()


def judges(name: str) -> list[AskingJudge]:
    """One of each definition of the fixture."""
    return list({id(case.judge): case.judge for case in cases(name)}.values())


def every():
    return [(name, at) for name in NAMES for at in range(len(cases(name)))]


def answered():
    return [(name, at) for name, at in every() if cases(name)[at].answers]


def listen(case: Case, answer: bytes, pieces: list[Piece] | None = None) -> list[Any]:
    """What the judge makes of an answer; an error or a finding that breaks a law fails the test."""
    pieces = case.pieces if pieces is None else pieces
    try:
        judged = case.judge.opinion(answer, pieces)
    except OpinionError as error:
        check_silence(error, answer, pieces)
        return ["senseless"]
    check_shape(case.judge, judged, pieces)
    return [(each.piece, *each.finding) for each in judged]


def check_silence(error: OpinionError, answer: bytes, pieces: list[Piece]) -> None:
    assert str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    shown = str(error)
    assert CANARY not in shown
    assert not any(len(each.text) > 3 and each.text in shown for each in pieces)
    assert len(answer) < 4 or answer.decode("utf-8", "replace") not in shown


def check_shape(judge: AskingJudge, judged: list[Any], pieces: list[Piece]) -> None:
    assert [each.piece for each in judged] == sorted(each.piece for each in judged)
    of_place = getattr(judge, "locates", False)
    assert len({(each.piece, each.finding if of_place else each.finding.kind) for each in judged}) == len(judged)
    for each in judged:
        assert type(each.piece) is int
        assert 0 <= each.piece < len(pieces)
        assert 0 <= each.finding.start < each.finding.end <= len(pieces[each.piece].text)
        assert each.finding.kind in judge.kinds
        assert 0 <= each.finding.score <= 1


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is_and_whom_it_asks(name):
    for judge in judges(name):
        assert judge.name == name
        assert judge.version
        assert 0 < len(judge.kinds) <= 200
        assert set(judge.stages) <= set(Stage)
        assert isinstance(judge.is_windowed, bool)
        assert judge.whom in set(Whom)
        assert judge.asked


@pytest.mark.parametrize("name", NAMES)
def test_whom_it_asks_is_the_setting_of_that_name(name):
    for definition in json.loads((ROOT / f"{name}.json").read_text()):
        judge = plugins.load("judge", name)(definition["options"])
        assert judge.asked == definition["options"][judge.whom.value]
        without = {key: value for key, value in definition["options"].items() if key != judge.whom.value}
        with pytest.raises(OptionError) as raised:
            plugins.load("judge", name)(without)
        assert raised.value.option == judge.whom.value


@pytest.mark.parametrize(("name", "at"), every())
def test_asks_what_its_fixture_says(name, at):
    case = cases(name)[at]
    question = case.judge.question(case.pieces, case.context)
    if case.body is None:
        assert question is None
        return
    assert question is not None
    assert question.path == case.path
    assert question.path.startswith("/")
    assert json.loads(question.body) == case.body


@pytest.mark.parametrize(("name", "at"), every())
def test_the_same_texts_give_the_same_question_byte_for_byte(name, at):
    case = cases(name)[at]
    again = [Piece(str(each.text), each.source) for each in case.pieces]
    assert case.judge.question(case.pieces, case.context) == case.judge.question(again, list(case.context))


@pytest.mark.parametrize(("name", "at"), answered())
def test_understands_the_answers_of_its_fixture(name, at):
    case = cases(name)[at]
    for answer, says in case.answers:
        expected = ["senseless"] if says == "senseless" else [tuple(each) for each in says]
        assert listen(case, answer) == expected, answer


@pytest.mark.parametrize(("name", "at"), every())
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.tuples(st.text(max_size=80), st.sampled_from(SOURCES)), max_size=8), cut=st.integers(0, 8))
def test_any_texts_can_be_asked_about(name, at, texts, cut):
    judge = cases(name)[at].judge
    pieces = [Piece(*each) for each in texts]
    question = judge.question(pieces[cut:], pieces[:cut])
    if question is not None:
        assert isinstance(json.loads(question.body), dict)
        assert any(each.text.strip() for each in pieces[cut:])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["\x00", "😀", "x", '"', "\ud800", "あ\n"])
def test_however_much_there_is_a_question_is_small(name, text):
    for judge in judges(name):
        long = [Piece(text * 40_000, source) for source in SOURCES] * 20
        short = [Piece(text * 3, source) for source in SOURCES] * 2_000
        for pieces in (long, short):
            for context in ([], pieces):
                question = judge.question(pieces, context)
                assert question is not None
                assert len(question.body) <= MAX_QUESTION
                json.loads(question.body)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_asked_where_nothing_is(name):
    for case in cases(name):
        assert case.judge.question([], case.context) is None
        assert case.judge.question([Piece("", source) for source in SOURCES], case.context) is None
        assert case.judge.question([Piece(" \n", "user")], []) is None


@pytest.mark.parametrize(("name", "at"), answered())
@settings(max_examples=60, deadline=None)
@given(answer=st.binary(max_size=60) | JSON.map(lambda each: json.dumps(each).encode()))
def test_any_bytes_are_an_opinion_or_an_opinion_error(name, at, answer):
    listen(cases(name)[at], answer)


@pytest.mark.parametrize(("name", "at"), answered())
def test_answers_that_were_cut_are_no_opinion(name, at):
    case = cases(name)[at]
    for answer, _ in case.answers:
        if answer.startswith(b"{"):
            for cut in {*range(0, len(answer), 7), len(answer) - 1}:
                assert listen(case, answer[:cut]) == ["senseless"]


@pytest.mark.parametrize(("name", "at"), answered())
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), other=JSON)
def test_answers_with_something_else_in_one_place_break_no_law(name, at, seed, other):
    dice = random.Random(seed)
    case = cases(name)[at]
    answer, _ = dice.choice(case.answers)
    if not answer.startswith(b"{"):
        return
    document = deepcopy(json.loads(answer))
    places = list(every_place(document))
    if places:
        holder, key = dice.choice(places)
        holder[key] = other
    listen(case, json.dumps(document).encode())
    listen(case, json.dumps(document).encode(), [Piece(CANARY, "user")])
    listen(case, json.dumps(document).encode(), [])


def every_place(document: Any):
    keys = document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in list(keys):
        yield document, key
        yield from every_place(document[key])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", [b"", b"null", b"[]", b"{}", b"[" * 5_000, b'{"a":' * 5_000, b"\xff{}", b'"ok"'])
def test_odd_answers_are_no_opinion(name, answer):
    for case in cases(name):
        assert listen(case, answer) == ["senseless"]


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_it_does_not_know_is_refused_by_name(name):
    with pytest.raises(OptionError) as raised:
        plugins.load("judge", name)({"no_such_setting": 1})
    assert raised.value.option == "no_such_setting"
