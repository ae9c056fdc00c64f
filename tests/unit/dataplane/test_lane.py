"""One direction's messages: in order, short ones at once, long ones aside, nothing after a failure."""

import asyncio
import threading

import pytest

from llmgateway.dataplane.bodies import QUICK
from llmgateway.dataplane.lane import LEAST, TURN, Lane
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.session import Step
from llmgateway.wire.messages import Message
from llmgateway.wire.websocket import TEXT

LONG = b"l" * (QUICK + 1)
LONG_BOOM = b"b" * (QUICK + 1)


class Road:
    """A lane and what it did."""

    def __init__(self) -> None:
        self.done: list[bytes] = []
        self.held: list[bool] = []
        self.failed: list[str] = []
        self.threads: set[int] = set()
        self.go = threading.Event()
        self.over = 0
        self.lane = Lane(self.judge, self.act, lambda error: self.failed.append(error.code), self.held.append)

    def judge(self, message: Message) -> Step:
        self.threads.add(threading.get_ident())
        if message.payload in {b"boom", LONG_BOOM}:
            raise RuntimeError
        if message.payload == b"no":
            raise GatewayError("guardrail_unsupported")
        if len(message.payload) > QUICK:
            assert self.go.wait(10)
        return Step(to_backend=[message.payload])

    def act(self, step: Step) -> None:
        self.done += step.to_backend

    def put(self, *payloads: bytes) -> None:
        self.lane.put([Message(TEXT, each) for each in payloads], self.ended)

    def ended(self) -> None:
        self.over += 1

    async def until(self, *, over: int) -> None:
        async with asyncio.timeout(10):
            while self.over < over:
                await asyncio.sleep(0)


async def test_short_messages_are_judged_at_once():
    road = Road()
    road.put(b"a", b"b")
    assert (road.done, road.over, road.held) == ([b"a", b"b"], 1, [])
    assert road.threads == {threading.get_ident()}


async def test_a_long_one_is_judged_aside_and_what_follows_waits_for_it():
    road = Road()
    road.put(b"a", LONG, b"b")
    road.put(b"c")
    assert (road.done, road.lane.is_busy, road.held, road.over) == ([b"a"], True, [True], 0)
    road.go.set()
    await road.until(over=1)
    assert (road.done, road.lane.is_busy, road.held) == ([b"a", LONG, b"b", b"c"], False, [True, False])
    assert len(road.threads) == 2


async def test_long_ones_follow_each_other():
    road = Road()
    road.go.set()
    road.put(LONG, LONG, b"b")
    await road.until(over=1)
    assert road.done == [LONG, LONG, b"b"]
    assert road.held[-1] is False


@pytest.mark.parametrize(("payload", "code"), [(b"boom", "internal_error"), (b"no", "guardrail_unsupported")])
@pytest.mark.parametrize("before", [b"", LONG])
async def test_after_a_failure_nothing_goes_on(payload, code, before):
    road = Road()
    road.go.set()
    road.put(*([before] if before else []), payload, b"c")
    async with asyncio.timeout(10):
        while not road.failed:
            await asyncio.sleep(0)
    road.put(b"d")
    assert (road.failed, road.over) == ([code], 0)
    assert road.done == ([before] if before else [])


async def test_what_waits_is_dropped_when_it_is_over():
    road = Road()
    road.put(LONG, b"b")
    road.lane.close()
    road.go.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (road.done, road.over) == ([], 0)


@pytest.mark.parametrize(("size", "at_once"), [(0, TURN // LEAST), (TURN // 4, 4)])
async def test_of_many_short_ones_some_are_judged_at_a_time(size, at_once):
    road, sent = Road(), [b"%d" % at + b"s" * size for at in range(at_once * 2 + 1)]
    road.put(*sent)
    assert (len(road.done), road.lane.is_busy, road.held) == (at_once, True, [True])
    await road.until(over=1)
    assert (road.done, road.lane.is_busy, road.held[-1]) == (sent, False, False)


async def test_the_flow_goes_on_when_a_long_one_fails():
    road = Road()
    road.put(LONG_BOOM)
    async with asyncio.timeout(10):
        while not road.failed:
            await asyncio.sleep(0)
    assert road.held[-1] is False
