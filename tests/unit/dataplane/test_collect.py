"""How fast a copy's stream may come: as a model speaks, and beyond that as the worker's copies share it."""

import pytest

from llmgateway.dataplane.collect import BURST_S, FREE_BYTES, MAX_STREAM, SHARED_BYTES_S, SPEECH_BYTES_S, Pace, Sink
from llmgateway.dataplane.shadow import Head
from llmgateway.domain.clock import ManualClock


class Connection:
    def __init__(self):
        self.said = []

    def pause(self):
        self.said.append("pause")

    def resume(self):
        self.said.append("resume")

    def cancel(self):
        self.said.append("cancel")


class Reply:
    is_over = False
    fault = None

    def on_fault(self, error, *, reusable_retry):
        self.fault = error
        self.is_over = True


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def pace(clock):
    pace = Pace(clock)
    clock.advance(100)
    return pace


def sink(pace, clock):
    reply, connection = Reply(), Connection()
    return Sink(reply, connection, pace, clock), reply, connection


def test_what_was_saved_up_costs_no_time(pace):
    assert pace.take(int(SHARED_BYTES_S * BURST_S)) == 0
    assert pace.take(SHARED_BYTES_S) == pytest.approx(1.0)


def test_what_is_taken_is_waited_for_one_after_the_other(pace, clock):
    pace.take(int(SHARED_BYTES_S * BURST_S))
    assert [pace.take(SHARED_BYTES_S // 2) for _ in range(3)] == pytest.approx([0.5, 1.0, 1.5])
    clock.advance(1.5)
    assert pace.take(SHARED_BYTES_S // 2) == pytest.approx(0.5)


def test_no_more_than_a_burst_can_be_saved_up(pace, clock):
    clock.advance(1_000)
    assert pace.take(int(SHARED_BYTES_S * (BURST_S + 1))) == pytest.approx(1.0)


async def test_a_model_that_speaks_is_never_held_up(pace, clock):
    flow, _, connection = sink(pace, clock)
    before = pace._free_at
    for _ in range(2_000):
        clock.advance(0.01)
        flow.write(b"x" * (SPEECH_BYTES_S // 100))
    assert connection.said == []
    assert pace._free_at == before  # and has taken nothing from the others


async def test_the_first_bytes_are_free(pace, clock):
    flow, _, connection = sink(pace, clock)
    flow.write(b"x" * FREE_BYTES)
    assert connection.said == []
    assert pace.take(int(SHARED_BYTES_S * BURST_S)) == 0


async def test_who_pours_waits_and_goes_on(pace, clock):
    flow, _, connection = sink(pace, clock)
    pace.take(int(SHARED_BYTES_S * BURST_S))
    flow.write(b"x" * (FREE_BYTES + 1000))
    assert connection.said == ["pause"]
    flow._go_on()
    assert connection.said == ["pause", "resume"]


async def test_every_byte_is_paid_for_once(pace, clock):
    flow, _, _ = sink(pace, clock)
    flow.write(b"x" * FREE_BYTES)
    before = pace._free_at
    for _ in range(10):
        flow.write(b"x" * 1000)
    charged = (pace._free_at - max(before, clock.monotonic() - BURST_S)) * SHARED_BYTES_S
    assert charged == pytest.approx(10_000, abs=1)


async def test_a_connection_that_has_gone_to_another_exchange_is_left_alone(pace, clock):
    flow, reply, connection = sink(pace, clock)
    pace.take(int(SHARED_BYTES_S * BURST_S))
    flow.write(b"x" * (FREE_BYTES + 1000))
    reply.is_over = True
    flow._go_on()
    assert connection.said == ["pause"]


async def test_a_stream_without_end_is_cut_off(pace, clock):
    flow, reply, connection = sink(pace, clock)
    flow.write(b"x" * MAX_STREAM)
    assert "cancel" not in connection.said
    flow.write(b"x")
    assert connection.said[-1] == "cancel"
    assert reply.fault.code == "upstream_protocol"


def test_a_head_is_a_copy_without_what_is_the_primarys_own():
    headers = [(b"accept", b"a"), (b"idempotency-key", b"k"), (b"x-llmgateway-hop", b"1"), (b"accept", b"b")]
    asked = Head("POST", "/v1/x", b"?q", headers)
    head = Head.of(asked)
    assert (head.method, head.path, head.query) == ("POST", "/v1/x", b"?q")
    assert head.headers == [(b"accept", b"a"), (b"x-llmgateway-hop", b"1"), (b"accept", b"b")]
    assert head.header(b"accept") == b"a"
    assert head.header(b"idempotency-key") is None
    assert len(headers) == 4
