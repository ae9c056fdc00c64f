"""What every evaluator must do, over every registered rule and the exchanges in its fixture.

A fixture is `tests/fixtures/evaluators/<name>.json`: a list of exchanges, with the plug-in's `options`, the `facts` of
the row, `request`, `reply` and `reference` as JSON documents or null, what is `usual`, and what is said of it: the values
of the scores, or the reason why there are none. Those that ask somebody are tried in `test_asking_evaluators.py`.
"""

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.evaluating import case_in

from llmgateway import plugins
from llmgateway.domain.score import MAX_COMMENT, read_value
from llmgateway.ports.evaluator import Case, Unknown, Why, asks
from llmgateway.wire.options import OptionError

ROOT = Path(__file__).parents[1] / "fixtures" / "evaluators"
NAMES = [name for name, plugin in plugins.classes("evaluator").items() if not asks(plugin)]


@cache
def cases(name: str) -> list[dict[str, Any]]:
    return json.loads((ROOT / f"{name}.json").read_text())


def made(name: str, case: dict[str, Any]):
    return plugins.load("evaluator", name)(case["options"])


def checked(evaluator, case: Case):
    """What it says, which has the shape that all must have."""
    said = evaluator.evaluate(case)
    assert said == evaluator.evaluate(case)
    if isinstance(said, Unknown):
        assert said.why in set(Why)
        return said
    assert [each.name for each in said] == [name for name in evaluator.gives if name in {each.name for each in said}]
    for each in said:
        read_value(each.value)
        assert type(each.is_bad) is bool
        assert each.comment is None or 0 < len(each.comment) <= MAX_COMMENT
    return said


@pytest.mark.parametrize(("name", "at"), [(name, at) for name in NAMES for at in range(len(cases(name)))])
def test_says_what_its_fixture_says(name, at):
    case = cases(name)[at]
    said = checked(made(name, case), case_in(case))
    found = said.why.value if isinstance(said, Unknown) else [each.value for each in said]
    assert found == case["says"], case


@pytest.mark.parametrize("name", NAMES)
def test_its_fixture_has_good_bad_and_unknown_ones(name):
    said = [made(name, case).evaluate(case_in(case)) for case in cases(name)]
    assert any(isinstance(each, Unknown) for each in said)
    assert len({each[0].value for each in said if not isinstance(each, Unknown)}) > 1


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is_and_what_it_needs(name):
    evaluator = made(name, cases(name)[0])
    assert evaluator.name == name
    assert evaluator.version
    assert evaluator.gives
    assert type(evaluator.needs_bodies) is type(evaluator.needs_reference) is bool
    assert all(isinstance(each, str) for each in evaluator.measures)


@pytest.mark.parametrize("name", NAMES)
def test_of_nothing_it_says_nothing(name):
    evaluator = made(name, {"options": {}})
    for why in Why:
        said = checked(evaluator, Case({}, unseen=why))
        assert isinstance(said, Unknown)


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_it_does_not_know_is_refused_by_name(name):
    with pytest.raises(OptionError) as raised:
        plugins.load("evaluator", name)({"no_such_setting": 1})
    assert raised.value.option == "no_such_setting"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), noise=st.text(max_size=80), more=st.recursive(st.none() | st.text(), st.lists))
def test_any_exchange_is_judged_without_an_error(name, seed, noise, more):
    dice = random.Random(seed)
    case = dice.choice(cases(name))
    reply = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": noise, "refusal": more}}],
        "output": more,
    }
    checked(made(name, case), case_in({**case, "reply": reply, "reference": reply}))
    checked(made(name, case), case_in({**case, "reply": {"content": more, "choices": noise}}))


WRONG = (None, True, 0, 1.5, "", "x", [], {}, [[1]], {"a": [1]})


def spoiled(value: Any, dice: random.Random, share: float) -> Any:
    """The same document with something else in the place of some of its parts."""
    if dice.random() < share:
        return dice.choice(WRONG)
    if isinstance(value, dict):
        return {name: spoiled(inner, dice, share) for name, inner in value.items()}
    return [spoiled(inner, dice, share) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", NAMES)
def test_any_part_of_a_request_or_reply_may_be_anything(name):
    dice = random.Random(7)
    for _ in range(600):
        case = dice.choice(cases(name))
        bodies = {part: spoiled(case[part], dice, 0.15) for part in ("request", "reply", "reference")}
        bodies = {part: body if isinstance(body, dict) else None for part, body in bodies.items()}
        checked(made(name, case), case_in({**case, **bodies}))
