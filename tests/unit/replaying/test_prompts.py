"""Doubles are found, and what would have effects is not sent again."""

import pytest

from llmgateway.replaying.prompts import has_effects, is_path, prompt_hash, read


def chat(text, **more):
    return {"messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize(
    "same",
    [
        chat("where is my parcel?"),
        chat("  Where is\n my parcel? "),
        chat("Ｗhere is my parcel?"),
        chat("Where is my parcel?", model="other", user="u-7", temperature=0.3, stream=True, metadata={"a": "b"}),
    ],
)
def test_who_asks_and_how_it_is_spaced_makes_no_difference(same):
    assert prompt_hash(same) == prompt_hash(chat("Where is my parcel?"))


@pytest.mark.parametrize(
    "other",
    [
        chat("Where is my parcel"),
        chat("Where is my parcel?", tools=[{"type": "function", "function": {"name": "track"}}]),
        chat("Where is my parcel?", system="Be brief."),
        {"messages": [{"role": "system", "content": "Where is my parcel?"}]},
        {"input": "Where is my parcel?"},
    ],
)
def test_what_is_asked_does(other):
    assert prompt_hash(other) != prompt_hash(chat("Where is my parcel?"))


def test_a_request_of_unknown_shape_is_hashed_whole_and_a_deep_one_bounded():
    assert prompt_hash({"a": 1}) != prompt_hash({"a": 2})
    deep = "x"
    for _ in range(200):
        deep = [deep]
    assert len(prompt_hash({"messages": deep})) == 64


@pytest.mark.parametrize(
    "document",
    [
        {"input": "x", "previous_response_id": "r-1"},
        {"input": "x", "background": True},
        {"input": "x", "conversation": "c-1"},
        {"messages": [], "mcp_servers": [{"url": "https://example.com"}]},
        {"input": "x", "tools": [{"type": "web_search"}]},
        {"messages": [], "tools": [{"type": "bash_20250124", "name": "bash"}]},
        {"messages": [], "web_search_options": {"search_context_size": "low"}},
    ],
)
def test_what_a_provider_would_do_by_itself_is_an_effect(document):
    assert has_effects(document)


def test_tools_of_the_caller_are_none_for_nobody_carries_them_out():
    assert not has_effects({"messages": [], "tools": [{"type": "function"}, {"name": "anthropic", "input_schema": {}}]})
    assert not has_effects({"messages": [], "background": False})


def test_paths():
    assert is_path("/v1/chat/completions")
    assert is_path("/v1/messages?beta=true")
    assert not is_path("/v1/files")
    assert not is_path("http://elsewhere/v1/chat/completions")
    assert not is_path("@elsewhere/v1/chat/completions")


def test_only_objects_are_requests():
    assert read(b'{"a":1}') == {"a": 1}
    assert read(b"[1]") is None
    assert read(b'{"a":') is None
