"""Judges of replies, and a session: what it holds is put to them, and goes on or is refused in its order.

Several may be asked about at a time; what is judged first waits for what was ready before it. Meanwhile the session
goes on: nothing waits here that need not.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, cast

from llmgateway.config.guardrails import binds
from llmgateway.dataplane.bodies import asked_aside
from llmgateway.dataplane.call import Call
from llmgateway.dataplane.guardedreply import ReplyGuard
from llmgateway.dataplane.lane import follow
from llmgateway.dataplane.opinions import Opinion
from llmgateway.dataplane.reply import Reply
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.facts import LEARNING
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.heldtexts import redacted, texts_of
from llmgateway.guarding.holding import Held
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.pieces import Said, texts_of_reply
from llmgateway.guarding.places import Places
from llmgateway.guarding.session import GuardedSession
from llmgateway.guarding.steps import Step
from llmgateway.ports.judge import Piece
from llmgateway.ports.session import SessionShape
from llmgateway.wire.jsoncodec import decode

MAX_ASKING: Final = 16  # parts of one session that are asked about at once; the backend is not read on beyond

Follow = Callable[[], Step]
"""Says what follows, in its turn. GatewayError where nothing more can."""


class Verdicts:
    """The order of one session's. `act` does what follows, `fail` hears that nothing more can; `is_free` says whether
    something may follow now, `then` hears that nothing waits any more, `hold` is told to stop the backend's messages.
    """

    __slots__ = ("_act", "_fail", "_hold", "_is_free", "_judge", "_room", "_then", "_waiting")

    def __init__(
        self,
        judge: Callable[[Held], Awaitable[Follow]],
        *,
        act: Callable[[Step], None],
        fail: Callable[[GatewayError], None],
        is_free: Callable[[], bool],
        then: Callable[[], None],
        hold: Callable[[bool], None],
    ) -> None:
        self._judge = judge
        self._act = act
        self._fail = fail
        self._is_free = is_free
        self._then = then
        self._hold = hold
        self._waiting: deque[asyncio.Future[Follow]] = deque()
        self._room = asyncio.Semaphore(MAX_ASKING)  # very much may have kept its place behind one response

    @property
    def is_busy(self) -> bool:
        """Whether something is still being judged, or waits for its turn."""
        return bool(self._waiting)

    def put(self, ready: Sequence[Held]) -> None:
        """Have these judged."""
        for held in ready:
            task = asyncio.ensure_future(self._judged(held))
            task.add_done_callback(lambda _: self.flush())
            self._waiting.append(task)
        if len(self._waiting) >= MAX_ASKING:
            self._hold(True)

    def flush(self) -> None:
        """Let those follow whose turn it is."""
        if not self._waiting or not self._is_free():
            return
        while self._waiting and self._waiting[0].done():
            follow(partial(_next, self._waiting.popleft()), self._act, self._fail)
        if len(self._waiting) < MAX_ASKING:
            self._hold(False)
        if not self._waiting:
            self._then()

    def close(self) -> None:
        """Nothing that waits is wanted."""
        waiting, self._waiting = self._waiting, deque()
        for task in waiting:
            task.cancel()

    async def _judged(self, held: Held) -> Follow:
        async with self._room:
            return await self._judge(held)


def _next(judged: "asyncio.Future[Follow]") -> Step:
    return judged.result()()


class ReplyJudges:
    """Who is asked about what one session holds."""

    __slots__ = ("_call", "_guard", "_judged", "_session", "_shape")

    def __init__(self, call: Call, session: GuardedSession, judged: ReplyGuard) -> None:
        assert call.guard is not None  # else nothing were held
        self._call = call
        self._guard = call.guard
        self._session = session
        self._judged = judged
        self._shape = cast(SessionShape, judged.shape)

    async def about(self, held: Held) -> Follow:
        """Have all of them look at it; what follows is found out in its turn."""
        try:
            said = await self._opinion(held)
        except GatewayError as error:
            return partial(self._session.refused, held, error)
        return partial(self._session.released, held, said)

    async def _opinion(self, held: Held) -> list[Said]:
        """What it says, as all let it pass: first those that redact, then the others look at what is left."""
        said = await self._texts(held)
        if not said:
            return said
        opinion = Opinion(self._call, await self._links(), self._session.context)
        redacting = [link for link in opinion.links if link.redacts]
        if redacting:
            places = Places(Stage.REPLY)
            await opinion.ask_of(redacting, said, places)
            if places.must_redact:
                about = held.entries, self._shape, places, self._judged.placeholders.closing()
                held.entries = await asked_aside(held.size, redacted, *about)
                said = await self._texts(held)
        await opinion.ask_of([link for link in opinion.links if not link.redacts], said)
        return said

    async def _texts(self, held: Held) -> list[Said]:
        return await asked_aside(held.size, texts_of, held.entries, self._shape)

    async def _links(self) -> Sequence[JudgeLink]:
        """The judges of replies; those that must know what has been said do."""
        links, session = self._guard.reply_judges, self._session
        if not any(binds(link.guardrail) for link in links):
            return links
        bound = await asked_aside(LEARNING * session.held, lambda: session.bound)
        return links if bound is None else bound.reply_judges


async def look_back(
    call: Call, reply: Reply, context: Sequence[Piece], bind: Callable[[], Guard | None], size: int
) -> None:
    """Have the judges look at all responses of a session that is over, where none of them could have held it up.

    `bind`: gives the guard by which what is stored is judged, too; it knows `size` characters of what has been said.
    """
    is_judged = call.guard is not None and call.guard.holds_replies
    call.bound = await asked_aside(LEARNING * size, bind)
    guard = call.guard
    if guard is None or not guard.reply_judges or is_judged:
        return
    message = reply.reader.message()
    if message is None:
        return
    said = await asked_aside(len(message), _told, message)
    opinion = Opinion(call, guard.reply_judges, context)
    await opinion.ask_of(opinion.links, said)


def _told(responses: bytes) -> list[Said]:
    """What they say, each text with its place in its response."""
    said: list[Said] = []
    for each in decode(responses):
        said += texts_of_reply({"output": each["output"]} if "output" in each else each)
    return said
