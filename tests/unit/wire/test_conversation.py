"""A conversation that goes on."""

from llmgateway.wire.conversation import continued

TURNS = [{"role": "assistant", "content": "a"}, {"role": "user", "content": "no"}]


def test_two_turns_follow_and_all_else_stays():
    first = {"role": "user", "content": "hi"}
    document = {"model": "m", "messages": [first]}
    assert continued(document, "messages", "a", "no") == {"model": "m", "messages": [first, *TURNS]}
    assert document == {"model": "m", "messages": [first]}


def test_a_text_is_a_users_message_and_what_is_no_conversation_is_none():
    assert continued({"input": "hi"}, "input", "a", "no") == {"input": [{"role": "user", "content": "hi"}, *TURNS]}
    assert continued({"input": 3}, "input", "a", "no") is None
    assert continued({}, "messages", "a", "no") is None
