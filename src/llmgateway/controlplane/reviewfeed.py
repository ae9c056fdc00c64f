"""What keeps the review queues going by itself: brings in what the configuration asks for, and counts for /metrics.

What waits here when the process is killed is not brought in: it is a sample, and nobody relies on each of it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from llmgateway.controlplane.patience import Waiting
from llmgateway.controlplane.reviewfigures import ReviewFigures
from llmgateway.controlplane.reviewing import Order, Reviewing, Subject
from llmgateway.domain.clock import Clock
from llmgateway.domain.review import Reason
from llmgateway.domain.score import State
from llmgateway.ports.scores import Placement
from llmgateway.ports.store import Row
from llmgateway.review.hooks import Allowance, drawn, is_thumb_down, reason_of_row

MAX_WAITING: Final = 1_000  # exchanges that are to be brought in, while the store is away
LOOK_S: Final = 15.0  # between two counts of what waits
PAUSE_S: Final = 0.5
BY: Final = "gateway"


class ReviewFeed:
    """One task runs it. `came` and `placed` are called with what is in the store now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reviewing: Reviewing | None = None
        self._allowance = Allowance()
        self._waiting: deque[tuple[Subject, Reason]] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self.figures: ReviewFigures | None = None  # None until the store was asked
        self.waiting = Waiting("the review queues wait")

    def serve(self, reviewing: Reviewing) -> None:
        """Bring what comes to these queues."""
        self._reviewing = reviewing

    def came(self, rows: Sequence[Row]) -> None:
        """Hear of exchanges that are in the store. Costs nothing where nothing is asked for."""
        if self._reviewing is None:
            return
        rates = self._reviewing.settings()
        if not rates.random and not rates.near_threshold:
            return
        for row in rows:
            if (reason := reason_of_row(row, rates)) is not None:
                self._want(row["id"], reason, rates.per_hour)

    def placed(self, placements: Sequence[Placement]) -> None:
        """Hear of scores that have found their exchange."""
        if self._reviewing is None or not (rates := self._reviewing.settings()).thumbs_down:
            return
        for placement in placements:
            target = placement.target
            if placement.state is not State.VALID or target is None or target.route is None:
                continue
            if is_thumb_down(placement.score, target.id, rates):
                self._want(target.id, Reason.THUMBS_DOWN, rates.per_hour)

    def drifted(self, exchanges: Sequence[str]) -> None:
        """Hear of exchanges that are examples of what has drifted."""
        if self._reviewing is None or not (rates := self._reviewing.settings()).drift:
            return
        for exchange_id in exchanges:
            if drawn(exchange_id, Reason.DRIFT, rates):
                self._want(exchange_id, Reason.DRIFT, rates.per_hour)

    def changed(self) -> None:
        """Count anew soon."""
        self._wake.set()

    async def run(self) -> None:
        """Bring in and count, until cancelled. A store that is away is waited for."""
        while True:
            with self.waiting:
                await self.settle()
            await asyncio.sleep(PAUSE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    async def settle(self) -> None:
        """Bring in what waits, and count. Raises StoreError; what was brought in until then stays."""
        self._wake.clear()
        if self._reviewing is None:
            return
        while self._waiting:
            subject, reason = self._waiting[0]
            await self._reviewing.add([subject], Order(reason, BY))
            self._waiting.popleft()
        self._wake.clear()
        now = self._clock.time()
        self.figures = ReviewFigures(await self._reviewing.store.review_backlog(now), now)

    def _want(self, exchange_id: str, reason: Reason, per_hour: int) -> None:
        if self._allowance.take(self._clock.monotonic(), per_hour):
            self._waiting.append((Subject(exchange_id), reason))
            self._wake.set()
