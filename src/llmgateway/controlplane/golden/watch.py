"""Asks golden questions when they are due, keeps what came of them, and tells what is answered otherwise now."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from llmgateway.config.golden import DAY_S, Golden
from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.controlplane.drift.alarms import Sink
from llmgateway.controlplane.golden import books as kept
from llmgateway.controlplane.golden.asking import AskGolden, Round
from llmgateway.controlplane.golden.books import Books, OfRoute, OfVersion
from llmgateway.controlplane.golden.rounds import Asking, CutShortError, asked_versions, told
from llmgateway.controlplane.golden.verdicts import Verdict
from llmgateway.controlplane.patience import Waiting
from llmgateway.domain.clock import Clock
from llmgateway.domain.ids import IdMint
from llmgateway.ports.datasets import DatasetItem
from llmgateway.ports.states import StateOf
from llmgateway.ports.store import Store
from llmgateway.wire.jsoncodec import encode

log = logging.getLogger(__name__)

FIRST_S: Final = 60.0  # after the start, for questions that were never asked
RETRY_S: Final = 60.0  # while the store is away
LOOK_S: Final = 600.0  # between two looks at the date: it may be set, and a machine may have slept
MAX_BYTES: Final = 16 * 1024 * 1024  # of a round's questions


class GoldenWatch:
    """One task runs it, and sleeps until something is due."""

    def __init__(self, store: Store, snapshot: Snapshot, events: Sink, ask: AskGolden, clock: Clock) -> None:
        self._store = store
        self._snapshot = snapshot
        self._events = events
        self._ask = ask
        self._clock = clock
        self._mint = IdMint(clock.time)
        self._started = clock.time()
        self._books: Books | None = None  # None until the store was asked
        self._wanted: set[str] = set()  # routes that somebody wants asked now
        self._wake = asyncio.Event()
        self.running: str | None = None  # the route that is being asked

    def configure(self, snapshot: Snapshot) -> None:
        """Take a configuration's questions."""
        self._snapshot = snapshot
        self._wake.set()

    def ask_now(self, route: str) -> None:
        """Have a route's questions asked without waiting until they are due."""
        self._wanted.add(route)
        self._wake.set()

    async def run(self) -> None:
        """Ask what is due, until cancelled."""
        waiting = Waiting("golden questions wait")
        while True:
            self._wake.clear()
            wait_s: float | None = RETRY_S
            with waiting:
                wait_s = await self.settle()
            if wait_s is not None:
                wait_s = min(wait_s, LOOK_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)

    async def settle(self) -> float | None:
        """Ask what is due now; gives how long to wait for what is next, None: nothing will be. Raises StoreError."""
        while True:
            due = await self._due()
            now = self._clock.time()
            ready = sorted(name for name, at in due.items() if at <= now)
            if not ready:
                return min(due.values()) - now if due else None
            await self._round(ready[0])

    async def status(self, route: str | None = None) -> list[dict[str, Any]]:
        """How it stands with every route that has golden questions. Raises StoreError."""
        due = await self._due()
        books = await self._known()
        return [_shown(name, books.get(name), due[name], self.running) for name in due if route in {None, name}]

    async def _due(self) -> Mapping[str, float]:
        books = await self._known()
        return {
            name: 0.0 if name in self._wanted else self._usual(route.golden, books.get(name))
            for name, route in self._snapshot.routes.items()
            if route.golden is not None
        }

    def _usual(self, golden: Golden, last: OfRoute | None) -> float:
        """When a route is due by itself. A round that will have begun in some days was begun by a wrong date."""
        if last is None or last.begun > self._clock.time() + DAY_S:
            return self._started + FIRST_S
        return golden.next_round(last.begun)

    async def _known(self) -> Books:
        if self._books is None:
            saved = await self._store.saved_state(StateOf.GOLDEN)
            if self._books is None:  # else another was quicker
                self._books = kept.restored(saved)
        return self._books

    async def _round(self, name: str) -> None:
        route, books = self._snapshot.routes[name], await self._known()
        assert route.golden is not None
        self._wanted.discard(name)
        before = books.get(name)
        books[name] = after = OfRoute(self._clock.time(), versions=dict(before.versions) if before else {})
        after.keep_only({each.id for each in route.versions})
        await self._save(books)  # begun: whoever dies in it does not begin it again and again
        asking = Asking(self._ask, Round(self._mint(), name, route.golden))
        self.running = name
        try:
            await self._asked(route, after, asking)
            after.trouble = asking.trouble
        except CutShortError as error:
            after.trouble = str(error)
            log.warning("golden questions of route %s: %s", name, error)
        finally:
            self.running = None
        after.cost_usd = asking.cost_usd
        await self._save({each: of for each, of in books.items() if each in self._snapshot.routes})

    async def _asked(self, route: Route, after: OfRoute, asking: Asking) -> None:
        assert route.golden is not None
        items = await self._items(route.golden)
        for version in asked_versions(route):
            now: dict[str, Verdict] = {}
            try:
                for item in items:
                    verdict = await asking.verdict(item, version.name)
                    if verdict is not None and item.prompt_hash is not None:
                        now[item.prompt_hash] = verdict
            finally:  # what is known is taken down, also where the round is cut short
                before = after.versions.get(version.id, OfVersion(version.name))
                after.versions[version.id] = self._concluded(route.name, version, before, now)
                after.versions[version.id].keep_only(items)

    def _concluded(self, route: str, version: Version, before: OfVersion, now: Mapping[str, Verdict]) -> OfVersion:
        """Tell what changed; of the questions of which nothing is known the last verdict stands."""
        at = self._clock.time()
        event = told(route, version, (before.at, before.verdicts), now, at)
        if event is not None:
            self._events.note(event)
        return OfVersion(version.name, at, {**before.verdicts, **now}, len(now))

    async def _items(self, golden: Golden) -> list[DatasetItem]:
        sealed = [each for each in await self._store.datasets(golden.dataset) if each.content_hash is not None]
        if not sealed:
            raise CutShortError(f"there is no sealed dataset {golden.dataset}")
        items = await self._store.dataset_items(
            golden.dataset, sealed[0].version, limit=golden.items, limit_bytes=MAX_BYTES
        )
        return [item for item in items if item.request is not None]

    async def _save(self, books: Books) -> None:
        self._books = books
        await self._store.save_state(StateOf.GOLDEN, encode(kept.state(books)))


def _shown(name: str, of: OfRoute | None, due: float, running: str | None) -> dict[str, Any]:
    versions = {} if of is None else of.versions
    return {
        "route": name,
        "is_running": running == name,
        "begun": None if of is None else of.begun,
        "due": due,
        "trouble": None if of is None else of.trouble,
        "cost_usd": None if of is None else of.cost_usd,
        "versions": [
            {
                "version": each.name,
                "id": version,
                "at": each.at,
                "passed": sum(verdict.passes for verdict in each.verdicts.values()),
                "asked": each.asked,
                "failed": [
                    {"question": question[:12], "reason": verdict.reason, "exchange": verdict.exchange}
                    for question, verdict in sorted(each.verdicts.items())
                    if not verdict.passes
                ],
            }
            for version, each in versions.items()
        ],
    }
