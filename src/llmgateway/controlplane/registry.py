"""Remembers versions: what each is made of, what it was in force under, and when it last answered a caller.

The history says what came into force; here that is taken down version by version, a moment later, or once a store that
was away is back. Nothing waits for it.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.patience import Waiting
from llmgateway.controlplane.pricing import Prices
from llmgateway.controlplane.terms import records
from llmgateway.domain.clock import Clock
from llmgateway.domain.exchange import REPLAY_TAG
from llmgateway.ports.generations import Generation
from llmgateway.ports.store import Row, StoreError
from llmgateway.ports.versions import ServedVersion, VersionReader, VersionRecord, VersionWriter

MAX_WAITING: Final = 64  # generations to take down while the store is away; then the oldest are forgotten
MAX_GENERATIONS: Final = (
    4  # whose exchanges are told from each other: later ones of older generations count for nothing
)
BATCH: Final = 1_000  # records in a transaction, so that exchanges come in between
SAVE_S: Final = 60.0  # between two savings of who answered when
RETRY_S: Final = 5.0

_fields_of: Final = itemgetter("generation", "route", "served_version", "at", "shadow_of", "tags")

Place = tuple[str, str]  # route and name
Sighting = tuple[str, str, str]  # and id

log = logging.getLogger(__name__)


class RegistryStore(VersionReader, VersionWriter, Protocol):
    """The part of the store that is needed here."""


class _InForce(NamedTuple):
    """What came into force, and as which generation."""

    snapshot: Snapshot
    text: str
    generation: Generation


class Registry:
    """One control process's. `note` and `came` are called on the event loop and return at once; `tasks` do the rest."""

    def __init__(self, store: RegistryStore, snapshot: Snapshot, clock: Clock, prices: Prices | None = None) -> None:
        """`prices`: whose list says what the operator has not; it is loaded before the first version is taken down."""
        self.store = store
        self._prices = prices
        self.clock = clock
        self._waiting: deque[_InForce] = deque(maxlen=MAX_WAITING)
        self._wanted = asyncio.Event()
        self._recorded: dict[Sighting, str] = {}  # with their terms, of the generation taken down last
        self._ids: OrderedDict[int, Mapping[Place, str]] = OrderedDict()
        self._served: dict[Sighting, float] = {}
        self._has_served = asyncio.Event()
        self.configure(snapshot)

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {"versions": self.run, "versions served": self.run_served}

    def configure(self, snapshot: Snapshot) -> None:
        """Learn which version each name stands for from this generation on."""
        self._ids[snapshot.generation] = {
            (route.name, version.name): version.id for route in snapshot.routes.values() for version in route.versions
        }
        while len(self._ids) > MAX_GENERATIONS:
            self._ids.popitem(last=False)

    def note(self, snapshot: Snapshot, text: str, generation: Generation) -> None:
        """Hear what came into force, to be taken down soon. `text`: the configuration's, its secrets not resolved."""
        self._waiting.append(_InForce(snapshot, text, generation))
        self._wanted.set()

    def came(self, rows: Iterable[Row]) -> None:
        """Hear of exchanges that are in the store. Copies and replays answer no caller."""
        for (generation, *place), at in _newest(rows).items():
            version_id = self._ids.get(generation, {}).get((place[0], place[1]))
            if version_id is None:
                continue
            sighting = (place[0], place[1], version_id)
            self._served[sighting] = max(at, self._served.get(sighting, 0.0))
            self._has_served.set()

    def served_since(self) -> Mapping[Sighting, float]:
        """Who answered when, as far as that is not in the store yet."""
        return self._served

    async def run(self) -> None:
        """Take down what comes into force, for as long as the gateway runs."""
        waiting = Waiting("the registry of versions waits")
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            with waiting:
                await self.catch_up()
            if waiting.error is not None:
                await asyncio.sleep(RETRY_S)
                self._wanted.set()

    async def catch_up(self) -> None:
        """Take down what waits; raises StoreError, and then it waits on."""
        listed = []
        if self._prices is not None:
            await self._prices.load()
            listed.append(self._prices.listed)
        while self._waiting:
            each = self._waiting[0]
            made = await asyncio.to_thread(records, each.snapshot, each.text, each.generation, *listed)
            new = [record for record in made if self._recorded.get(_sighting(record)) != record.terms]
            for start in range(0, len(new), BATCH):
                await self.store.record_versions(new[start : start + BATCH])
            self._recorded = {_sighting(record): record.terms for record in made}
            if self._waiting and self._waiting[0] is each:
                self._waiting.popleft()

    async def run_served(self) -> None:
        """Save who answered when, once in a while and only where somebody did."""
        while True:
            await self._has_served.wait()
            await asyncio.sleep(SAVE_S)
            try:
                await self.save_served()
            except StoreError as error:
                log.warning("when versions last answered could not be saved: %s", error)

    async def save_served(self) -> None:
        """Save what is new; raises StoreError, and then it is new still."""
        self._has_served.clear()
        saved = dict(self._served)
        try:
            await self.store.note_served([ServedVersion(*sighting, at) for sighting, at in saved.items()])
        except StoreError:
            self._has_served.set()
            raise
        for sighting, at in saved.items():
            if self._served.get(sighting) == at:
                del self._served[sighting]


def _newest(rows: Iterable[Row]) -> dict[tuple[int, str, str], float]:
    """When which version answered a caller last, by generation, route and name."""
    newest: dict[tuple[int, str, str], float] = {}
    for row in rows:
        try:
            generation, route, name, at, shadow_of, tags = _fields_of(row)
        except KeyError:  # a record from another version of this program
            continue
        if shadow_of or (tags and REPLAY_TAG in tags):
            continue
        key = (generation, route, name)
        if at > newest.get(key, 0.0):
            newest[key] = at
    return newest


def _sighting(record: VersionRecord) -> Sighting:
    return record.route, record.name, record.id
