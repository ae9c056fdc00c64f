"""Neighbouring texts: which ones they are, and what is found in more than one of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.guardrails import chain, numbers, word

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.body import Sieve
from llmgateway.guarding.chain import Link
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.neighbours import rows
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guardrails.secrets.guardrail import Secrets


def found(document, **more):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return [[json.loads(body[start:end]) for start, end in row] for row in rows(body, **more)]


def parts(*texts, **more):
    return [{"type": "text", "text": each, **more} for each in texts]


def test_texts_of_one_array_are_neighbours_and_no_others():
    assert found({"content": parts("a", "b")}) == [["a", "b"]]
    assert found([{"content": parts("a")}, {"content": parts("b")}]) == []
    assert found([{"content": parts("a", "b")}, {"content": parts("c", "d")}]) == [["a", "b"], ["c", "d"]]
    assert found({"content": [*parts("a"), {"type": "tool_result", "content": parts("x", "y")}, *parts("b")]}) == [
        ["x", "y"],
        ["a", "b"],
    ]
    assert found({"content": [{"transcript": "a"}, {"type": "audio", "transcript": "b"}]}) == [["a", "b"]]
    assert found({"text": "a", "more": {"text": "b"}}) == []
    assert found({"content": [{"thinking": "a"}, {"text": "b"}, {"thinking": "c"}]}) == [["a", "c"]]


@pytest.mark.parametrize("odd", ['{"', "}]", '\\"text": "', "\\\\", '"text"', "\\"])
def test_what_strings_say_is_no_structure(odd):
    assert found({"content": [{odd: odd, "text": odd}, {odd: [odd], "text": "b"}]}) == [[odd, "b"]]


def test_of_a_text_that_comes_twice_nobody_knows_which_is_read():
    body = b'[{"text": "a", "text": "b"}, {"text": "c"}]'
    with pytest.raises(GatewayError) as caught:
        found(body)
    assert caught.value.code == "guardrail_unsupported"
    assert found(body, is_strict=False) == [["a", "b", "c"]]
    assert found(b'[{"text": "a", "text": "b"}]') == []


def test_a_long_way_between_them_is_followed():
    deep = json.loads("[" * 90 + "]" * 90)
    wide = [[{}]] * 300
    assert found({"content": [*parts("a"), deep, wide, *parts("b", more=deep)]}) == [["a", "b"]]


def judged(document, *links, notes=None, placeholders=None):
    sieve = Sieve(chain(*links), Stage.REQUEST, notes or Notes(), placeholders or Placeholders())
    return json.loads(sieve.json(json.dumps(document).encode()))


@given(st.lists(st.text("12a"), min_size=2, max_size=6))
def test_whatever_the_cuts_the_parts_add_up_to_what_redacting_the_whole_gives(texts):
    after = "".join(each["text"] for each in judged(parts(*texts), numbers()))
    (whole,) = judged(parts("".join(texts)), numbers())
    if all(run.isalpha() or len(run) < 4 for each in texts for run in each.replace("a", " a ").split()):
        assert after == whole["text"]
    assert judged(parts(after), numbers()) == parts(after)


def test_each_finding_is_counted_once():
    notes = Notes()
    numbers_seen = numbers(Action.FLAG)
    judged(parts("1234 12", "345 678", "99 ", "1"), numbers_seen, notes=notes)
    assert sum(notes.counts.values()) == 3


def test_a_value_that_comes_back_is_the_whole_one():
    placeholders = Placeholders()
    after = judged(parts("so 12", "", "3", "45 it is"), numbers(restore=True), placeholders=placeholders)
    assert [each["text"] for each in after] == ["so <NUMBER_1>", "", "", " it is"]
    assert list(placeholders.values.values()) == ["12345"]


def test_what_only_looks_refuses_nothing():
    body = b'[{"text": "a", "text": "b"}, {"text": "c"}]'
    sieve = Sieve(chain(word("bc", mode=Mode.OBSERVE)), Stage.REQUEST, Notes(), Placeholders(), is_strict=True)
    assert sieve.json(body) == body


def secrets(action=Action.REDACT):
    return Link("secrets", Secrets({}), action)


def said_of(document, *links, stage=Stage.REQUEST, notes=None):
    sieve = Sieve(chain(*links), stage, notes or Notes(), Placeholders(), is_strict=True)
    return json.loads(sieve.json(json.dumps(document).encode()))


@pytest.mark.parametrize("stage", Stage)
def test_a_text_may_say_what_stands_in_the_next_one(stage):
    document = {"content": parts("bob's password: ", "Tr0ub4dor&3horse is it", "and a bird")}
    kept = said_of(document, secrets(), stage=stage)
    assert [each["text"] for each in kept["content"]] == ["bob's password: ", "[SECRET_PASSWORD] is it", "and a bird"]
    with pytest.raises(Blocked):
        said_of(document, secrets(Action.BLOCK), stage=stage)


def test_what_a_text_has_by_itself_is_counted_once():
    notes = Notes()
    said_of(
        {"content": parts("hello", "password: Tr0ub4dor&3horse", "12345", "67890")}, secrets(), numbers(), notes=notes
    )
    assert [(each["kind"], each["count"]) for each in notes.rows()] == [("number", 1), ("secret.password", 1)]


def test_each_of_many_texts_is_looked_at_no_more_than_twice_however_much_is_in_it():
    looks: list[int] = []

    class Counted(Secrets):
        def find(self, view, start=0):
            looks.append(len(view.text))
            return super().find(view, start)

    texts = ["password: Tr0ub4dor&3horse password: Tr0ub4dor&4horse password: Tr0ub4dor&5horse"] * 20
    said_of({"content": parts(*texts)}, Link("secrets", Counted({}), Action.REDACT))
    assert len(looks) < 2 * len(texts)


def test_choices_are_read_apart():
    choices = {"choices": [{"index": 0, "text": "1234"}, {"index": 1, "text": "567"}]}
    assert found(choices) == [["1234", "567"]]
    assert found(choices, is_reply=True) == []
    assert found({"choices": [{"message": {"content": parts("a", "b")}}]}, is_reply=True) == [["a", "b"]]
    assert said_of(choices, numbers(least=7), stage=Stage.REPLY) == choices
    assert said_of(choices, numbers(least=7)) != choices
