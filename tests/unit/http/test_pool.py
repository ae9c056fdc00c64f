"""What the pool keeps, hands out, refuses and closes."""

import asyncio

import pytest
from tests.support.http_client import FakeTransport, make_pool

from llmgateway.domain.clock import ManualClock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.deadlines import Sweeper
from llmgateway.http.pool import Pool


class FakeDialer:
    """Gives connections on fake transports; `gate` holds dials back, `error` fails them."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: GatewayError | None = None
        self.is_closed = False

    async def dial(self, factory):
        await self.gate.wait()
        if self.error:
            raise self.error
        connection = factory(None)
        connection.connection_made(FakeTransport())
        return connection

    def close(self):
        self.is_closed = True


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def sweeper(clock):
    sweeper = Sweeper(clock)
    yield sweeper
    sweeper.close()


@pytest.fixture
def pool(clock, sweeper) -> Pool:
    pool = make_pool("http://a.test", clock=clock, sweeper=sweeper, max_connections=2, keepalive_s=3.5)
    pool._dialer = FakeDialer()
    return pool


async def two_idle(pool):
    first, second = await pool.dial(), await pool.dial()
    pool.release(first)
    pool.release(second)
    return first, second


async def test_an_empty_pool_has_nothing_idle(pool):
    assert pool.idle() is None


async def test_the_latest_connection_is_used_first(pool):
    first, second = await two_idle(pool)
    assert pool.idle() is second
    assert pool.idle() is first
    assert pool.idle() is None
    assert pool.open == 2


async def test_an_idle_connection_expires_and_is_closed_by_the_sweeper(pool, clock, sweeper):
    first, _ = await two_idle(pool)
    clock.advance(3.4)
    sweeper.sweep()
    assert pool.open == 2
    clock.advance(0.11)
    sweeper.sweep()
    assert pool.open == 0
    assert not first.is_open


async def test_an_expired_connection_is_not_handed_out_even_before_the_sweep(pool, clock):
    await two_idle(pool)
    clock.advance(3.51)
    assert pool.idle() is None
    assert pool.open == 0


async def test_a_connection_in_use_has_no_keepalive_deadline(pool, clock, sweeper):
    await two_idle(pool)
    connection = pool.idle()
    clock.advance(100)
    sweeper.sweep()
    assert connection.is_open


async def test_a_connection_with_unread_bytes_is_closed_instead_of_handed_out(pool, monkeypatch):
    first, second = await two_idle(pool)
    monkeypatch.setattr("llmgateway.http.connection.Connection.is_quiet", lambda self: self is first)
    assert pool.idle() is first
    assert not second.is_open


async def test_the_bound_refuses_at_once(pool):
    await pool.dial()
    await pool.dial()
    with pytest.raises(GatewayError) as refused:
        await pool.dial()
    assert refused.value.code == "overloaded"
    assert pool.open == 2


async def test_dials_count_towards_the_bound_and_give_their_place_back(pool):
    pool._dialer.gate.clear()
    dials = [asyncio.create_task(pool.dial()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(GatewayError, match="overloaded"):
        await pool.dial()
    dials[0].cancel()
    await asyncio.wait(dials[:1])
    assert pool.open == 1
    pool._dialer.error = GatewayError("upstream_unreachable")
    pool._dialer.gate.set()
    with pytest.raises(GatewayError, match="upstream_unreachable"):
        await dials[1]
    assert pool.open == 0


async def test_the_oldest_idle_connection_gives_way_to_a_dial(pool):
    first, second = await two_idle(pool)
    third = await pool.dial()
    assert not first.is_open
    assert second.is_open
    assert third.is_open
    assert pool.open == 2


async def test_a_closed_connection_frees_its_place(pool):
    connection = await pool.dial()
    connection.cancel()
    assert pool.open == 0


async def test_an_idle_connection_that_ends_is_idle_no_more(pool):
    first, _ = await two_idle(pool)
    first.eof_received()
    assert repr(pool) == "<Pool http://a.test:80: 1/2 open, 1 idle, 0 dialling>"


async def test_close_closes_what_is_idle_and_later_what_is_busy(pool):
    first, second = await pool.dial(), await pool.dial()
    pool.release(first)
    pool.close()
    assert not first.is_open
    assert second.is_open
    pool.release(second)
    assert not second.is_open
    assert pool.open == 0
    assert pool._dialer.is_closed
    with pytest.raises(GatewayError, match="upstream_unreachable"):
        await pool.dial()


async def test_repr_tells_the_state_in_one_line(pool):
    connection, _ = await pool.dial(), await pool.dial()
    pool.release(connection)
    assert repr(pool) == "<Pool http://a.test:80: 2/2 open, 1 idle, 0 dialling>"
    pool.close()
    assert repr(pool) == "<Pool http://a.test:80: closed, 0 idle, 0 dialling>"
