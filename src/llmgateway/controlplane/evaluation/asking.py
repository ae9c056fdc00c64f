"""Models are asked: a little at a time, within each evaluator's day, and never on anybody's way."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from llmgateway.controlplane.evaluation.books import Books
from llmgateway.controlplane.evaluation.figures import Figures, Result
from llmgateway.controlplane.evaluation.http import Ask, NoAnswerError, OnTrialError
from llmgateway.controlplane.evaluation.panel import Member, result_of, scores_of
from llmgateway.controlplane.evaluation.questions import Asked, Waiting
from llmgateway.domain.clock import Clock
from llmgateway.ports.asking import OpinionError
from llmgateway.ports.evaluator import Why
from llmgateway.ports.store import StoreError

log = logging.getLogger(__name__)

AT_ONCE: Final = 2  # exchanges that one evaluator asks about at the same time


class Asking:
    """One task runs it. What waits when the process ends is not asked any more."""

    def __init__(self, books: Books, ask: Ask, clock: Clock) -> None:
        self._books = books
        self._ask = ask
        self._clock = clock
        self._waiting = Waiting()
        self._busy: dict[str, int] = {}
        self._reserved: dict[str, int] = {}  # questions under way, which the figures don't know yet
        self._wake = asyncio.Event()

    def waiting(self, name: str) -> int:
        """How many exchanges wait until this evaluator has asked about them."""
        return self._waiting.count(name)

    def configure(self, members: Sequence[Member]) -> None:
        """Forget what waits for evaluators that are gone, or others now."""
        self._waiting.keep_only({each.name: each for each in members})

    def add(self, every: Sequence[Asked]) -> None:
        """Have something asked. Where too much waits the oldest is left out, and counted."""
        for each in every:
            gone = self._waiting.add(each)
            if gone:
                self._books.later(partial(Figures.skip, name=each.member.name, why=Why.BACKLOG, count=gone))
        if every:
            self._wake.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._wake.clear()
                while (asked := self._waiting.take(self._busy, AT_ONCE)) is not None:
                    self._busy[asked.member.name] = self._busy.get(asked.member.name, 0) + 1
                    task = asyncio.get_running_loop().create_task(self._one(asked), name="question")
                    running.add(task)
                    task.add_done_callback(running.discard)
                await self._wake.wait()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, asked: Asked) -> None:
        name = asked.member.name
        try:
            await self._within_the_day(asked)
        except StoreError as error:
            log.warning("what evaluator %s was told could not be saved: %s", name, error)
        except Exception:
            log.exception("evaluator %s failed at exchange %s", name, asked.exchange_id)
            self._books.later(lambda after: after.ran(name, Result.FAILED, self._clock.time()))
        finally:
            self._busy[name] -= 1
            self._wake.set()

    async def _within_the_day(self, asked: Asked) -> None:
        """Ask if money and questions are left. What is under way and not in the log may go over the cost a little."""
        definition, needed = asked.member.definition, len(asked.questions)
        name = definition.name
        spent = (await self._books.known()).today(name, self._clock.time())
        under_way = self._reserved.get(name, 0)
        if spent.cost >= definition.daily_cost or spent.questions + under_way + needed > definition.daily_questions:
            await self._books.save((), lambda after: after.skip(name, Why.COST_CAP))
            return
        self._reserved[name] = under_way + needed
        try:
            await self._answered(asked)
        finally:
            self._reserved[name] -= needed

    async def _answered(self, asked: Asked) -> None:
        member, now = asked.member, self._clock.time()

        def count(after: Figures, result: Result | Why) -> None:
            after.today(member.name, now).questions += len(asked.questions)
            if isinstance(result, Why):
                after.skip(member.name, result)
            else:
                after.ran(member.name, result, self._clock.time())

        try:
            answers = [await self._ask(member.definition, asked.exchange_id, each) for each in asked.questions]
            given = member.plugin.opinion(answers)
        except OnTrialError:
            await self._books.save((), lambda after: count(after, Why.ON_TRIAL))
            return
        except (NoAnswerError, OpinionError) as error:
            log.info("evaluator %s has no verdict on %s: %s", member.name, asked.exchange_id, error)
            await self._books.save((), lambda after: count(after, Result.JUDGE_ERROR))
            return
        scores = scores_of(member, asked.exchange_id, given, now)
        await self._books.save(scores, lambda after: count(after, result_of(given)))
