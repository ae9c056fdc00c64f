"""What is particular to Anthropic's API as a backend, beyond its recorded replies."""

import pytest

from llmgateway.domain.operation import Operation
from llmgateway.domain.usage import Usage
from llmgateway.providers.anthropic.messages import MessagesReader
from llmgateway.providers.anthropic.provider import AnthropicProvider
from llmgateway.providers.anthropic.usage import Counts
from llmgateway.wire.jsoncodec import decode, encode
from llmgateway.wire.replies import MAX_TEXT

PROVIDER = AnthropicProvider()


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("", "/v1/messages?beta=true"),
        ("/", "/v1/messages?beta=true"),
        ("/anthropic", "/anthropic/v1/messages?beta=true"),
        ("/v1", "/v1/messages?beta=true"),
        ("/proxy/v1/", "/proxy/v1/messages?beta=true"),
    ],
)
def test_the_base_url_lacks_the_version(base: str, expected: str) -> None:
    assert PROVIDER.target(base, "/v1/messages?beta=true") == expected


def test_the_key_has_a_header_of_its_own() -> None:
    assert list(PROVIDER.credential("sk-1")) == [(b"x-api-key", b"sk-1")]


def test_a_version_is_sent_where_the_caller_sent_none() -> None:
    assert (b"anthropic-version", b"2023-06-01") in list(PROVIDER.defaults())
    assert b"anthropic-version" in PROVIDER.forwarded


def test_an_account_without_credit_is_not_the_caller_s_fault() -> None:
    error = PROVIDER.fault(400, b'{"error":{"message":"Your credit balance is too low to access the API."}}')
    assert error is not None
    assert (error.code, error.retryable) == ("upstream_auth", False)


@pytest.mark.parametrize("name", ["messages.batches.results", "messages.batches.retrieve", "files.content"])
def test_what_was_counted_when_it_was_made_is_not_counted_again(name: str) -> None:
    reader = PROVIDER.reader(Operation(name, is_stateful=True))
    reader.whole(b'{"usage":{"input_tokens":5,"output_tokens":5}}')
    assert reader.usage.is_empty


def test_input_holds_what_came_from_the_cache_and_went_to_it() -> None:
    counts = Counts(Usage())
    counts.read({"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20})
    counts.read({"output_tokens": 7})
    counts.read({"input_tokens": 6, "output_tokens": 9})
    usage = counts.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.output_tokens) == (126, 100, 20, 9)


def test_absurd_counts_stay_within_reason() -> None:
    counts = Counts(Usage())
    counts.read({"input_tokens": 10**18, "cache_read_input_tokens": 10**18, "output_tokens": -1})
    assert (counts.usage.input_tokens, counts.usage.output_tokens) == (10**9, None)


def begun() -> MessagesReader:
    reader = MessagesReader()
    reader.event(b"", b'{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}')
    return reader


def block(index: int, **content: object) -> bytes:
    return encode({"type": "content_block_start", "index": index, "content_block": content})


def test_an_empty_block_is_no_content_but_a_tool_is() -> None:
    reader = begun()
    reader.event(b"", block(0, type="text", text=""))
    assert not reader.has_content
    reader.event(b"", block(1, type="tool_use", id="t", name="f", input={}))
    assert reader.has_content


def test_an_event_is_known_by_its_name_where_the_data_has_no_type() -> None:
    reader = begun()
    reader.event(b"message_stop", b"{}")
    assert (reader.is_finished, reader.is_complete) == (True, True)


def test_a_stop_reason_makes_the_answer_whole_and_what_follows_the_stop_is_ignored() -> None:
    reader = begun()
    reader.event(b"", b'{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}')
    assert not reader.is_complete
    reader.event(b"", b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}')
    assert (reader.is_complete, reader.is_finished) == (True, False)
    reader.event(b"", b'{"type":"message_stop"}')
    reader.event(b"", block(0, type="text", text="late"))
    assert decode(reader.message() or b"")["content"] == []


def test_a_fault_keeps_the_answer_from_being_whole() -> None:
    reader = begun()
    reader.event(b"error", b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    reader.event(b"", b'{"type":"message_delta","delta":{"stop_reason":"end_turn"}}')
    reader.event(b"", b'{"type":"message_stop"}')
    assert (reader.error, reader.is_complete, reader.is_finished) == ("Overloaded", False, True)


def test_a_broken_off_tool_input_stays_a_string() -> None:
    reader = begun()
    reader.event(b"", block(0, type="tool_use", id="t", name="f", input={}))
    delta = {"type": "input_json_delta", "partial_json": '{"a'}
    reader.event(b"", encode({"type": "content_block_delta", "index": 0, "delta": delta}))
    assert decode(reader.message() or b"")["content"][0]["input"] == '{"a'


def test_an_endless_message_is_kept_up_to_the_limit() -> None:
    reader = begun()
    for number in range(10_000):
        reader.event(b"", block(number, type="text", text="x" * 500))
    delta = encode({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 10**6}})
    for _ in range(10):
        reader.event(b"", delta)
    assert reader.is_truncated
    assert len(reader.message() or b"") < MAX_TEXT
