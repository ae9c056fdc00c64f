"""Requests that a model server's cache would find alike have the same number, others have not."""

import pytest

from llmgateway.routing.affinity import MAX_BYTES, affinity

SYSTEM = {"role": "system", "content": "You are terse."}
FIRST = {"role": "user", "content": "What is a gateway?"}
CHAT = {"model": "m", "messages": [SYSTEM, FIRST]}


def test_the_next_turn_of_a_conversation_begins_alike():
    answer, second = {"role": "assistant", "content": "A door."}, {"role": "user", "content": "Whose?"}
    assert affinity(CHAT) == affinity({**CHAT, "messages": [SYSTEM, FIRST, answer, second]})


@pytest.mark.parametrize(
    "other",
    [
        {**CHAT, "messages": [{**SYSTEM, "content": "You are kind."}, FIRST]},
        {**CHAT, "messages": [SYSTEM, {**FIRST, "content": "What is a door?"}]},
        {**CHAT, "tools": [{"type": "function", "function": {"name": "f"}}]},
        {"system": "You are terse.", "messages": [FIRST]},
    ],
)
def test_another_beginning_is_another_number(other):
    assert affinity(other) != affinity(CHAT)


def test_parameters_do_not_matter():
    assert affinity({**CHAT, "temperature": 1, "stream": True, "model": "n"}) == affinity(CHAT)


@pytest.mark.parametrize(
    "document",
    [
        {"input": "hello"},
        {"instructions": "be terse", "input": [{"role": "user", "content": "hello"}, {"role": "assistant"}]},
        {"prompt": ["one", "two"]},
        {"messages": [None, 7, {"role": None}]},
        {"messages": "no list"},
        {"system": [{"type": "text", "text": "x"}], "messages": [FIRST]},
    ],
)
def test_every_kind_of_request_has_a_beginning(document):
    assert affinity(document) == affinity(dict(document))
    assert 0 <= affinity(document) < 2**64


@pytest.mark.parametrize("document", [None, {}, {"file": "x"}, {"messages": []}])
def test_what_has_none_has_none(document):
    assert affinity(document) is None


def test_only_the_beginning_of_a_long_prompt_is_looked_at():
    long = "x" * MAX_BYTES
    assert affinity({"prompt": long + "a"}) == affinity({"prompt": long + "b"})
    assert affinity({"prompt": "a" + long}) != affinity({"prompt": "b" + long})
