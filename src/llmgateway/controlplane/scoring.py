"""Users' scores find their exchange: decides what each belongs to, and counts it in the transaction that says so.

A score may come before its exchange is in the store, by another worker's journal, or days after it. So the ingester
only brings scores in, and this task looks at what is new on either side. Killed at any moment it goes on from the
cursor that was saved with the figures.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from llmgateway.config.snapshot import Bodies, Snapshot
from llmgateway.controlplane.feedbackfigures import FeedbackFigures
from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.patience import Waiting
from llmgateway.domain.clock import Clock
from llmgateway.domain.score import Reason, Score, State
from llmgateway.ports.scores import Cursor, Placement, Target
from llmgateway.ports.store import Row, Store
from llmgateway.wire.jsoncodec import encode

LIMIT: Final = 1_000  # scores of one look
PAUSE_S: Final = 0.25  # between looks: what comes meanwhile shares the next one
LOOK_S: Final = 60.0  # without anything new: who has waited long enough?


def judged(score: Score, target: Target | None, silent: Collection[str | None] = ()) -> Placement:
    """What becomes of a score, once its exchange is known, or given up. `silent`: routes of which no words are kept."""
    if target is None:
        return Placement(score, State.REJECTED, None, Reason.UNKNOWN_EXCHANGE)
    if score.key is not None and score.key != target.key:
        return Placement(score, State.REJECTED, target, Reason.OTHER_KEY, forgets=target.route in silent)
    return Placement(score, State.VALID, target, forgets=target.route in silent)


def silent_routes(snapshot: Snapshot) -> frozenset[str | None]:
    """The routes that keep nothing of what was said; None: what was turned away before it had one."""
    kept_as = {None: snapshot.journal.bodies} | {name: route.bodies for name, route in snapshot.routes.items()}
    return frozenset(name for name, bodies in kept_as.items() if bodies in {Bodies.HASH, Bodies.NONE})


class Scoring:
    """One task runs it. `wake` says that there may be something new; what is seen of the figures is committed."""

    def __init__(
        self,
        store: Store,
        snapshot: Snapshot,
        clock: Clock,
        on_placed: Callable[[Sequence[Placement]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._may_give_up = False  # not before everything that was in the journal at the start is in the store
        self._on_placed = on_placed
        self._figures: FeedbackFigures | None = None  # of what is committed; None until the store was asked
        self.configure(snapshot, Labels())
        self._cursor = Cursor()
        self._saved = Cursor()
        self._has_pending = True
        self._has_news = False  # exchanges came since the look began
        self._wake = asyncio.Event()
        self.waiting = Waiting("scores wait")

    def configure(self, snapshot: Snapshot, labels: Labels) -> None:
        """Take a configuration's settings and names."""
        self._window_s, self._silent, self._labels = snapshot.scores.window_s, silent_routes(snapshot), labels
        if self._figures is not None:
            self._figures.configure(labels)

    @property
    def figures(self) -> FeedbackFigures | None:
        """What /metrics shows; None while nobody knows what was counted before."""
        return self._figures

    def came(self, rows: Sequence[Row]) -> None:
        """Hear that exchanges are in the store. Most of the time nobody waits for them."""
        self._has_news = self._has_news or bool(rows)
        if self._has_pending:
            self._wake.set()

    def wake(self) -> None:
        """Hear that scores are in the store."""
        self._wake.set()

    async def run(self, caught_up: Callable[[], Awaitable[None]]) -> None:
        """Place what comes, until cancelled. A store that is away is waited for.

        `caught_up` waits until all that is in the journal now is in the store: after a long time without the control
        process, what an old score waits for may be yet to be read.
        """
        catching_up = asyncio.ensure_future(self._allow_giving_up(caught_up))
        try:
            while True:
                await self._settle_or_wait()
                await asyncio.sleep(PAUSE_S)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), LOOK_S)
        finally:
            catching_up.cancel()

    async def _allow_giving_up(self, caught_up: Callable[[], Awaitable[None]]) -> None:
        await caught_up()
        self._may_give_up = True

    async def _settle_or_wait(self) -> None:
        with self.waiting:
            await self.settle()

    async def settle(self) -> None:
        """Place everything that can be placed now. Raises StoreError; what was placed until then stays placed."""
        self._wake.clear()
        self._has_news = False
        if self._figures is None:
            await self._restore()
        while await self._look():
            pass
        if self._cursor != self._saved and not self._has_pending:
            await self._save(())  # else a start would go through all that nobody waits for
        if self._has_pending and self._has_news:
            self._wake.set()

    async def _look(self) -> bool:
        """One look; True if there is more."""
        overdue = self._clock.time() - self._window_s if self._may_give_up else 0.0
        found = await self._store.unplaced(self._cursor, overdue=overdue, limit=LIMIT)
        self._cursor, self._has_pending = found.cursor, found.has_pending
        if found.pairs:
            await self._save([judged(score, target, self._silent) for score, target in found.pairs])
        return found.is_more

    async def _save(self, placements: Sequence[Placement]) -> None:
        """On failure the figures stay, and the cursor goes back to what was saved: all is looked at again."""
        assert self._figures is not None
        figures = self._figures.copy()
        figures.observe(placements, self._labels)
        state = {"cursor": list(self._cursor), "figures": figures.state()}
        try:
            await self._store.place_scores(placements, encode(state))
        except BaseException:
            self._cursor = self._saved
            raise
        self._figures, self._saved = figures, self._cursor
        self._on_placed(placements)

    async def _restore(self) -> None:
        state = await self._store.scores_state()
        self._cursor = self._saved = _cursor(state)
        figures = FeedbackFigures.restored(state)
        figures.configure(self._labels)
        self._figures = figures


def _cursor(state: Mapping[str, Any] | None) -> Cursor:
    try:
        scores, exchanges = (state or {})["cursor"]
        return Cursor(int(scores), int(exchanges))
    except (KeyError, TypeError, ValueError):
        return Cursor()  # everything is looked at once more, and what is placed is left alone
