"""One direction's messages: in order, short ones at once, long ones aside, nothing after a failure."""

import asyncio
import threading

import pytest

from llmgateway.dataplane.bodies import QUICK
from llmgateway.dataplane.lane import LEAST, TURN, Lane
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.steps import Step
from llmgateway.ports.judge import Piece
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


class Asking(Road):
    """A lane with somebody to ask, who answers when he is told to; what is held comes as soon as it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.answers: list[asyncio.Future[Step]] = []
        self.held_up: list[bytes] = []
        self.lane = Lane(self.judge, self.act, lambda error: self.failed.append(error.code), self.hold, self.ask)

    def judge(self, message: Message) -> Step:
        step = super().judge(message)
        step.texts = () if message.payload.startswith(b"-") else [Piece("text", "user")]
        return step

    async def ask(self, step: Step) -> Step:
        self.asked += step.to_backend
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]

    def hold(self, is_held: bool) -> None:  # noqa: FBT001 - the lane's callback
        self.held.append(is_held)
        if not is_held and (come := self.held_up):
            self.held_up = []
            self.put(*come)

    async def answer(self, *payloads: bytes) -> None:
        async with asyncio.timeout(10):
            while not self.answers:
                await asyncio.sleep(0)
        self.answers.pop().set_result(Step(to_backend=[*payloads]))
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize("comes_late", [False, True])
async def test_where_somebody_is_asked_the_next_waits_for_his_answer(comes_late):
    road = Asking()
    road.go.set()
    road.put(b"a")
    if comes_late:
        road.held_up = [LONG, b"-no text", b"b", b"-nor this"]
    else:
        road.put(LONG, b"-no text", b"b", b"-nor this")
    assert (road.done, road.lane.is_busy) == ([], True)
    await road.answer(b"a, as he says")
    assert road.done == [b"a, as he says"]
    await road.answer(LONG)
    assert road.done == [b"a, as he says", LONG, b"-no text"]
    assert (road.over, road.asked) == (comes_late, [b"a", LONG, b"b"])  # once nothing waited before
    await road.answer()
    assert road.done == [b"a, as he says", LONG, b"-no text", b"-nor this"]
    assert (road.over, road.lane.is_busy, road.held[-1]) == (1 + comes_late, False, False)


async def test_what_comes_as_soon_as_it_may_stands_behind_what_waits():
    road = Asking()
    road.put(b"a", b"b", b"-c")
    road.held_up = [b"-d"]
    await road.answer(b"a")
    assert (road.done, road.asked) == ([b"a"], [b"a", b"b"])
    await road.answer(b"b")
    assert road.done == [b"a", b"b", b"-c", b"-d"]


async def test_nobody_is_asked_any_more_once_it_is_over():
    road = Asking()
    road.put(b"a", b"b")
    await asyncio.sleep(0)
    road.lane.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert (road.done, road.asked, road.answers[0].cancelled()) == ([], [b"a"], True)


async def test_a_short_one_that_costs_a_lot_is_judged_aside_too():
    burdens = [0, QUICK, 0]
    road = Road()
    road.lane = Lane(road.judge, road.act, print, road.held.append, burden=lambda: burdens.pop(0))
    road.put(b"a", b"b", b"c")
    assert (road.done, road.lane.is_busy) == ([b"a"], True)
    await road.until(over=1)
    assert road.done == [b"a", b"b", b"c"]
    assert len(road.threads) == 2
