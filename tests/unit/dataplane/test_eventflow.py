import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.dataplane.eventflow import BATCH, FREE_LINES, EventFlow
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.operation import Operation
from llmgateway.providers.openai.provider import OpenAIProvider

STREAM = b"".join(b'data: {"choices":[{"index":0,"delta":{"content":"%d"}}]}\r\n\r\n: ping\n\n' % n for n in range(20))
END = b"data: [DONE]\n\n"
TOKEN = b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
FAULT = b'data: {"error":{"message":"out of memory"}}\n\n'


def passed(through: EventFlow, piece: bytes) -> bytes:
    """What goes on of a piece, as a Reply asks."""
    return piece if through.defer(piece) else through.feed(piece)


def flow(keep: int = 0) -> EventFlow:
    return EventFlow(OpenAIProvider().reader(Operation("chat.completions")), keep)


@given(st.integers(0, 10**9))
def test_however_a_stream_is_cut_its_bytes_come_out_unaltered_and_only_at_the_ends_of_events(seed):
    cut, stream, at, out = random.Random(seed), STREAM + END, 0, b""
    through = flow()
    while at < len(stream):
        step = cut.randint(1, 60)
        ready = through.feed(stream[at : at + step])
        assert not ready or ready.endswith((b"\n\n", b"\r\n", b"\r")) or ready == b"\n"  # a CRLF cut in two
        out += ready
        at += step
    assert out == stream


def test_behind_the_last_event_nothing_goes_on():
    assert flow().feed(END + b"data: {}\n\n" + END) == END


def test_what_is_left_at_the_end_is_ended_as_an_event_must_be():
    through = flow()
    assert (through.feed(STREAM) + through.feed(b"data: [DO")) == STREAM
    assert through.feed(b"NE]") == b""
    assert through.finish() == b"data: [DONE]\n\n"
    assert through._reader.is_finished


def test_the_raw_bytes_are_kept_up_to_a_bound():
    through = flow(keep=100)
    for _ in range(50):
        through.feed(b": 12345678\n\n")
    assert 100 <= sum(map(len, through.raw)) <= 112


@given(st.integers(0, 10**9), st.sampled_from([b"", b": ping\n\n", b"id: 7\n" + TOKEN, b"data: not json\n\n", FAULT]))
def test_what_is_read_later_adds_up_to_what_is_read_at_once(seed, odd):
    cut = random.Random(seed)
    pieces = [TOKEN * cut.randint(1, 5) for _ in range(cut.randint(1, 60))]
    pieces.insert(cut.randrange(len(pieces) + 1), odd)
    pieces += [b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\n', END]
    later, prompt = flow(), flow(keep=10**9)
    assert [passed(later, piece) for piece in pieces] == [prompt.feed(piece) for piece in pieces]
    later.catch_up()
    for name in ("usage", "error", "parse_errors", "has_content", "is_finished", "is_complete", "response_id"):
        assert getattr(later._reader, name) == getattr(prompt._reader, name), name
    assert later._reader.message() == prompt._reader.message()
    assert later.may_interject == prompt.may_interject


def test_what_waits_to_be_read_has_a_bound_and_does_wait():
    through = flow()
    most = 0
    for _ in range(1_000):
        passed(through, TOKEN)
        most = max(most, sum(map(len, through._unread)))
    assert len(TOKEN) < most < BATCH


def test_nothing_waits_before_the_first_content():
    through = flow()
    passed(through, b'data: {"id":"c1","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n')
    assert through._reader.response_id == "c1"
    passed(through, TOKEN)
    assert through._reader.has_content


@pytest.mark.parametrize(
    ("piece", "told"),
    [(FAULT, "error"), (END, "is_finished"), (TOKEN + FAULT, "error"), (TOKEN + END, "is_finished")],
)
def test_ends_and_faults_are_read_before_they_go_on(piece, told):
    through = flow()
    for _ in range(5):
        passed(through, TOKEN)
    passed(through, piece)
    assert getattr(through._reader, told)


def test_a_piece_that_quotes_what_must_be_masked_is_read_at_once():
    through = EventFlow(OpenAIProvider().reader(Operation("chat.completions")), 0, [b"sk-secret-of-a-backend"])
    passed(through, TOKEN)
    passed(through, TOKEN.replace(b"word", b"sk-secret-of-a-backend"))
    assert not through._unread


def test_an_end_that_hides_from_the_first_look_is_found_when_the_batch_is_read():
    through = flow()
    passed(through, TOKEN)
    passed(through, FAULT.replace(b"error", b"err\\u006fr"))
    assert through._reader.error is None
    through.catch_up()
    assert through._reader.error == "out of memory"


def test_half_an_event_is_never_taken_for_whole():
    through = flow()
    passed(through, TOKEN)
    assert passed(through, TOKEN[:20]) == b""
    assert passed(through, TOKEN[20:] + TOKEN[:9]) == TOKEN
    assert passed(through, TOKEN[9:]) == TOKEN


def test_a_flood_of_tiny_lines_is_refused_also_where_reading_waits():
    through = flow()
    passed(through, TOKEN)
    with pytest.raises(GatewayError):
        for _ in range(FREE_LINES):
            passed(through, b"data: \n\n" + b"\n" * 16 + b"\n\n")
