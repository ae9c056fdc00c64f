import random

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.dataplane.eventflow import EventFlow
from llmgateway.domain.operation import Operation
from llmgateway.providers.openai.provider import OpenAIProvider

STREAM = b"".join(b'data: {"choices":[{"index":0,"delta":{"content":"%d"}}]}\r\n\r\n: ping\n\n' % n for n in range(20))
END = b"data: [DONE]\n\n"


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
