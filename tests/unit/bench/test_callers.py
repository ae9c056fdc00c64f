"""The generator's callers read replies however they are cut, and count what is wrong with them."""

import pytest
from bench import payload
from bench.callers import StreamCaller, Tally, WholeCaller
from hypothesis import given
from hypothesis import strategies as st


class Wire:
    def __init__(self):
        self.written = []
        self.is_aborted = False

    def write(self, piece):
        self.written.append(piece)

    def abort(self):
        self.is_aborted = True


def caller(kind):
    tally, freed = Tally(), []
    made = kind(b"REQUEST", tally, freed.append)
    made.connection_made(Wire())
    made.go(0.0)
    return made, tally, freed


def framed(piece):
    return b"%x\r\n%b\r\n" % (len(piece), piece)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
TOKENS = [framed(payload.chunk(payload.stamp(float(n)))) for n in range(1, 4)]
STREAM = b"".join([HEAD, framed(payload.first_chunk()), *TOKENS, framed(payload.last_chunks(3)), b"0\r\n\r\n"])
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@given(st.sets(st.integers(min_value=1, max_value=len(STREAM) - 1), max_size=12))
def test_a_stream_is_over_at_its_end_however_it_is_cut(cuts):
    made, tally, freed = caller(StreamCaller)
    edges = [0, *sorted(cuts), len(STREAM)]
    for start, end in zip(edges, edges[1:], strict=False):
        assert freed == []
        made.data_received(STREAM[start:end])
    assert freed == [made]
    assert (tally.done, tally.errors, tally.complaints) == (1, 0, [])


def test_a_stream_is_read_byte_by_byte():
    made, tally, freed = caller(StreamCaller)
    for at in range(len(STREAM)):
        made.data_received(STREAM[at : at + 1])
    assert (tally.done, tally.errors) == (1, 0)
    assert freed == [made]


def test_the_end_may_be_cut_by_a_proxys_own_chunks():
    made, tally, _ = caller(StreamCaller)
    made.data_received(HEAD + TOKENS[0] + framed(b"data: [DO") + framed(b"NE]\n\n") + b"0\r\n\r\n")
    assert (tally.done, tally.errors) == (1, 0)


def test_a_stream_without_its_last_event_is_an_error():
    made, tally, freed = caller(StreamCaller)
    made.data_received(HEAD + TOKENS[0] + b"0\r\n\r\n")
    assert tally.errors == 1
    assert freed == [made]


def test_the_longest_gap_is_counted_less_the_gap_the_backend_made(monkeypatch):
    made, tally, _ = caller(StreamCaller)
    made.data_received(HEAD)
    for came, piece in zip((1.01, 2.31, 3.02), TOKENS, strict=True):
        monkeypatch.setattr("bench.callers.monotonic", lambda now=came: now)
        made.data_received(piece)
    assert tally.stall == pytest.approx(0.3)
    assert tally.stalls == 1
    assert tally.transit.largest == pytest.approx(0.31)


@pytest.mark.parametrize("size", [1, 7, len(WHOLE)])
def test_a_whole_reply_is_over_with_its_last_byte(size):
    made, tally, freed = caller(WholeCaller)
    for at in range(0, len(WHOLE), size):
        assert freed == []
        made.data_received(WHOLE[at : at + size])
    assert freed == [made]
    assert tally.done == 1
    assert len(tally.latencies) == 1


def test_a_chunked_reply_is_over_with_its_last_chunk():
    made, tally, _ = caller(WholeCaller)
    made.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
    assert tally.done == 0
    made.data_received(b"0\r\n\r\n")
    assert tally.done == 1


@pytest.mark.parametrize("kind", [WholeCaller, StreamCaller])
def test_a_refusal_is_an_error_and_ends_the_connection(kind):
    made, tally, freed = caller(kind)
    made.data_received(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
    assert (tally.done, tally.errors) == (0, 1)
    assert not made.is_open
    assert freed == [made]


def test_a_connection_that_breaks_in_a_reply_is_an_error_and_an_idle_one_is_not():
    made, tally, freed = caller(WholeCaller)
    made.connection_lost(None)
    assert (tally.errors, freed) == (1, [made])
    made.connection_lost(None)
    assert tally.errors == 1
