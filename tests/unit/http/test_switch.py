"""Another protocol on the same connection, on both sides: bytes as they come, with every bound still held."""

import asyncio

import pytest
from tests.support.caller_wire import bench, turns
from tests.support.http_client import FakeTransport, RecordingReceiver

from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.client import SWITCH, Timeouts
from llmgateway.http.client_reply import ReplyParser
from llmgateway.http.connection import WRITE_BUFFER_BYTES, Connection
from llmgateway.http.deadlines import Sweeper
from llmgateway.http.limits import Limits
from llmgateway.http.server import Incoming

OFFER = b"GET /v1/realtime HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
GRANT = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
HEAD = b"upgrade: websocket\r\nconnection: upgrade\r\n"


class Sink:
    def __init__(self, incoming: Incoming | None = None) -> None:
        self.pieces: list[bytes] = []
        self.incoming = incoming

    def data(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def end(self) -> None:
        raise AssertionError("it has no end")

    def fail(self, error: GatewayError) -> None:
        raise AssertionError(error)


# --- callers ---


def switching():
    """A handler that agrees, and stays until it is told to end."""
    seen: list[tuple[Incoming, Sink]] = []
    over = asyncio.Event()

    async def handler(incoming: Incoming) -> None:
        sink = Sink()
        seen.append((incoming, sink))
        incoming.switch(HEAD, sink)
        await over.wait()
        incoming.end(b"last")

    return handler, seen, over


@pytest.mark.parametrize("size", [1, 7, 1_000])
async def test_what_a_caller_sends_behind_its_offer_reaches_the_sink_as_it_came(size) -> None:
    handler, seen, over = switching()
    sent = OFFER + b"\x81\x00\r\n\r\nGET / HTTP/1.1\r\n\r\n" * 3
    async with bench(handler) as b:
        protocol, transport = b.connect()
        for at in range(0, len(sent), size):
            protocol.data_received(sent[at : at + size])
        await turns()
        protocol.data_received(b"and more")
        (incoming, sink) = seen[0]
        assert b"".join(sink.pieces) == sent[len(OFFER) :] + b"and more"
        assert transport.sent.startswith(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        )
        assert transport.sent.endswith(b"\r\n\r\n")
        incoming.write(b"as it is")
        over.set()
        await turns()
        assert transport.sent.endswith(b"\r\n\r\nas it islast")
        assert transport.is_half_closed
        assert len(seen) == 1


async def test_a_caller_is_read_no_further_while_its_sink_rests() -> None:
    handler, seen, _ = switching()
    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(OFFER)
        await turns()
        (incoming, sink) = seen[0]
        incoming.pause()
        assert not transport.is_reading
        protocol.data_received(b"x" * 100_000)  # was on its way
        assert sink.pieces == []
        incoming.resume()
        assert transport.is_reading
        assert [len(piece) for piece in sink.pieces] == [65_536, 34_464]


async def test_what_waits_behind_an_offer_is_bounded() -> None:
    async def handler(incoming: Incoming) -> None:
        await asyncio.Event().wait()

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(OFFER)
        await turns()
        protocol.data_received(b"x" * (Limits().backlog_bytes + 1))
        assert not transport.is_reading


async def test_no_deadline_for_bodies_and_none_for_idle_connections_is_the_protocols() -> None:
    handler, _, _ = switching()
    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(OFFER)
        await turns()
        await b.after(10_000)
        assert not transport.is_closed
        assert protocol.deadline is None


async def test_a_caller_that_takes_nothing_is_dropped_here_too() -> None:
    left: list[GatewayError | None] = []

    async def handler(incoming: Incoming) -> None:
        incoming.switch(HEAD, Sink())
        incoming.write(b"x" * 20_000)
        try:
            await asyncio.Event().wait()
        finally:
            left.append(incoming.left)

    async with bench(handler) as b:
        protocol, _ = b.connect(blocked=True)
        protocol.data_received(OFFER)
        await turns()
        for _ in range(25):
            await b.after(3)
        assert [error.code for error in left if error] == ["client_stalled"]


async def test_a_refused_offer_of_a_websocket_ends_the_connection() -> None:
    async def handler(incoming: Incoming) -> None:
        incoming.respond(426, b"", b"")

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(OFFER + b"GET /v1/models HTTP/1.1\r\nHost: g\r\n\r\n")
        await turns()
        assert b"connection: close\r\n" in transport.sent
        assert len(b.seen) == 1


async def test_a_request_gets_one_reply() -> None:
    problems: list[Exception] = []

    async def handler(incoming: Incoming) -> None:
        for act in (lambda: incoming.switch(b"not a line", Sink()), lambda: incoming.switch(HEAD, Sink())):
            try:
                act()
            except ValueError as error:
                problems.append(error)
        try:
            incoming.switch(HEAD, Sink())
        except RuntimeError as error:
            problems.append(error)

    async with bench(handler) as b:
        protocol, transport = b.connect()
        protocol.data_received(OFFER)
        await turns()
        assert [type(problem) for problem in problems] == [ValueError, RuntimeError]
        assert transport.sent.count(b"HTTP/1.1") == 1


# --- backends ---


@pytest.mark.parametrize("size", [1, 10, 1_000])
def test_after_a_101_that_was_asked_for_bytes_are_body(size) -> None:
    parser = ReplyParser()
    parser.begin(is_head=False)
    parser.may_switch = True
    sent = b"HTTP/1.1 103 Early\r\n\r\n" + GRANT + b"\x81\x02hi" + GRANT
    for at in range(0, len(sent), size):
        parser.feed(sent[at : at + size])
    assert (parser.status, parser.fault, parser.is_complete, parser.is_delimited) == (101, None, False, False)
    assert parser.headers == [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
    assert b"".join(parser.body) == b"\x81\x02hi" + GRANT
    assert not parser.is_reusable


def test_the_next_request_may_not_switch_unless_it_asks_again() -> None:
    parser = ReplyParser()
    parser.begin(is_head=False)
    parser.may_switch = True
    parser.feed(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n")
    assert parser.is_reusable
    parser.begin(is_head=False)
    parser.feed(GRANT)
    assert parser.fault is not None
    assert parser.fault.code == "upstream_protocol"


class Owner:
    def __init__(self) -> None:
        self.forgotten: list[Connection] = []

    def release(self, connection: Connection) -> None:
        raise AssertionError("nobody else may use it")

    def forget(self, connection: Connection) -> None:
        self.forgotten.append(connection)


class Stage:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sweeper = Sweeper(self.clock)
        self.owner = Owner()
        self.transport = FakeTransport()
        self.connection = Connection(self.owner, self.clock, self.sweeper)
        self.connection.connection_made(self.transport)
        self.receiver = RecordingReceiver()
        self.connection.send(b"GET / HTTP/1.1\r\n\r\n", SWITCH, self.receiver, Timeouts(10, 5, 60))

    def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.sweeper.sweep()


async def test_a_backend_that_switches_is_pushed_to_and_heard_without_deadlines() -> None:
    stage = Stage()
    stage.connection.data_received(GRANT + b"first")
    assert stage.receiver.status == 101
    stage.connection.switch()
    stage.after(100_000)
    assert stage.connection.is_open
    stage.connection.data_received(b"second")
    assert b"".join(stage.receiver.pieces) == b"firstsecond"
    before = len(stage.transport.written)
    stage.connection.send_piece(b"out")
    assert stage.transport.written[before:] == b"out"
    stage.connection.eof_received()
    assert stage.owner.forgotten == [stage.connection]
    stage.connection.send_piece(b"too late")  # does no harm
    assert stage.transport.written[before:] == b"out"


async def test_until_it_switches_its_deadlines_hold() -> None:
    stage = Stage()
    stage.after(10)
    assert stage.receiver.error is not None
    assert stage.receiver.error.code == "upstream_timeout"


async def test_a_connection_whose_offer_was_refused_is_not_used_again() -> None:
    stage = Stage()
    stage.connection.data_received(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n")
    assert stage.receiver.events == [("head", (429, [(b"content-length", b"0")])), ("end", True)]
    assert stage.owner.forgotten == [stage.connection]


async def test_the_receiver_hears_of_a_full_buffer() -> None:
    stage = Stage()
    stage.connection.data_received(GRANT)
    stage.connection.switch()
    stage.connection.pause_writing()
    stage.connection.resume_writing()
    assert stage.receiver.writable == [False, True]
    assert WRITE_BUFFER_BYTES == 64 * 1024
