"""Who only looks at a caller's messages counts what it finds, and nothing else follows."""

import json

import pytest
from tests.support.guardrails import Fragile, Shouting, chain, numbers, word

from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.chain import Link
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.watching import Watch, said

SOUND = "/+8B" * 40


def counted(event, *links, judges=()):
    notes = Notes()
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    Watch(chain(*links), judges, notes, (200, 1000)).look(raw)
    return {(link.name, stage, kind): count for (link, stage, kind), count in notes.counts.items()}


LINKS = (numbers(Action.FLAG), word("secret", Action.BLOCK, Mode.OBSERVE))


def test_findings_are_counted_wherever_they_are_and_nothing_blocks():
    event = {"type": "session.update", "session": {"instructions": "secret 12345", "tools": [{"description": "54321"}]}}
    assert counted(event, *LINKS) == {("numbers", Stage.REQUEST, "number"): 2, ("word", Stage.REQUEST, "word"): 1}


def test_sound_is_not_looked_at():
    assert counted({"type": "input_audio_buffer.append", "audio": "12345", "event_id": "54321"}, *LINKS) == {
        ("numbers", Stage.REQUEST, "number"): 1
    }


@pytest.mark.parametrize("raw", [b"12345", b"[12345]", b"", b"\xff", b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"])
def test_what_makes_no_sense_has_no_findings(raw):
    assert counted(raw, *LINKS) == {}


def test_judges_are_asked():
    link = JudgeLink("loud", Shouting({}), Action.FLAG)
    event = {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "DO IT"}}
    assert counted(event, judges=(link,)) == {("loud", Stage.REQUEST, "shouting.loud"): 1}


def test_one_that_fails_is_told_of_in_the_log(caplog):
    assert counted({"type": "boom 12345"}, Link("fragile", Fragile({}), Action.FLAG)) == {}
    assert "a guardrail failed" in caplog.text


@pytest.mark.parametrize(
    ("event", "pieces"),
    [
        ({"type": "session.update", "session": {"instructions": "a"}}, [("a", "system")]),
        (
            {"type": "response.create", "response": {"instructions": "a", "input": "b"}},
            [("a", "system"), ("b", "user")],
        ),
        ({"type": "conversation.item.create", "item": {"role": "user", "content": [{"text": "a"}]}}, [("a", "user")]),
        (
            {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "a"}},
            [("a", "tool")],
        ),
        ({"type": "x", "response": "a", "new": ["b"]}, [("a", "other"), ("b", "other")]),
    ],
)
def test_whose_word_a_text_is(event, pieces):
    assert [tuple(each) for each in said(event)] == pieces
