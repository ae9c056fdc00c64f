import gzip
import json

import pytest

from llmgateway.dataplane.reply import HEARTBEAT, HEARTBEAT_S, HOLD_S, MAX_ERROR, MAX_HELD, MAX_WHOLE, Reply, Way
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Attempt, AttemptKind
from llmgateway.domain.operation import Operation
from llmgateway.providers.openai.provider import OpenAIProvider

SSE = [(b"content-type", b"text/event-stream; charset=utf-8")]
JSON = [(b"content-type", b"application/json")]
DONE = b"data: [DONE]\n\n"


class Outlet:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        self.pieces.append(piece)


def delta(text: str = "", **choice) -> bytes:
    return b"data: %b\n\n" % json.dumps({"choices": [{"index": 0, "delta": {"content": text}, **choice}]}).encode()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def reply(clock):
    attempt = Attempt("one", "v1", AttemptKind.FIRST, clock.monotonic())
    return Reply(attempt, OpenAIProvider().reader(Operation("chat.completions")), clock, secrets=(b"sk-secret",))


async def test_json_is_judged_whole(reply):
    reply.on_head(200, JSON)
    reply.on_data(b'{"usage":')
    assert not reply.ready.done()
    reply.on_data(b"{}}")
    reply.on_end(is_delimited=True)
    assert (reply.ready.done(), reply.done.done(), reply.body()) == (True, True, b'{"usage":{}}')


async def test_a_stream_is_held_until_its_first_content_and_then_let_go(reply):
    outlet = Outlet()
    reply.on_head(200, SSE)
    reply.on_data(delta())
    assert not reply.ready.done()
    reply.on_data(delta("a"))
    assert reply.ready.done()
    reply.release(outlet)
    reply.on_data(delta("b"))
    assert outlet.pieces == [delta() + delta("a"), delta("b")]


async def test_the_last_piece_of_a_stream_stays_behind_for_the_journal(reply):
    outlet = Outlet()
    reply.on_head(200, SSE)
    reply.on_data(delta("a"))
    reply.release(outlet)
    reply.on_data(delta("b") + DONE + b"data: after the end\n\n")
    assert (outlet.pieces, reply.last) == ([delta("a")], delta("b") + DONE)
    reply.on_data(b"more")
    reply.on_end(is_delimited=True)
    assert reply.fault is None


async def test_a_silent_stream_is_let_go_after_a_while_and_kept_alive_from_then_on(reply, clock):
    outlet = Outlet()
    reply.on_head(200, SSE)
    assert reply.deadline == clock.monotonic() + HOLD_S
    reply.expire()
    assert reply.ready.done()
    reply.release(outlet)
    clock.advance(HEARTBEAT_S)
    reply.expire()
    assert outlet.pieces == [HEARTBEAT]


async def test_no_heartbeat_goes_into_a_stream_that_speaks_or_is_in_the_middle_of_an_event_or_has_ids(reply, clock):
    outlet = Outlet()
    reply.on_head(200, SSE)
    reply.on_data(delta("a"))
    reply.release(outlet)
    clock.advance(HEARTBEAT_S - 1)
    reply.on_data(delta("b"))
    clock.advance(2)
    reply.expire()
    assert reply.deadline == clock.monotonic() - 2 + HEARTBEAT_S
    clock.advance(HEARTBEAT_S)
    reply.on_data(b"data: {")
    reply.expire()
    reply.on_data(b"}\n\nid: 7\ndata: {}\n\n")
    clock.advance(HEARTBEAT_S)
    reply.expire()
    assert HEARTBEAT not in outlet.pieces


async def test_half_an_event_waits_for_its_other_half(reply):
    outlet = Outlet()
    reply.on_head(200, SSE)
    reply.on_data(delta("a"))
    reply.release(outlet)
    event = delta("b")
    reply.on_data(event[:10])
    reply.on_data(event[10:20])
    reply.on_data(event[20:] + delta("c")[:5])
    assert outlet.pieces == [delta("a"), event]


async def test_a_very_long_event_goes_on_in_parts(reply):
    outlet = Outlet()
    reply.on_head(200, SSE)
    reply.on_data(delta("a"))
    reply.release(outlet)
    for _ in range(10):
        reply.on_data(b"data: " + b"x" * MAX_HELD if not outlet.pieces[1:] else b"x" * MAX_HELD)
    assert sum(map(len, outlet.pieces)) > 9 * MAX_HELD


async def test_a_stream_without_content_is_not_held_beyond_a_bound(reply):
    reply.on_head(200, SSE)
    for _ in range(3):
        reply.on_data(b": " + b"x" * MAX_HELD + b"\n\n")
    assert reply.ready.done()


async def test_a_stream_that_ends_early_has_a_fault(reply):
    reply.on_head(200, SSE)
    reply.on_data(delta("a"))
    reply.on_end(is_delimited=True)
    assert reply.fault.code == "upstream_truncated"


async def test_a_stream_that_only_lacks_its_last_event_or_blank_line_is_whole(reply):
    reply.on_head(200, SSE)
    reply.on_data(delta("a") + delta(finish_reason="stop") + b"data: [DONE]")
    reply.on_end(is_delimited=True)
    assert (reply.fault, reply.last) == (None, b"data: [DONE]\n\n")


async def test_a_refusal_is_read_as_far_as_it_helps_and_our_key_in_it_masked(reply):
    reply.on_head(400, JSON)
    reply.on_data(b"key sk-secret " + b"x" * MAX_ERROR * 2)
    reply.on_end(is_delimited=True)
    assert len(reply.body()) <= MAX_ERROR
    assert reply.body().startswith(b"key *** ")
    assert "sk-secret" not in reply.complaint


async def test_json_too_long_to_hold_is_passed_on(reply):
    outlet = Outlet()
    reply.on_head(200, JSON)
    while not reply.ready.done():
        reply.on_data(b" " * 1024 * 1024)
    assert reply.way is Way.PIECES
    reply.release(outlet)
    reply.on_data(b"a")
    reply.on_data(b"b")
    reply.on_end(is_delimited=True)
    assert sum(map(len, outlet.pieces)) >= MAX_WHOLE
    assert (outlet.pieces[-1], reply.last) == (b"a", b"b")


async def test_a_compressed_answer_is_opened_and_a_cut_one_noticed(reply, clock):
    packed = gzip.compress(b'{"choices":[]}')
    reply.on_head(200, [*JSON, (b"content-encoding", b"gzip"), (b"content-length", b"9")])
    reply.on_data(packed[:10])
    reply.on_data(packed[10:])
    reply.on_end(is_delimited=True)
    assert (reply.body(), reply.header(b"content-encoding")) == (b'{"choices":[]}', None)
    cut = Reply(reply.attempt, OpenAIProvider().reader(Operation("embeddings")), clock)
    cut.on_head(200, [*JSON, (b"content-encoding", b"gzip")])
    cut.on_data(packed[:-6])
    cut.on_end(is_delimited=True)
    assert cut.fault.code == "upstream_truncated"


@pytest.mark.parametrize("encoding", [b"br", b"gzip, gzip"])
async def test_an_encoding_nobody_asked_for_is_a_fault(reply, encoding):
    reply.on_head(200, [*JSON, (b"content-encoding", encoding)])
    assert reply.fault.code == "upstream_encoding"


async def test_a_fault_of_the_connection_is_kept_and_only_the_first_counts(reply):
    reply.on_fault(GatewayError("upstream_timeout"), reusable_retry=True)
    reply.on_fault(GatewayError("upstream_error"), reusable_retry=False)
    assert (reply.fault.code, reply.done.done(), reply.ready.done()) == ("upstream_timeout", True, True)


async def test_its_state_is_told_in_one_line(reply):
    reply.on_head(200, SSE)
    assert repr(reply) == "<Reply 200 events held 0 B fault=None>"
