"""Watches every version of every route for drift, fed with what the ingester has committed.

    commit ─► rows ─► counted at once, in memory ─► now and then: state and the place it is counted to, into the store
                └─► hardly ever: an event

Killed at any moment it goes on from the state that was saved last, and reads what came since from the store: nothing is
left out, nothing counts twice, and what is told again is the same event. Nothing here is on a request's path.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from llmgateway.config.drift import DriftFeature, DriftSignal
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.drift.alarms import Cause, Sink, kept, kept_event, moved, risen
from llmgateway.controlplane.drift.books import Books
from llmgateway.controlplane.drift.eras import Place
from llmgateway.controlplane.drift.languages import EVERY
from llmgateway.controlplane.drift.shown import DriftFigures, figures, status
from llmgateway.controlplane.drift.signal import Turn
from llmgateway.controlplane.drift.signs import is_traffic
from llmgateway.controlplane.drift.watched import Found, Watched
from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.patience import Waiting
from llmgateway.domain.clock import Clock
from llmgateway.domain.event import EventKind, GatewayEvent
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.states import StateOf
from llmgateway.ports.store import Row, Store, Wanted
from llmgateway.wire.jsoncodec import encode

log = logging.getLogger(__name__)

SAVE_EVERY_S: Final = 15.0  # while anything comes
BATCH: Final = 500  # rows of one look into the store
MAX_BACKLOG: Final = 50_000  # rows that are caught up with; of more, the newest
MAX_OPEN: Final = 1_000
_EVERY: Final = Wanted()
_OPEN: Final = WantedEvents(kind=EventKind.DRIFT, is_open=True)
_UNREADABLE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)  # of a row as nobody writes it


class DriftWatch:
    """One task runs it. `came` is called with the rows of each commit, in their order.

    `offer`: who takes examples of what has drifted, as ids of exchanges, for people to look at.
    """

    def __init__(
        self,
        store: Store,
        snapshot: Snapshot,
        events: Sink,
        clock: Clock,
        *,
        offer: Callable[[Sequence[str]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._snapshot = snapshot
        self._settings = snapshot.drift
        self._events = events
        self._clock = clock
        self._offer = offer
        self._books: Books | None = None  # None until the store was asked
        self._is_live = False  # whether all that is in the store is counted
        self._is_reconciled = False
        self._is_changed = False
        self._newest = 0  # the last row that was heard of
        self._wake = asyncio.Event()
        self.waiting = Waiting("drift watch waits")

    def figures(self, labels: Labels) -> DriftFigures | None:
        """For /metrics; None while nobody knows, or nothing is watched."""
        return None if self.books is None else figures(self.books, self._settings, labels)

    async def status(self, route: str | None = None) -> dict[str, Any]:
        """How it stands with every version in the configuration, or with those of a route. Raises StoreError."""
        if not self._settings.is_on:
            return {"is_on": False, "versions": [], "left_out": 0, "unreadable": 0}
        books = await self._known()
        versions = status(books.current(), self._settings, route)
        return {"is_on": True, "versions": versions, "left_out": books.left_out, "unreadable": books.unreadable}

    @property
    def books(self) -> Books | None:
        """What is known; None while nobody has asked the store, or nothing is watched."""
        return self._books if self._settings.is_on else None

    def configure(self, snapshot: Snapshot) -> None:
        """Take a configuration's versions and settings."""
        self._snapshot, self._settings = snapshot, snapshot.drift
        if self._books is not None:
            self._apply(self._books)
            self._wake.set()

    def came(self, rows: Sequence[Row]) -> None:
        """Hear of exchanges that are in the store now."""
        if not rows or not self._settings.is_on:
            return
        self._newest = rows[-1]["seq"]
        books = self._books
        if books is not None and self._is_live and rows[0]["seq"] == (books.cursor or 0) + 1:
            self._count(books, rows)
            books.cursor = self._newest
        else:
            self._is_live = False
        self._wake.set()

    async def run(self) -> None:
        """Keep the state in the store, until cancelled. A store that is away is waited for."""
        while True:
            self._wake.clear()
            with self.waiting:
                await self.settle()
            if self.waiting.error is not None:
                self._wake.set()
            await asyncio.sleep(SAVE_EVERY_S)
            await self._wake.wait()

    async def settle(self) -> None:
        """Count what is in the store and not counted yet, see whose alarm is over, and save. Raises StoreError."""
        books = await self._known()
        if not self._settings.is_on:
            self._is_live = False
        elif not self._is_live:
            await self._catch_up(books)
        if books.languages:
            await books.languages.read(self._store, books.said)
            self._is_changed = True
        for place, watched in list(books.every()):
            self._tell(place, watched, watched.look(), Cause(0, self._clock.time()))
        if not self._is_reconciled:
            await self._reconcile(books)
        if self._is_changed:
            await self._save(books)

    async def begin_anew(self, route: str, version: str | None, by: str, content: str | None = None) -> list[Place]:
        """Take what comes next as the reference of a route's versions, or of one; returns which those are.

        `content`: only where the version still is the one with this id.
        """
        books = await self._known()
        places = [place for place, _ in books.current() if place.route == route and version in {None, place.version}]
        chosen = [place for place in places if content in {None, place.id}]
        for place in chosen:
            log.info("drift of version %s of route %s: a new reference, says %s", place.version, place.route, by)
            self._put_aside(books.begin_anew(place, self._settings))
        if chosen:
            await self._save(books)
        return chosen

    async def _known(self) -> Books:
        if self._books is None:
            state = await self._store.saved_state(StateOf.DRIFT)
            if self._books is None:  # else another was quicker
                books = Books.restored(state, self._settings)
                for event in _raised(books.every()):
                    self._events.note(event)  # it may have been on its way when the process died
                self._apply(books)
                self._books = books
        return self._books

    def _apply(self, books: Books) -> None:
        for _, watched in books.configure(self._snapshot):
            self._put_aside(watched)
        wanted = {*self._settings.signals, *self._settings.features}
        for _, watched in books.every():
            self._put_aside(watched, {*DriftSignal, *DriftFeature} - wanted)
        self._is_changed = True

    def _put_aside(self, watched: Watched, names: Iterable[str] = (*DriftSignal, *DriftFeature)) -> None:
        """End the alarms of what is watched no more."""
        for name in names:
            if (signal := watched.signals.get(name)) is not None and signal.alarm is not None:
                self._events.clear(signal.alarm["id"], self._clock.time())
                signal.alarm = None
            if (feature := watched.features.get(name)) is not None:
                feature.warning = None

    async def _catch_up(self, books: Books) -> None:
        while not self._is_live and self._settings.is_on:
            last = await self._store.last_seq()
            if books.cursor is None:  # what was there before anybody watched is not looked at
                books.cursor = last
            cursor = books.cursor = self._near(min(books.cursor, last), last)
            rows = await self._store.since_seq(_EVERY, seq=cursor, limit=BATCH)
            if books.cursor != cursor:  # it was turned off meanwhile
                continue
            self._count(books, rows)
            books.cursor = rows[-1]["seq"] if rows else last
            self._is_live = len(rows) < BATCH and books.cursor >= self._newest

    def _near(self, cursor: int, last: int) -> int:
        too_many = last - cursor - MAX_BACKLOG
        if too_many <= 0:
            return cursor
        log.error("drift watch was away for long: the %d oldest exchanges that wait are not counted", too_many)
        return cursor + too_many

    def _count(self, books: Books, rows: Sequence[Row]) -> None:
        reads = DriftFeature.LANGUAGE in self._settings.features
        for row in rows:
            found = books.find(row)
            if found is None or not is_traffic(row):
                continue
            before = found[1].answered
            try:
                told = found[1].observe(row)
            except _UNREADABLE:
                books.unreadable += 1
                continue
            if reads and found[1].answered > before and found[1].answered % EVERY == 0:
                books.languages.came(found[0], row)
            if told:
                self._tell(*found, told, Cause(row["seq"], row.get("ended_at") or row["at"]))
        self._is_changed = self._is_changed or bool(rows)

    def _tell(self, place: Place, watched: Watched, found: Sequence[Found], cause: Cause) -> None:
        for name, turn in found:
            if turn is Turn.CLEARED:
                self._put_aside(watched, (name,))
            elif name in self._settings.signals or name in self._settings.features:
                self._raise(place, watched, name, cause)

    def _raise(self, place: Place, watched: Watched, name: str, cause: Cause) -> None:
        if name in watched.signals:
            event = risen(place, name, watched, cause)
            watched.signals[name].alarm = kept(event)
            self._offer(watched.signals[name].exchanges)
        else:
            event = moved(place, name, watched, cause)
            watched.features[name].warning = kept(event)
        if self._books is not None:
            self._books.told(place.route, name)
        self._events.note(event)

    async def _reconcile(self, books: Books) -> None:
        """Close the alarms that nobody closed before the process died."""
        lasting = {event.id for event in _raised(books.every())}
        for event in await self._store.events(_OPEN, limit=MAX_OPEN):
            if event.id not in lasting:
                self._events.clear(event.id, self._clock.time())
        self._is_reconciled = True

    async def _save(self, books: Books) -> None:
        self._is_changed = False
        try:
            await self._store.save_state(StateOf.DRIFT, encode(books.state()))
        except BaseException:
            self._is_changed = True
            raise


def _raised(every: Iterable[tuple[Place, Watched]]) -> list[GatewayEvent]:
    """The events of what is raised now."""
    found: list[Mapping[str, Any]] = []
    for _, watched in every:
        found += [each.alarm for each in watched.signals.values() if each.alarm is not None]
        found += [each.warning for each in watched.features.values() if each.warning is not None]
    return [kept_event(each) for each in found]
