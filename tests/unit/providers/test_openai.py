"""What is particular to OpenAI's API as a backend, beyond its recorded replies."""

import pytest

from llmgateway.domain.operation import Operation
from llmgateway.domain.usage import Usage
from llmgateway.providers.openai.chat import ChatReader
from llmgateway.providers.openai.provider import OpenAIProvider
from llmgateway.providers.openai.responses import ResponsesReader
from llmgateway.providers.openai.usage import read_usage
from llmgateway.wire.jsoncodec import decode, encode
from llmgateway.wire.replies import MAX_TEXT

PROVIDER = OpenAIProvider()


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/api/openai/v1", "/api/openai/v1/chat/completions"),
        ("", "/chat/completions"),
        ("/", "/chat/completions"),
        ("/v1beta/openai", "/v1beta/openai/chat/completions"),
    ],
)
def test_the_base_url_has_the_version_itself(base: str, expected: str) -> None:
    assert PROVIDER.target(base, "/v1/chat/completions") == expected


def test_the_key_goes_as_a_bearer_token() -> None:
    assert list(PROVIDER.credential("sk-1")) == [(b"authorization", b"Bearer sk-1")]


def test_an_account_without_money_is_not_a_rate_limit() -> None:
    error = PROVIDER.fault(429, b'{"error":{"code":"insufficient_quota"}}')
    assert error is not None
    assert (error.code, error.retryable) == ("upstream_auth", False)


@pytest.mark.parametrize("name", ["responses.retrieve", "files.content", "batches.retrieve", "threads", "models.list"])
def test_what_was_counted_when_it_was_made_is_not_counted_again(name: str) -> None:
    reader = PROVIDER.reader(Operation(name, is_stateful=True))
    reader.whole(b'{"usage":{"prompt_tokens":5,"completion_tokens":5}}')
    assert reader.usage.is_empty


def test_an_unknown_endpoint_is_counted_where_it_works_something_out_only() -> None:
    for is_repeatable, expected in ((False, 5), (True, None)):
        reader = PROVIDER.reader(Operation("other", is_repeatable=is_repeatable))
        reader.whole(b'{"usage":{"input_tokens":5,"output_tokens":5}}')
        assert reader.usage.input_tokens == expected


# --- usage


def test_the_last_sensible_count_wins_and_totals_are_not_added() -> None:
    usage = Usage()
    read_usage(usage, {"prompt_tokens": 3, "completion_tokens": 1})
    read_usage(usage, {"prompt_tokens": 3, "completion_tokens": 2})
    read_usage(usage, {"prompt_tokens": -3, "completion_tokens": "9", "prompt_tokens_details": None})
    assert (usage.input_tokens, usage.output_tokens) == (3, 2)


@pytest.mark.parametrize("raw", [None, 5, "x", [], [1], True])
def test_usage_that_is_no_object_is_none(raw: object) -> None:
    usage = Usage()
    read_usage(usage, raw)
    assert usage.is_empty


def test_counts_beyond_reason_are_clamped() -> None:
    usage = Usage()
    read_usage(usage, {"prompt_tokens": 10**18, "completion_tokens": 1e300})
    assert (usage.input_tokens, usage.output_tokens) == (10**9, 10**9)


# --- streams


def chunk(delta: object, finish: str | None = None, index: int = 0) -> bytes:
    return encode({"id": "c", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]})


def test_a_role_is_no_content_but_anything_to_be_seen_is() -> None:
    reader = ChatReader()
    reader.event(b"", chunk({"role": "assistant", "content": "", "refusal": None}))
    assert not reader.has_content
    for part in (
        {"content": "x"},
        {"reasoning_content": "x"},
        {"reasoning": "x"},
        {"refusal": "x"},
        {"audio": {"id": "a"}},
    ):
        reader = ChatReader()
        reader.event(b"", chunk(part))
        assert reader.has_content, part
    for part in ({"tool_calls": [{"index": 0, "id": "x"}]}, {"function_call": {"name": "f"}}, {"content": [{"x": 1}]}):
        reader = ChatReader()
        reader.event(b"", chunk(part))
        assert reader.has_content, part


def test_an_answer_is_whole_when_every_choice_has_ended() -> None:
    reader = ChatReader()
    reader.event(b"", chunk({"content": "a"}))
    reader.event(b"", chunk({"content": "b"}, index=1))
    reader.event(b"", chunk({}, "stop", index=1))
    assert not reader.is_complete
    reader.event(b"", chunk({}, "length"))
    assert (reader.is_complete, reader.is_finished, reader.finish_reason) == (True, False, "length")


def test_what_follows_done_is_ignored() -> None:
    reader = ChatReader()
    reader.event(b"", chunk({"content": "a"}, "stop"))
    for data in (b"[DONE]", b"[DONE]", chunk({"content": "b"}), b"{bad"):
        reader.event(b"", data)
    assert reader.parse_errors == 0
    assert decode(reader.message() or b"")["choices"][0]["message"]["content"] == "a"


def test_a_fault_in_the_stream_keeps_it_from_being_whole() -> None:
    reader = ChatReader()
    reader.event(b"", chunk({"content": "a"}))
    reader.event(b"", b'{"error":{"message":"boom"}}')
    reader.event(b"", chunk({}, "error"))
    reader.event(b"", b"[DONE]")
    assert (reader.error, reader.is_complete, reader.is_finished) == ("boom", False, True)


def test_an_endless_answer_is_kept_up_to_the_limit() -> None:
    reader = ChatReader()
    piece = chunk({"content": "x" * 1_000_000})
    for _ in range(12):
        reader.event(b"", piece)
    assert reader.is_truncated
    assert len(reader.message() or b"") < MAX_TEXT + 1_000


@pytest.mark.parametrize(
    "make", [lambda n: chunk({"content": "x"}, index=n), lambda n: chunk({"tool_calls": [{"index": n}]})]
)
def test_endless_choices_and_calls_are_kept_up_to_the_limit(make: object) -> None:
    reader = ChatReader()
    for number in range(10_000):
        reader.event(b"", make(number))  # type: ignore[operator]
    assert reader.is_truncated
    reply = decode(reader.message() or b"")
    assert len(reply["choices"]) + len(reply["choices"][0]["message"].get("tool_calls", ())) <= 8_193


def test_an_endless_response_is_kept_up_to_the_limit() -> None:
    reader = ResponsesReader()
    for number in range(10_000):
        for kind in ("response.output_text.delta", "response.function_call_arguments.delta"):
            reader.event(b"", encode({"type": kind, "output_index": number, "delta": "x" * 100}))
        reader.event(b"", encode({"type": "response.output_item.added", "output_index": number, "item": {"a": "b"}}))
    assert reader.is_truncated
    assert len(reader.texts) + len(reader._items) <= 8_192


def test_a_response_s_event_is_known_by_its_name_where_the_data_has_no_type() -> None:
    reader = ResponsesReader()
    reader.event(b"response.completed", b'{"response":{"id":"r","status":"completed","usage":{"input_tokens":1}}}')
    assert (reader.response_id, reader.usage.input_tokens, reader.is_finished) == ("r", 1, True)


def test_a_response_that_runs_in_the_background_has_no_finish_reason_yet() -> None:
    reader = ResponsesReader()
    reader.whole(b'{"id":"r","status":"queued","usage":null}')
    assert (reader.finish_reason, reader.is_complete) == (None, True)


def test_a_fault_keeps_a_response_from_being_whole() -> None:
    reader = ResponsesReader()
    reader.event(b"", b'{"type":"error","message":"boom"}')
    reader.event(b"", b'{"type":"response.completed","response":{"id":"r","status":"completed"}}')
    assert (reader.error, reader.is_complete, reader.is_finished) == ("boom", False, True)
