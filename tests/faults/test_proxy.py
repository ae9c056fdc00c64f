"""The fault proxy does what it says, seen from both of its ends: a suite that breaks nothing would prove nothing."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress

import pytest
from bench.faults.fault import BLACKHOLE, REFUSED, SILENT, Act, Fault
from bench.faults.proxy import FaultProxy

BOUND_S = 5.0


class Far:
    """The proxy's target: sends back what it gets, and notes how each connection ended."""

    def __init__(self):
        self.got = b""
        self.ends = []
        self.writers = []

    async def serve(self, reader, writer):
        self.writers.append(writer)
        try:
            while piece := await reader.read(65_536):
                self.got += piece
                writer.write(piece)
            self.ends.append("fin")
        except ConnectionError:
            self.ends.append("reset")
        writer.close()

    async def end(self):
        async with asyncio.timeout(BOUND_S):
            while not self.ends:
                await asyncio.sleep(0.001)
        return self.ends[0]


@asynccontextmanager
async def between():
    far = Far()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    async with server, FaultProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy, far
        for writer in far.writers:
            writer.transport.abort()


@asynccontextmanager
async def caller(proxy):
    async with asyncio.timeout(BOUND_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def echoed(proxy, what, count=None):
    """Send `what`; what comes back, and after which time."""
    async with caller(proxy) as (reader, writer), asyncio.timeout(BOUND_S):
        began = time.monotonic()
        writer.write(what)
        back = await reader.readexactly(len(what) if count is None else count)
        return back, time.monotonic() - began


async def test_without_a_fault_it_is_not_there():
    payload = bytes(range(256)) * 4000
    async with between() as (proxy, far):
        assert (await echoed(proxy, payload))[0] == payload
        assert proxy.accepted == 1
        assert await far.end() in {"fin", "reset"}


async def test_the_end_of_one_direction_is_passed_on_and_the_other_goes_on():
    async with between() as (proxy, far), caller(proxy) as (reader, writer):
        writer.write(b"last")
        writer.write_eof()
        assert await reader.read(-1) == b"last"
        assert await far.end() == "fin"


async def test_delay_holds_each_piece_back():
    async with between() as (proxy, _):
        proxy.answers = Fault(delay=0.05)
        back, took = await echoed(proxy, b"hello")
        assert back == b"hello" and took >= 0.05


async def test_jitter_repeats_with_its_seed():
    a, b = FaultProxy(1, seed=3), FaultProxy(1, seed=3)
    assert [a.draw() for _ in range(5)] == [b.draw() for _ in range(5)]


async def test_slices_arrive_one_by_one():
    async with between() as (proxy, _), caller(proxy) as (reader, writer):
        proxy.answers = Fault(slice=1, gap=0.005)
        writer.write(b"abcde")
        pieces = []
        async with asyncio.timeout(BOUND_S):
            while sum(map(len, pieces)) < 5:
                pieces.append(await reader.read(100))
        assert pieces == [b"a", b"b", b"c", b"d", b"e"]


async def test_a_rate_is_kept():
    async with between() as (proxy, _):
        proxy.requests = Fault(rate=20_000, slice=500)
        back, took = await echoed(proxy, b"x" * 2000)
        assert len(back) == 2000 and 0.09 <= took < 5.0


async def test_a_stall_keeps_the_connection_and_passes_nothing_more():
    async with between() as (proxy, _), caller(proxy) as (reader, writer):
        proxy.answers = Fault(act=Act.STALL, at=3)
        writer.write(b"abcdef")
        assert await reader.readexactly(3) == b"abc"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.read(1)


async def test_a_reset_reaches_both_ends():
    async with between() as (proxy, far), caller(proxy) as (reader, writer):
        proxy.answers = Fault(act=Act.RESET, at=3)
        writer.write(b"abcdef")
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(BOUND_S):
                while await reader.read(100):
                    pass
        assert await far.end() == "reset"


async def test_a_half_close_ends_the_answers_and_takes_requests():
    async with between() as (proxy, far), caller(proxy) as (reader, writer):
        proxy.answers = Fault(act=Act.HALF_CLOSE, at=3)
        writer.write(b"abcdef")
        assert await reader.read(-1) == b"abc"
        writer.write(b"ghi")
        async with asyncio.timeout(BOUND_S):
            while far.got != b"abcdefghi":
                await asyncio.sleep(0.001)


async def test_one_byte_is_corrupted():
    async with between() as (proxy, _):
        proxy.answers = Fault(act=Act.CORRUPT, at=1)
        back, _ = await echoed(proxy, b"abc")
        assert back == b"a" + bytes([ord("b") ^ 0xFF]) + b"c"


async def test_refused_is_refused_and_cuts_who_is_there():
    async with between() as (proxy, _):
        async with caller(proxy) as (reader, writer):
            writer.write(b"a")
            assert await reader.read(1) == b"a"
            await proxy.close_door(REFUSED)
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
        with pytest.raises(ConnectionRefusedError):
            await echoed(proxy, b"a")
        await proxy.mend()
        assert (await echoed(proxy, b"a"))[0] == b"a"


async def test_a_door_may_close_and_leave_the_connections_there_are():
    async with between() as (proxy, _), caller(proxy) as (reader, writer):
        writer.write(b"a")
        assert await reader.read(1) == b"a"
        await proxy.close_door(REFUSED, cut=False)
        writer.write(b"b")
        assert await reader.read(1) == b"b"


async def test_a_blackhole_never_accepts():
    async with between() as (proxy, _):
        await proxy.close_door(BLACKHOLE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.open_connection("127.0.0.1", proxy.port)
        await proxy.mend()
        assert (await echoed(proxy, b"a"))[0] == b"a"


async def test_a_silent_one_is_connected_to_and_never_answers():
    async with between() as (proxy, far):
        await proxy.close_door(SILENT)
        async with caller(proxy) as (reader, writer):
            writer.write(b"a")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await reader.read(1)
        assert far.got == b""


async def test_flapping_refuses_and_serves_in_turn_until_it_is_mended():
    async with between() as (proxy, _):
        await proxy.flap(0.02)
        seen = []
        async with asyncio.timeout(BOUND_S):
            while len(seen) < 4:
                try:
                    async with caller(proxy):
                        now = "open"
                except ConnectionError:
                    now = "refused"
                if seen[-1:] != [now]:
                    seen.append(now)
                await asyncio.sleep(0.002)
        assert seen in (["refused", "open"] * 2, ["open", "refused"] * 2)
        await proxy.mend()
        assert (await echoed(proxy, b"a"))[0] == b"a"


async def test_a_target_that_is_away_is_a_reset_and_no_polite_end():
    async with between() as (proxy, _):
        proxy.target = 1
        async with caller(proxy) as (reader, _):
            with pytest.raises(ConnectionResetError):
                async with asyncio.timeout(BOUND_S):
                    await reader.read(1)


async def test_a_fault_counts_for_connections_that_run_from_their_next_piece():
    async with between() as (proxy, _), caller(proxy) as (reader, writer):
        writer.write(b"abc")
        assert await reader.readexactly(3) == b"abc"
        proxy.answers = Fault(act=Act.CORRUPT, at=0)  # counted from now, not from the connection's start
        writer.write(b"abc")
        assert await reader.readexactly(3) == bytes([ord("a") ^ 0xFF]) + b"bc"


async def test_nothing_is_left_of_it():
    async with between() as (proxy, _):
        await echoed(proxy, b"abc")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    assert not proxy.links
