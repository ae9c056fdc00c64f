"""What every evaluator that asks must do: the same bytes for the same exchange, and no verdict out of another form."""

import json

import pytest
from tests.support.evaluating import case_in

from llmgateway import plugins
from llmgateway.domain.score import read_value
from llmgateway.ports.asking import MAX_QUESTION, OpinionError
from llmgateway.ports.evaluator import Case, Unknown, Why, asks
from llmgateway.wire.options import OptionError

NEEDED = {"judge": {"route": "wise", "rubric": "Be kind."}}  # settings that have no default
NAMES = [name for name, plugin in plugins.classes("evaluator").items() if asks(plugin)]
REQUEST = {"messages": [{"role": "user", "content": "q" * 1_000_000}]}
REPLY = {"choices": [{"message": {"content": "a" * 1_000_000}}]}
CASE = case_in({"facts": {}, "request": REQUEST, "reply": REPLY, "reference": REPLY, "usual": {}})


def made(name, **options):
    return plugins.load("evaluator", name)({**NEEDED[name], **options})


@pytest.mark.parametrize("name", NAMES)
def test_it_asks_the_same_of_the_same_and_within_the_bound(name):
    questions = made(name).questions(CASE)
    assert questions == made(name).questions(CASE)
    for each in questions:
        assert each.path.startswith("/")
        assert len(each.body) <= MAX_QUESTION
        assert json.loads(each.body)["model"] == made(name).asked == NEEDED[name]["route"]


@pytest.mark.parametrize("name", NAMES)
def test_of_nothing_it_asks_nothing(name):
    for why in Why:
        assert made(name).questions(Case({}, unseen=why)) == Unknown(why)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", [b"", b"{}", b"null", b"[1]", b"\xff", b'{"choices": []}', b'{"choices": [7]}'])
def test_an_answer_of_another_form_is_no_verdict(name, answer):
    with pytest.raises(OpinionError):
        made(name).opinion([answer])


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_it_does_not_know_is_refused_by_name(name):
    with pytest.raises(OptionError) as raised:
        made(name, no_such_setting=1)
    assert raised.value.option == "no_such_setting"


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name):
    judge = made(name)
    assert judge.name == name
    assert judge.version
    assert judge.rubric
    assert all(read_value(each) for each in judge.gives)
