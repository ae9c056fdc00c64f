"""Judges that take their time: all of them at once, each within its own time, while the event loop does other work.

What one of them does not say in time, or so that it makes sense, is noted and, where its definition says so, blocks.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, cast

from llmgateway.dataplane.bodies import asked_aside, size_of
from llmgateway.dataplane.call import Errand, Gateway, Subject
from llmgateway.dataplane.direct import ask_backend
from llmgateway.dataplane.heavy import Heavy
from llmgateway.dataplane.inner import ask_route
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.guards import Guards
from llmgateway.guarding.judging import JudgeLink, note_failure, weigh
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.opinions import Opinions, key_of
from llmgateway.guarding.trust import Said, Trust
from llmgateway.ports.asking import AskingJudge, OpinionError, Question, Whom
from llmgateway.ports.judge import Judged, Piece

logger = logging.getLogger(__name__)

Ask = Callable[[Errand, str, str, Question], Awaitable[bytes]]
"""Put a question, for the guardrail of a name, to the route or backend of a name; GatewayError or OpinionError."""

ASK: Final[Mapping[Whom, Ask]] = {Whom.ROUTE: ask_route, Whom.BACKEND: ask_backend}


class NoAnswer(Exception):  # noqa: N818 - it is noted under its own name
    """A judge has said nothing, and why."""

    def __init__(self, why: Said) -> None:
        super().__init__(why)
        self.why = why


class Consultants:
    """One worker's: whom it asks at the moment, who does not answer, and what was answered of late."""

    def __init__(self, gateway: Gateway) -> None:
        self._clock = gateway.clock
        self._gauges = gateway.gauges
        self._trust: dict[str, Trust] = {}
        self._opinions = Opinions(gateway.clock)
        self._heavy = Heavy()

    def prepare(self, guards: Guards) -> None:
        """Start the processes that these will need, and end in a while those that they will not."""
        links = [link for guard in guards.by_route.values() for _, link in guard.every_judge]
        self._heavy.prepare(
            {link.definition: link.guardrail for link in links if getattr(link.guardrail, "is_heavy", False)}
        )

    def close(self) -> None:
        """End the processes of heavy judges."""
        self._heavy.close()

    async def consult(self, errand: Errand, links: Sequence[JudgeLink], subject: Subject, notes: Notes) -> None:
        """Ask all of `links`. Raises Blocked, or GatewayError guardrail_unavailable; the others are then let go."""
        if not subject.pieces:
            return
        asking = [asyncio.ensure_future(self._one(errand, link, subject, notes)) for link in links]
        try:
            for each in asyncio.as_completed(asking):
                await each
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _one(self, errand: Errand, link: JudgeLink, subject: Subject, notes: Notes) -> None:
        try:
            judged = await self._opinion(errand, link, subject)
        except NoAnswer as error:
            self._gauges.answers[error.why] += 1
            note_failure(link, error.why, subject.stage, notes)
            if link.must_answer and link.fails_closed:
                raise GatewayError("guardrail_unavailable") from None
            return
        weigh(link, judged, subject.stage, notes, pieces=subject.pieces, places=subject.places)

    async def _opinion(self, errand: Errand, link: JudgeLink, subject: Subject) -> Sequence[Judged]:
        plugin = link.guardrail
        if not hasattr(plugin, "question"):
            return await self._within_trust(link, partial(self._heavy.judge, link.definition, subject.pieces))
        asking = cast(AskingJudge, plugin)
        question = asking.question(subject.pieces, subject.context)
        if question is None:
            return ()
        placed = subject.pieces if link.locates else ()
        key = await asked_aside(
            size_of(placed), key_of, errand.in_force.snapshot.generation, link.name, question, placed
        )
        known = self._opinions.get(key)
        if known is None:
            known = await self._within_trust(link, partial(_asked, errand, link.name, asking, question, subject.pieces))
            self._opinions.keep(key, known)
        else:
            self._gauges.answers[Said.REMEMBERED] += 1
        return known

    async def _within_trust(self, link: JudgeLink, ask: Callable[[], Awaitable[Sequence[Judged]]]) -> Sequence[Judged]:
        """Ask, unless there is no hope of an answer. NoAnswer says why there was none."""
        trust = self._trust.setdefault(link.name, Trust())
        began = self._clock.monotonic()
        if refused := trust.refused(began):
            raise NoAnswer(refused)
        trust.running += 1
        try:
            async with asyncio.timeout(link.timeout_s):
                judged = await ask()
        except OpinionError:  # it may be the text's doing: whoever writes one must not shut it for others
            raise NoAnswer(Said.SENSELESS) from None
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no answer; `_why` logs what is a defect
            trust.failed(self._clock.monotonic())
            raise NoAnswer(_why(link, error)) from None
        finally:
            trust.running -= 1
        trust.answered()
        self._gauges.answered(self._clock.monotonic() - began)
        return judged


def _why(link: JudgeLink, error: Exception) -> Said:
    if isinstance(error, TimeoutError) or (isinstance(error, GatewayError) and error.code == "upstream_timeout"):
        return Said.TIMEOUT
    if not isinstance(error, GatewayError):
        where = "".join(traceback.format_tb(error.__traceback__))  # what it says may quote a text
        logger.error("a guardrail failed", extra={"guardrail": link.name, "error": type(error).__name__, "at": where})
    return Said.UNAVAILABLE


async def _asked(
    errand: Errand, name: str, judge: AskingJudge, question: Question, pieces: Sequence[Piece]
) -> Sequence[Judged]:
    return judge.opinion(await ASK[judge.whom](errand, name, judge.asked, question), pieces)
