"""Evaluators over what the ingester has brought: rules at once, questions to models in their own time.

    store ─► rows after the cursor ─► who is due ─► bodies ─► judged in a thread ─► scores and cursor, one transaction

The cursor makes a restart lose nothing and count nothing twice. Where more comes than can be looked at, the oldest are
left out, counted and told. Nothing here is on a request's path.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.evaluation.apart import Apart
from llmgateway.controlplane.evaluation.asking import Asking
from llmgateway.controlplane.evaluation.batch import Material, Spoken, gather, judged, read_of
from llmgateway.controlplane.evaluation.books import Books
from llmgateway.controlplane.evaluation.figures import Figures, Reading
from llmgateway.controlplane.evaluation.heard import Heard, count_rows
from llmgateway.controlplane.evaluation.http import Ask
from llmgateway.controlplane.evaluation.panel import Due, Makers, Member, due, panel
from llmgateway.controlplane.patience import Waiting
from llmgateway.controlplane.readable import parts
from llmgateway.controlplane.save import in_thread
from llmgateway.domain.clock import Clock
from llmgateway.ports.evaluator import Why
from llmgateway.ports.store import Row, Store, Wanted

log = logging.getLogger(__name__)

BATCH: Final = 100  # exchanges of one look
MAX_BACKLOG: Final = 20_000  # exchanges that may wait to be looked at
PAUSE_S: Final = 0.25  # between looks: what comes meanwhile shares the next one
LOOK_S: Final = 60.0
_EVERY: Final = Wanted()


class Evaluation:
    """Two tasks run it, `run` and `asking.run`. `came` says that there may be something new."""

    def __init__(self, store: Store, snapshot: Snapshot, makers: Makers, ask: Ask, clock: Clock) -> None:
        self._store = store
        self._makers = makers
        self._clock = clock
        self._books = Books(store)
        self._apart = Apart()
        self._wake = asyncio.Event()
        self._is_behind = False
        self._snapshot: Snapshot | None = None
        self.asking = Asking(self._books, ask, clock)
        self.members: tuple[Member, ...] = ()
        self.backlog = 0  # exchanges that wait to be looked at
        self.waiting = Waiting("evaluators wait")
        self.configure(snapshot)

    @property
    def figures(self) -> Figures | None:
        """What /metrics shows; None while nobody knows what was counted before."""
        return self._books.figures

    @property
    def judges(self) -> dict[str, str]:
        """Who judges now, by the evaluator's name: what stands beside its scores as `run`."""
        return _judges(self.members)

    def reading(self) -> Reading | None:
        """For /metrics; None while nobody knows what was counted before."""
        if self.figures is None:
            return None
        return Reading(self.figures, self.backlog, {each.name: each.asks for each in self.members})

    def configure(self, snapshot: Snapshot) -> None:
        """Take a configuration's evaluators."""
        before, members = self._snapshot, panel(snapshot, self._makers)
        self._snapshot = snapshot
        if before is not None and (before.evaluators, before.keys, self.judges) == (
            snapshot.evaluators,
            snapshot.keys,
            _judges(members),
        ):
            return
        self.members = members
        self._books.keep_only({each.name: each for each in self.members})
        self.asking.configure(self.members)
        self._apart.clear()
        self._wake.set()

    def came(self, rows: Sequence[Row]) -> None:
        """Hear that exchanges are in the store."""
        if rows and self.members:
            self._wake.set()

    async def run(self) -> None:
        """Look at what comes, until cancelled. A store that is away is waited for."""
        while True:
            self._wake.clear()
            with self.waiting:
                while await self.look():  # each waits for the store and for a thread: the loop has its turns
                    pass
            await asyncio.sleep(PAUSE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    async def look(self) -> bool:
        """Look at one batch; True if there is more. Raises StoreError; what was saved until then stays saved."""
        figures = await self._books.known()
        last = await self._store.last_seq()
        if figures.cursor is None or not self.members:  # what was before there were evaluators is not theirs
            if figures.cursor != last:
                await self._books.save((), lambda after: after.move(last))
            return False
        cursor = await self._caught_up(figures.cursor, last)
        rows = await self._store.since_seq(_EVERY, seq=cursor, limit=BATCH)
        if rows:
            await self._judge(rows)
        self.backlog = max(0, last - (rows[-1]["seq"] if rows else last))
        return len(rows) == BATCH

    async def compare(self, name: str, pairs: Sequence[tuple[str, str]]) -> int:
        """Have a judge of pairs compare exchanges, each with another one; tells how many it is to look at.

        Somebody names them: they need be no copies, nor in its share. KeyError: no evaluator of the name judges pairs.
        """
        found = {each.name: each for each in self.members if each.asks and each.needs_reference}
        member = found[name]
        dues = [
            Due(row | {"shadow_of": other}, (member,))
            for exchange_id, other in pairs
            if (row := await self._store.exchange(exchange_id)) is not None
        ]
        heard = Heard(self._clock.time())
        usual = (await self._books.known()).usual
        for part in parts(dues, read_of):
            for each in await in_thread(judged, await gather(self._store, part), usual):
                heard.take(each)
        await self._books.save(heard.scores, heard.count)
        self.asking.add(heard.asked)
        return len(dues)

    async def _caught_up(self, cursor: int, last: int) -> int:
        """Leave out the oldest where too many wait; gives where to go on."""
        too_many = last - cursor - MAX_BACKLOG
        if too_many <= 0:
            self._is_behind = False
            return cursor
        if not self._is_behind:
            log.error("evaluators can't keep up: the %d oldest exchanges that wait are not looked at", too_many)
            self._is_behind = True

        def leave_out(figures: Figures) -> None:
            figures.move(cursor + too_many)
            for each in self.members:
                figures.skip(each.name, Why.BACKLOG, too_many)

        await self._books.save((), leave_out)
        return cursor + too_many

    async def _judge(self, rows: Sequence[Row]) -> None:
        members, now = self.members, self._clock.time()
        heard = Heard(now)
        for each in await self._spoken(rows, members):
            heard.take(each)

        def count(figures: Figures) -> None:
            figures.move(rows[-1]["seq"])
            count_rows(figures, rows, members, now)
            heard.count(figures)

        await self._books.save(heard.scores, count)
        self.asking.add(heard.asked)

    async def _spoken(self, rows: Sequence[Row], members: Sequence[Member]) -> list[Spoken]:
        usual = (await self._books.known()).usual
        dues = [Due(row, found) for row in rows if (found := due(row, members))]
        dues += [waited for row in rows if (waited := self._apart.take(row["id"])) is not None]
        spoken: list[Spoken] = []
        for part in parts(dues, read_of):
            material = await gather(self._store, part)
            spoken += await in_thread(judged, self._together(material), usual)
        return spoken

    def _together(self, material: Material) -> Material:
        """Put copies apart whose primary is needed and still to come."""
        kept: list[Due] = []
        for row, members in material.due:
            primary = row.get("shadow_of")
            later = [each for each in members if each.needs_primary]
            if later and primary is not None and primary not in material.primaries:
                gone = self._apart.add(row, later)
                kept += [] if gone is None else [gone]
                members = [each for each in members if not each.needs_primary]  # noqa: PLW2901 - who is left
            if members:
                kept.append(Due(row, members))
        return material._replace(due=kept)


def _judges(members: Sequence[Member]) -> dict[str, str]:
    return {each.name: each.run for each in members if each.asks}
