"""The pretend model's conversation, event by event: pure, and the same each time."""

import pytest

from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.realtime import MOST_TURNS, Session


def user(text: str) -> dict:
    return {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]},
    }


def talked(session: Session, *events) -> list[dict]:
    return [answer for event in events for answer in session.take(event)]


def test_it_answers_what_was_asked_and_says_the_same_again():
    first, again = (
        talked(Session("gpt-realtime", Knobs()), user("Where is the river?"), {"type": "response.create"})
        for _ in range(2)
    )
    assert first == again
    kinds = list(dict.fromkeys(event["type"] for event in first))
    assert kinds == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_item.done",
        "response.done",
    ]
    text = "".join(event["delta"] for event in first if event["type"] == "response.output_text.delta")
    assert "Where is the river?" in text
    response = first[-1]["response"]
    assert response["output"][0]["content"][0]["text"] == text
    usage = response["usage"]
    assert usage["output_tokens"] == sum(event["type"] == "response.output_text.delta" for event in first)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


def test_what_was_said_before_is_part_of_the_next_prompt():
    session = Session("m", Knobs())
    one = talked(session, user("hi"), {"type": "response.create"})[-1]["response"]["usage"]
    two = talked(session, {"type": "response.create"})[-1]["response"]["usage"]
    assert two["input_tokens"] > one["input_tokens"] + one["output_tokens"]


def test_settings_of_the_session_are_kept_but_not_its_model():
    session = Session("m", Knobs())
    (updated,) = talked(session, {"type": "session.update", "session": {"instructions": "Be brief.", "model": "other"}})
    assert updated["session"]["instructions"] == "Be brief."
    assert updated["session"]["model"] == session.greeting()["session"]["model"] == "m"


def test_an_answer_may_be_cut():
    asked = {"type": "response.create", "response": {"max_output_tokens": 3}}
    response = talked(Session("m", Knobs()), user("hi"), asked)[-1]["response"]
    assert (response["status"], response["usage"]["output_tokens"]) == ("incomplete", 3)
    assert response["status_details"]["reason"] == "max_output_tokens"


@pytest.mark.parametrize("event", [{}, {"type": 7}, {"type": "response.sing", "event_id": "e1"}, {"type": ["x"]}])
def test_what_is_not_known_is_told(event):
    (told,) = talked(Session("m", Knobs()), event)
    assert (told["type"], told["error"]["event_id"]) == ("error", event.get("event_id"))


def test_a_conversation_is_bounded():
    session = Session("m", Knobs())
    answers = talked(session, *[user("x")] * (MOST_TURNS + 1))
    assert answers[-1]["type"] == "error"
    assert len(session.turns) == MOST_TURNS
