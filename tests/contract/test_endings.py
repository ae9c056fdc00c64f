"""What every shape must do whose blocked streams end well: cut anywhere, the SDK's own helpers find a clean end.

Over every recorded stream: what has come before an event goes on, the event is blocked, and the words follow.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from tests.support.wire_cases import Case, cases, operation

from llmgateway import plugins
from llmgateway.ports.provider import Provider
from llmgateway.ports.shape import StreamShape
from llmgateway.wire.jsoncodec import JsonError, decode
from llmgateway.wire.sse import SseDecoder

WORDS = "I can't help with that."
ODD = {  # the SDKs stumble over these, whole; in the last there is nothing behind the first event
    "messages_stream_odd_events",
    "chat_stream_odd_chunks",
    "chat_stream_tools_without_index",
    "responses_stream_cut",
    "chat_stream_cut",
}


@cache
def provider(name: str) -> Provider:
    return plugins.load("provider", name)()


def shape_of(case: Case) -> StreamShape | None:
    found = provider(case.folder.parent.name)
    return found.shape(operation(found.dialect, case))


def has_an_ending(case: Case) -> bool:
    return (
        case.is_stream
        and "error" not in case.folder.name
        and case.folder.name not in ODD
        and shape_of(case) is not None
    )


CASES = [case for name in plugins.names("provider") for case in cases(name) if has_an_ending(case)]


def events_of(case: Case) -> list[tuple[bytes, bytes]]:
    return [(name, data) for name, data, _ in SseDecoder().feed(case.reply + b"\n\n") if data]


def blocked_ones(case: Case) -> Iterator[tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]], Any]]:
    """What goes on before an event, what follows instead of it, and which channel was to blame."""
    shape, events = shape_of(case), events_of(case)
    assert shape is not None
    for at, (_, data) in enumerate(events):
        try:
            channels = [slot.channel for slot in shape.pieces(decode(data)).slots]
        except JsonError:
            return  # [DONE]
        for channel in (None, *channels):
            ending = shape.ending()
            for _, before in events[:at]:
                ending.event(before)
            words = ending.refused(WORDS, channel)
            assert words is not None
            yield events[:at], list(words), channel


def written(events: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join((b"event: " + name + b"\n" if name else b"") + b"data: " + data + b"\n\n" for name, data in events)


def http(events: bytes) -> httpx2.Client:
    reply = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=events)
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: reply))


def read_chat(events: bytes) -> Any:
    with openai.OpenAI(api_key="k", base_url="http://g/v1", http_client=http(events), max_retries=0) as client:
        state = ChatCompletionStreamState()
        for chunk in client.chat.completions.create(model="m", messages=[], stream=True):
            list(state.handle_chunk(chunk))
        # How it tells of this reason (or of another choice's), and of no fault of the stream.
        with pytest.raises((openai.ContentFilterFinishReasonError, openai.LengthFinishReasonError)):
            state.get_final_completion()
        return state.current_completion_snapshot


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stream_that_is_blocked_anywhere_ends_as_its_sdk_expects(case: Case) -> None:
    check = CHECKS[operation(provider(case.folder.parent.name).dialect, case).name]
    begun = 0
    for before, words, channel in blocked_ones(case):
        if not words:
            assert begun == 0  # once it has begun there is an end
            continue
        begun += 1
        check(written([*before, *words]), before, words, channel)
    assert begun


def check_chat(events: bytes, before: Any, words: Any, channel: Any) -> None:
    done = read_chat(events)
    blocked = channel[0] if channel is not None else None
    said = [choice for choice in done.choices if (choice.message.content or "").endswith(WORDS)]
    assert len(said) == 1
    assert said[0].finish_reason == "content_filter"
    assert said[0].message.role == "assistant"
    assert blocked is None or said[0].index == blocked
    assert all(choice.finish_reason for choice in done.choices)
    assert events.endswith(b"data: [DONE]\n\n")
    wants_usage = any(b'"usage"' in data for _, data in before)
    assert (done.usage is not None) == wants_usage


def check_completion(events: bytes, _before: Any, _words: Any, channel: Any) -> None:
    with openai.OpenAI(api_key="k", base_url="http://g/v1", http_client=http(events), max_retries=0) as client:
        chunks = list(client.completions.create(model="m", prompt="", stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert choices[-1].finish_reason == "content_filter"
    assert any(choice.text.endswith(WORDS) for choice in choices)
    assert events.endswith(b"data: [DONE]\n\n")


def check_response(events: bytes, before: Any, words: Any, channel: Any) -> None:
    with (
        openai.OpenAI(api_key="k", base_url="http://g/v1", http_client=http(events), max_retries=0) as client,
        client.responses.stream(model="m", input="x") as stream,
    ):
        seen = list(stream)
    last = seen[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "content_filter"
    assert last.response.output_text.endswith(WORDS)
    numbers = [event.sequence_number for event in seen]
    assert numbers == sorted(set(numbers))
    for kind in ("output_item", "content_part", "reasoning_summary_part"):
        opened = [place(event) for event in seen if event.type == f"response.{kind}.added"]
        assert opened == [] or sorted(opened) == sorted(
            place(event) for event in seen if event.type == f"response.{kind}.done"
        )
    for event in seen:  # a text that is done is what its pieces add up to
        if event.type == "response.output_text.done":
            pieces = [each.delta for each in seen if each.type == "response.output_text.delta" and same(each, event)]
            assert "".join(pieces) == event.text
    done = [event.item for event in seen if event.type == "response.output_item.done"]
    assert [item.id for item in last.response.output] == [item.id for item in done]


def place(event: Any) -> tuple[int, int, int]:
    return event.output_index, getattr(event, "content_index", -1), getattr(event, "summary_index", -1)


def same(one: Any, other: Any) -> bool:
    return place(one) == place(other)


def check_message(events: bytes, before: Any, words: Any, channel: Any) -> None:
    with (
        anthropic.Anthropic(api_key="k", base_url="http://g", http_client=http(events), max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=1, messages=[]) as stream,
    ):
        seen = list(stream)
        message = stream.get_final_message()
    assert message.stop_reason == "refusal"
    assert any(block.type == "text" and block.text.endswith(WORDS) for block in message.content)
    assert seen[-1].type == "message_stop"
    kinds = [event.type for event in seen]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop")
    assert message.usage.input_tokens > 0


CHECKS = {
    "chat.completions": check_chat,
    "completions": check_completion,
    "responses": check_response,
    "messages": check_message,
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_makes_no_sense_leaves_no_exception(case: Case) -> None:
    shape = shape_of(case)
    assert shape is not None
    for odd in (b"[]", b"{}", b"5", b'{"type":5}', b'{"choices":5}', b'{"choices":[5]}', b'{"type":"content_block_stop"}',
                b'{"choices":[{"index":"a"}]}', b'{"type":"response.output_item.added"}', b"\xff", b"{"):  # fmt: skip
        ending = shape.ending()
        for _, data in events_of(case)[:-1]:
            ending.event(data)
        ending.event(odd)
        ending.refused(WORDS, ("odd",))
        ending.refused(WORDS, None)


def test_more_open_parts_than_anybody_needs_have_no_good_end() -> None:
    made = {
        "chat.completions": lambda at: b'{"choices":[{"index":%d,"delta":{"content":"a"}}]}' % at,
        "messages": lambda at: b'{"type":"content_block_start","index":%d,"content_block":{"type":"text"}}' % at,
        "responses": lambda at: b'{"type":"response.output_item.added","output_index":%d,"item":{"id":"i"}}' % at,
    }
    for case in CASES:
        make = made.get(operation(provider(case.folder.parent.name).dialect, case).name)
        shape = shape_of(case)
        if make is None or shape is None:
            continue
        ending = shape.ending()
        ending.event(events_of(case)[0][1])
        for at in range(1, 2_000):
            ending.event(make(at))
        assert ending.refused(WORDS, None) is None


def test_a_response_of_which_more_was_said_than_is_kept_has_no_good_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmgateway.wire.replies.MAX_TEXT", 20_000)
    (case,) = [case for case in CASES if case.folder.name == "responses_stream"]
    shape, events = shape_of(case), events_of(case)
    assert shape is not None
    (piece, *_) = [data for _, data in events if b"output_text.delta" in data]
    for times, is_known in ((10, True), (2_000, False)):
        ending = shape.ending()
        for _, data in [*events[:4], *[(b"", piece.replace(b'"delta":"', b'"delta":"' + b"x" * 10))] * times]:
            ending.event(data)
        assert (ending.refused(WORDS, shape.pieces(decode(piece)).slots[0].channel) is not None) == is_known
