"""The exchange on one connection, driven by hand: a fake transport below, a recording receiver above."""

import pytest
from tests.support.http_client import FakeTransport, RecordingReceiver

from llmgateway.domain.clock import ManualClock
from llmgateway.http.client import Parts, Timeouts, Upload, build_head
from llmgateway.http.connection import TLS_READ_BUFFER_BYTES, WRITE_BUFFER_BYTES, Connection
from llmgateway.http.deadlines import Sweeper

HEAD = b"POST / HTTP/1.1\r\n\r\n"
TIMEOUTS = Timeouts(first_byte_s=10, idle_s=5, total_s=60)
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class FakeOwner:
    def __init__(self) -> None:
        self.released: list[Connection] = []
        self.forgotten: list[Connection] = []

    def release(self, connection):
        self.released.append(connection)

    def forget(self, connection):
        self.forgotten.append(connection)


class Stage:
    """A connection with everything around it that is not the thing under test."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.owner = FakeOwner()
        self.sweeper = Sweeper(self.clock)
        self.transport = FakeTransport()
        self.connection = Connection(self.owner, self.clock, self.sweeper)
        self.connection.connection_made(self.transport)
        self.receiver = RecordingReceiver()

    def send(self, body=None, head=HEAD) -> RecordingReceiver:
        self.receiver = RecordingReceiver()
        self.connection.send(head, body, self.receiver, TIMEOUTS)
        return self.receiver

    def exchange(self) -> None:
        self.send()
        self.connection.data_received(REPLY)

    def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.sweeper.sweep()

    @property
    def is_closed(self) -> bool:
        closed = self.transport.is_aborted
        assert closed == (not self.connection.is_open) == (self.owner.forgotten == [self.connection])
        assert closed == (len(self.sweeper) == 0)
        return closed


@pytest.fixture
async def stage():
    stage = Stage()
    yield stage
    stage.sweeper.close()


@pytest.mark.parametrize("body", [None, b"", b"{}", b"x" * 100_000])
async def test_head_and_body_go_out(stage, body):
    stage.send(body)
    assert stage.transport.written == HEAD + (body or b"")


async def test_a_body_in_parts_goes_out_like_one_in_one_piece(stage):
    whole = b"x" * 300_000
    body = Parts([memoryview(whole)[:100], b"new", memoryview(whole)[200:]])
    assert len(body) == 300_000 - 97
    stage.send(body, build_head("POST", "/v1", b"h", [], body))
    head, _, sent = stage.transport.written.partition(b"\r\n\r\n")
    assert sent == whole[:100] + b"new" + whole[200:]
    assert b"content-length: %d" % len(sent) in head


async def test_a_whole_reply_frees_the_connection_before_its_receiver_hears_of_the_end(stage):
    receiver = stage.send()
    order = []
    stage.owner.release = lambda _: order.append("released")
    receiver.on_end = lambda is_delimited: order.append("ended")
    stage.connection.data_received(REPLY)
    assert order == ["released", "ended"]
    assert stage.connection.is_reused
    assert receiver.events == [("head", (200, [(b"content-length", b"2")])), ("data", b"hi")]


async def test_pieces_of_one_read_come_joined(stage):
    receiver = stage.send()
    stage.connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n")
    stage.connection.data_received(b"1\r\nc\r\n0\r\n\r\n")
    assert receiver.pieces == [b"ab", b"c"]
    assert receiver.is_delimited is True


async def test_one_exchange_follows_another_on_the_same_connection(stage):
    stage.exchange()
    stage.exchange()
    assert stage.owner.released == [stage.connection] * 2
    assert stage.receiver.body == b"hi"


@pytest.mark.parametrize(
    "wire", [REPLY + b"x", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", REPLY.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")]
)  # fmt: skip
async def test_a_connection_that_must_not_be_used_again_is_closed(stage, wire):
    receiver = stage.send()
    stage.connection.data_received(wire)
    assert receiver.is_delimited is True
    assert stage.is_closed
    assert not stage.owner.released


async def test_a_reply_to_head_has_no_body(stage):
    receiver = stage.send(head=b"HEAD / HTTP/1.1\r\n\r\n")
    stage.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    assert receiver.events == [("head", (200, [(b"content-length", b"9")])), ("end", True)]
    assert stage.is_closed


async def test_a_reply_that_ends_while_the_request_is_still_being_written_is_relayed_and_the_connection_closed(stage):
    receiver = stage.send(b"x" * 100_000)
    stage.transport.unsent = 1
    stage.connection.data_received(REPLY)
    assert receiver.body == b"hi"
    assert receiver.is_delimited is True
    assert stage.is_closed


@pytest.mark.parametrize("data", [b"x", REPLY, b"\r\n"])
async def test_bytes_nobody_asked_for_close_an_idle_connection(stage, data):
    stage.exchange()
    stage.connection.data_received(data)
    assert stage.is_closed


async def test_the_end_of_an_idle_connection_is_noticed(stage):
    stage.exchange()
    stage.connection.eof_received()
    assert stage.is_closed


async def test_a_second_request_is_refused_while_the_first_runs(stage):
    stage.send()
    with pytest.raises(RuntimeError, match="one exchange"):
        stage.send()
    assert stage.transport.written == HEAD


# --- ends and faults ---


async def test_an_end_before_any_reply_on_a_fresh_connection_is_final(stage):
    receiver = stage.send()
    stage.connection.eof_received()
    assert (receiver.code, receiver.reusable_retry) == ("upstream_error", False)
    assert stage.is_closed


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_an_end_before_any_reply_on_a_reused_connection_may_be_tried_again(stage, error):
    stage.exchange()
    receiver = stage.send()
    stage.connection.connection_lost(error)
    assert (receiver.code, receiver.reusable_retry) == ("upstream_error", True)


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", REPLY[:-1]])
async def test_a_single_byte_of_the_reply_rules_the_retry_out(stage, begun):
    stage.exchange()
    receiver = stage.send()
    stage.connection.data_received(begun)
    stage.connection.eof_received()
    assert (receiver.code, receiver.reusable_retry) == ("upstream_truncated", False)
    assert stage.is_closed


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
)
async def test_a_cut_reply_is_truncated(stage, cut):
    receiver = stage.send()
    stage.connection.data_received(cut)
    stage.connection.eof_received()
    assert receiver.code == "upstream_truncated"
    assert receiver.is_delimited is None


async def test_the_end_that_ends_a_reply_without_length_is_told_as_such(stage):
    receiver = stage.send()
    stage.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nhi")
    stage.connection.eof_received()
    assert receiver.events == [("head", (200, [])), ("data", b"hi"), ("end", False)]
    assert stage.is_closed


async def test_a_reset_never_ends_a_reply_cleanly(stage):
    receiver = stage.send()
    stage.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nhi")
    stage.connection.connection_lost(ConnectionResetError())
    assert receiver.code == "upstream_truncated"


async def test_what_came_before_bad_bytes_is_passed_on_first(stage):
    receiver = stage.send()
    stage.connection.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nxyz")
    assert [kind for kind, _ in receiver.events] == ["head", "data", "fault"]
    assert (receiver.code, receiver.reusable_retry) == ("upstream_protocol", False)
    assert stage.is_closed


async def test_sending_on_a_connection_already_gone_is_heard_of_later(stage):
    stage.exchange()
    stage.connection.connection_lost(None)
    receiver = stage.send()
    assert not receiver.over.is_set()
    await receiver.until_over()
    assert (receiver.code, receiver.reusable_retry) == ("upstream_error", True)


# --- cancelling ---


async def test_cancel_closes_at_once_and_silences_everything_after(stage):
    receiver = stage.send(Upload(None))
    stage.connection.cancel()
    assert stage.is_closed
    stage.connection.data_received(REPLY)
    stage.connection.send_piece(b"x")
    stage.connection.finish_upload()
    stage.connection.pause()
    stage.connection.resume()
    stage.connection.pause_writing()
    stage.connection.connection_lost(None)
    stage.connection.cancel()
    assert receiver.events == receiver.writable == []
    assert stage.transport.written == HEAD
    assert stage.is_closed


@pytest.mark.parametrize("moment", ["on_head", "on_data"])
async def test_a_receiver_may_cancel_from_within(stage, moment):
    receiver = stage.send()
    setattr(receiver, moment, lambda *_: stage.connection.cancel())
    stage.connection.data_received(REPLY)
    assert not receiver.over.is_set()
    assert stage.is_closed


# --- deadlines ---


async def test_no_byte_in_time_is_a_timeout(stage):
    receiver = stage.send()
    stage.after(9.9)
    assert receiver.code is None
    stage.after(0.2)
    assert (receiver.code, receiver.reusable_retry) == ("upstream_timeout", False)
    assert stage.is_closed


async def test_each_byte_of_the_reply_restarts_the_idle_timeout(stage):
    receiver = stage.send()
    stage.after(9)
    for byte in (b"H", b"T", b"T", b"P"):
        stage.connection.data_received(byte)
        stage.after(4.9)
    assert receiver.code is None
    stage.after(0.2)
    assert receiver.code == "upstream_timeout"


async def test_interim_replies_do_not_put_off_the_first_byte(stage):
    receiver = stage.send()
    stage.after(6)
    stage.connection.data_received(b"HTTP/1.1 102 Processing\r\n\r\n")
    stage.after(3.9)
    assert receiver.code is None
    stage.after(0.2)
    assert receiver.code == "upstream_timeout"


async def test_the_total_timeout_ends_a_reply_that_trickles_for_ever(stage):
    receiver = stage.send()
    stage.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(14):
        stage.after(4)
        stage.connection.data_received(b"x")
    stage.after(3.9)
    assert receiver.code is None
    stage.after(0.2)
    assert receiver.code == "upstream_timeout"
    assert "in all" in receiver.error.message


async def test_a_paused_reply_is_not_idle_but_ends_at_the_total(stage):
    receiver = stage.send()
    stage.connection.data_received(REPLY[:-1])
    stage.connection.pause()
    assert not stage.transport.is_reading
    stage.after(50)
    assert receiver.code is None
    stage.connection.resume()
    assert stage.transport.is_reading
    stage.after(4.9)
    assert receiver.code is None
    stage.connection.pause()
    stage.after(5.2)
    assert receiver.code == "upstream_timeout"


async def test_data_that_comes_after_pause_leaves_the_idle_timeout_at_rest(stage):
    receiver = stage.send()
    stage.connection.pause()
    stage.connection.data_received(REPLY[:-1])
    stage.after(30)
    assert receiver.code is None


async def test_a_connection_is_read_again_once_its_reply_is_over(stage):
    receiver = stage.send()
    receiver.on_data = lambda _: stage.connection.pause()
    stage.connection.data_received(REPLY)
    assert stage.owner.released
    assert stage.transport.is_reading


async def test_an_idle_connection_past_its_deadline_is_closed(stage):
    stage.exchange()
    stage.connection.deadline = stage.clock.monotonic() + 1
    stage.after(1)
    assert stage.is_closed


# --- uploads ---


async def test_pieces_of_a_sized_upload_go_out_as_they_are(stage):
    stage.send(Upload(5))
    stage.connection.send_piece(b"abc")
    stage.connection.send_piece(b"")
    stage.connection.send_piece(b"de")
    stage.connection.finish_upload()
    assert stage.transport.written == HEAD + b"abcde"
    stage.connection.data_received(REPLY)
    assert stage.owner.released


async def test_pieces_of_an_upload_without_length_go_out_chunked(stage):
    stage.send(Upload(None))
    stage.connection.send_piece(b"abc")
    stage.connection.send_piece(b"")  # would be the end
    stage.connection.send_piece(b"x" * 16)
    stage.connection.finish_upload()
    stage.connection.finish_upload()
    stage.connection.send_piece(b"late")
    assert stage.transport.written == HEAD + b"3\r\nabc\r\n10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"


async def test_an_upload_longer_than_declared_sends_nothing_of_the_surplus(stage):
    stage.send(Upload(2))
    with pytest.raises(ValueError, match="longer"):
        stage.connection.send_piece(b"abc")
    assert stage.transport.written == HEAD
    assert stage.is_closed


async def test_an_upload_shorter_than_declared_closes_the_connection(stage):
    stage.send(Upload(2))
    stage.connection.send_piece(b"a")
    with pytest.raises(ValueError, match="shorter"):
        stage.connection.finish_upload()
    assert stage.is_closed


async def test_a_reply_before_the_upload_is_over_is_relayed_and_the_connection_closed(stage):
    receiver = stage.send(Upload(None))
    stage.connection.send_piece(b"a")
    stage.connection.data_received(REPLY)
    assert receiver.is_delimited is True
    assert stage.is_closed
    stage.connection.send_piece(b"b")
    assert stage.transport.written.endswith(b"a\r\n")


async def test_the_transports_back_pressure_reaches_the_receiver_only_while_uploading(stage):
    receiver = stage.send(Upload(None))
    stage.connection.pause_writing()
    stage.connection.resume_writing()
    stage.connection.finish_upload()
    stage.connection.pause_writing()
    assert receiver.writable == [False, True]
    assert stage.transport.high == WRITE_BUFFER_BYTES


async def test_the_first_byte_is_awaited_from_the_last_piece_on(stage):
    receiver = stage.send(Upload(None))
    for _ in range(3):
        stage.after(9)
        stage.connection.send_piece(b"a")
    stage.after(9)
    stage.connection.finish_upload()
    stage.after(9.9)
    assert receiver.code is None
    stage.after(0.2)
    assert receiver.code == "upstream_timeout"


async def test_a_piece_after_the_reply_began_leaves_the_idle_timeout_alone(stage):
    receiver = stage.send(Upload(None))
    stage.connection.data_received(b"H")
    stage.after(4)
    stage.connection.send_piece(b"a")
    stage.after(1.1)
    assert receiver.code == "upstream_timeout"


async def test_a_transport_that_decrypts_ahead_is_bounded(stage):
    stage.transport.set_read_buffer_limits = lambda high: setattr(stage.transport, "high", high)
    stage.connection.connection_made(stage.transport)
    assert stage.transport.high == TLS_READ_BUFFER_BYTES


async def test_repr_tells_the_state(stage):
    states = [repr(stage.connection)]
    stage.send()
    states.append(repr(stage.connection))
    stage.connection.data_received(REPLY)
    states.append(repr(stage.connection))
    stage.connection.cancel()
    states.append(repr(stage.connection))
    expected = ["idle", "busy", "idle reused", "closed reused"]
    assert states == [f"<Connection {state}>" for state in expected]
