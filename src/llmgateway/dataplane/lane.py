"""One direction of a guarded session: messages are judged in order, short ones at once, long ones beside the loop.

Where somebody must be asked about what follows from one, the next waits until he has answered.

Of many short ones some are judged at a time, so that others have their turns.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

from llmgateway.dataplane.bodies import QUICK, asked_aside
from llmgateway.dataplane.guardedflow import fault_of
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.steps import Step
from llmgateway.wire.messages import Message

TURN: Final = 32 * 1024  # bytes that are judged in one go
LEAST: Final = 64  # bytes that a message counts for at least: a tiny one costs what a short one does

Judge = Callable[[Message], Step]


def follow(judge: Callable[[], Step], act: Callable[[Step], None], fail: Callable[[GatewayError], None]) -> None:
    """Have `act` do what follows, or `fail` hear that nothing can."""
    try:
        step = judge()
    except Exception as error:  # noqa: BLE001 - `fault_of` tells of it
        fail(fault_of(error))
    else:
        act(step)


class Lane:
    """`judge` says what follows from a message, `act` does it, `fail` hears that nothing more can follow. `hold` is
    told to stop the flow of messages while some wait, so few ever do. `ask` is asked about steps that have texts for
    those who take their time, and says what follows then. `burden`: characters that must be worked through before the
    next message is judged.
    """

    __slots__ = (
        "_act",
        "_aside_size",
        "_ask",
        "_burden",
        "_fail",
        "_hold",
        "_judge",
        "_task",
        "_then",
        "_waiting",
        "is_closed",
    )

    def __init__(
        self,
        judge: Judge,
        act: Callable[[Step], None],
        fail: Callable[[GatewayError], None],
        hold: Callable[[bool], None],
        ask: Callable[[Step], Awaitable[Step]] | None = None,
        *,
        burden: Callable[[], int] = lambda: 0,
    ) -> None:
        self._ask = ask
        self._burden = burden
        self._judge = judge
        self._act = act
        self._fail = fail
        self._hold = hold
        self._waiting: deque[Message] = deque()
        self._then: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._aside_size = 0
        self.is_closed = False

    @property
    def is_busy(self) -> bool:
        """Whether something waits: for a message that is being judged aside, or for its turn."""
        return self._task is not None

    @property
    def held(self) -> int:
        """Bytes of messages that are not through."""
        return self._aside_size + sum(len(each.payload) for each in self._waiting)

    def put(self, messages: Iterable[Message], then: Callable[[], None]) -> None:
        """Judge these behind those that wait; `then` is called once nothing waits any more."""
        self._waiting.extend(messages)
        self._then = then
        if self._task is None:
            self._work()

    def close(self) -> None:
        """Nothing that waits is wanted."""
        self.is_closed = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def _work(self) -> None:
        spent = 0
        while self._waiting and not self.is_closed:
            if spent >= TURN:
                self._task = asyncio.ensure_future(self._later())
                self._hold(True)
                return
            message = self._waiting.popleft()
            spent += max(len(message.payload), LEAST)
            size = len(message.payload) + self._burden()
            if size > QUICK:
                self._wait_for(partial(self._aside, message, size), message)
                return
            try:
                step = self._judge(message)
            except Exception as error:  # noqa: BLE001 - see _failed
                self._failed(error)
                return
            if self._ask is not None and step.texts:
                self._wait_for(partial(self._ask, step), message)
                return
            self._act(step)
        if self._then is not None and not self.is_closed:
            self._then()

    async def _later(self) -> None:
        await asyncio.sleep(0)
        self._task = None
        self._go_on()

    def _go_on(self) -> None:
        """First what waits: what has been held may come in the moment that it is let go."""
        self._work()
        if self._task is None:
            self._hold(False)

    def _wait_for(self, work: Callable[[], Awaitable[Step]], message: Message) -> None:
        self._aside_size = len(message.payload)
        self._task = asyncio.ensure_future(self._until(work))
        self._hold(True)

    async def _aside(self, message: Message, size: int) -> Step:
        step = await asked_aside(size, self._judge, message)
        return await self._ask(step) if self._ask is not None and step.texts else step

    async def _until(self, work: Callable[[], Awaitable[Step]]) -> None:
        try:
            step = await work()
        except Exception as error:  # noqa: BLE001 - see _failed
            self._failed(error)
            self._hold(False)
            return
        finally:
            self._task, self._aside_size = None, 0
        self._act(step)
        self._go_on()

    def _failed(self, error: Exception) -> None:
        """A guardrail that fails ends this session and nothing else."""
        self._waiting.clear()
        self.is_closed = True
        self._fail(fault_of(error))
