"""What a backend may have a session remember, whatever it calls things."""

import json

import pytest
from tests.support.guardrails import chain, numbers
from tests.unit.guarding.test_session import BLOCKING, given_of, guarded, text_delta, written

from llmgateway.domain.errors import GatewayError
from llmgateway.guarding import names as module
from llmgateway.guarding.facts import MAX_SAID, MAX_SYSTEM
from llmgateway.guarding.names import ENTRY, MAX_NAME, MAX_NAMES, Names, Owners
from llmgateway.guarding.told import MAX_KNOWN, Told


def test_each_name_is_counted_with_what_remembering_it_takes():
    names = Names()
    assert names.take("abc")
    assert names.size == ENTRY + 3
    assert names.take("日本")
    assert names.size == 2 * ENTRY + 3 + 2 * 4
    assert names.take(("item", "abc", "0"))
    assert names.size > 3 * ENTRY


def test_long_names_and_more_than_there_is_room_for_are_not_taken(monkeypatch):
    names = Names()
    assert not names.take("x" * (MAX_NAME + 1))
    assert names.size == 0
    monkeypatch.setattr(module, "MAX_NAMES", 3 * (ENTRY + 1))
    assert [names.take("x") for _ in range(5)] == [True, True, True, False, False]
    assert names.size == 3 * (ENTRY + 1)


def test_an_owner_is_open_until_it_is_over_and_counted_once():
    names = Names()
    owners = Owners(names)
    assert owners.is_open("r")
    assert not owners.is_open(("item", "i", "0"))
    assert not owners.is_open(None)
    owners.bar("r")
    assert owners.is_barred("r")
    owners.end("r")
    owners.end("r")
    assert (owners.is_barred("r"), owners.is_over("r"), owners.is_open("r")) == (False, True, False)
    assert names.size == ENTRY + 1


@pytest.mark.parametrize("step", ["bar", "end"])
def test_so_many_owners_are_remembered_and_no_more(monkeypatch, step):
    monkeypatch.setattr(module, "MAX_OWNERS", 3)
    owners = Owners(Names())
    for number in range(3):
        getattr(owners, step)(f"r{number}")
    with pytest.raises(GatewayError):
        getattr(owners, step)("r3")


def hostile(number: int) -> list[dict]:
    """Events of one response with names as long as they may be, of characters as wide as there are."""
    name = f"{number}" + "\U0001f600" * (MAX_NAME - 10)
    at = {"response_id": f"r{name}", "item_id": f"i{name}", "output_index": 0, "content_index": 0}
    whole = {"id": f"i{name}", "type": "message", "content": [{"type": "text", "text": "a"}]}
    return [
        {"type": "response.created", "response": {"id": f"r{name}"}},
        {"type": "conversation.item.added", "item": {"id": f"j{name}", "type": "function_call", "call_id": f"c{name}"}},
        text_delta("a", **at),
        {"type": "response.output_text.done", **at, "text": "a"},
        {"type": "response.done", "response": {"id": f"r{name}", "status": "completed", "output": [whole]}},
    ]


@pytest.mark.parametrize("holds", [True, False])
def test_what_a_session_remembers_of_names_has_a_bound_and_counts(monkeypatch, holds):
    monkeypatch.setattr(module, "MAX_NAMES", 100_000)
    session = guarded(holds=holds, tells=holds)
    with pytest.raises(GatewayError) as error:
        for number in range(1_000):
            for event in hostile(number):
                for held in session.heard(written(event)).ready:
                    session.released(held, [])
    assert error.value.code == "guardrail_unsupported"
    assert 50_000 < session._names.size <= 100_000
    assert session.held >= session._names.size


def test_a_long_session_of_usual_names_stays_far_below_it():
    session = guarded(holds=True, tells=True)
    for number in range(300):
        at = {"response_id": f"resp_{number:024}", "item_id": f"item_{number:024}"}
        done = {"id": at["response_id"], "status": "completed", "output": []}
        for event in (
            {"type": "response.created", "response": {"id": at["response_id"]}},
            text_delta("a", **at),
            {"type": "response.output_text.done", **at, "text": "a"},
            {"type": "response.done", "response": done},
        ):
            for held in session.heard(written(event)).ready:
                session.released(held, [])
    assert session._names.size * 10_000 / 300 < MAX_NAMES
    assert session.held < session._names.size + MAX_SAID + MAX_SYSTEM


def test_what_carries_what_waits_has_a_bound_and_counts_until_nothing_waits():
    session = guarded(reply=BLOCKING)
    given = []
    for number in range(100):
        event = text_delta("12", response_id="r", item_id=f"i{number}", odd={f"n{at}": "x" * 1000 for at in range(200)})
        given += given_of(session.heard(written(event)))
        assert session._stream.carried <= 8 * 1024 * 1024 + len(written(event))
        if session._owners.is_barred("r"):
            break
    assert [each["error"]["code"] for each in given if each["type"] == "error"] == ["guardrail_unsupported"]
    assert number > 30
    assert session._stream.carried == 0


def test_a_text_that_is_over_carries_nothing():
    session = guarded(reply=chain(numbers()))
    for number in range(5):
        at = {"response_id": "r", "item_id": f"i{number}"}
        session.heard(written(text_delta("12", **at, odd="x" * 10_000)))
        assert session.held > 10_000
        session.heard(written({"type": "response.output_text.done", **at, "text": "12"}))
    assert session._stream.carried == 0
    assert session.held < 10_000


def test_members_with_long_names_are_not_remembered():
    told = Told()
    event = {f"{at}" + "x" * 300: "short" for at in range(10)}
    told.remember(event)
    assert told._known == {("", None)}
    told.remember({f"n{at}": "short" for at in range(10 * MAX_KNOWN)})
    assert len(told._known) <= MAX_KNOWN


def test_a_long_event_is_not_remembered_whole():
    told = Told()
    event = {"list": ["same"] * 20_000}
    told.remember(event)
    assert told.is_known(event, json.dumps(event).encode())
    assert told._last == b""
