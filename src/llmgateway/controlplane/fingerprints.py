"""Who answers: a backend that answers as another model, or with another fingerprint, though the version is the same.

A version is what an operator has judged. Whoever changes what is behind it changes nothing that the gateway is told,
only what the answers say of themselves. That is watched for each version and backend: what it has said before is known
over restarts; what is new is a warning. The first thing it says is none.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.patience import Patience
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.fingerprints import Fingerprint, FingerprintReader, FingerprintWriter
from llmgateway.ports.store import Row, StoreError

MAX_KEYS: Final = 2_000  # of versions, backends and facets; then the one that was learnt first is forgotten
MAX_VALUES: Final = 16  # of one of them; more than that is no change but a habit
MAX_LENGTH: Final = 200  # of a value, in characters
MAX_WAITING: Final = 1_000
MAX_SEEN: Final = 4_096  # of different words; then looking at them begins anew


class FingerprintStore(FingerprintReader, FingerprintWriter, Protocol):
    """The part of the store that is needed here."""

    async def open(self) -> None: ...


class Key(NamedTuple):
    """Whose word it is, and about what."""

    version_id: str
    backend: str
    asked: str
    facet: str


class Word(NamedTuple):
    """What one answer says of itself, and whose it is. `backend` None: nobody answered."""

    generation: int | None
    route: str | None
    version: str | None
    asked: str | None
    model: str | None
    fingerprint: str | None
    backend: str | None


class Known:
    """What has been said so far, by key, in the order in which it was learnt."""

    def __init__(self) -> None:
        self._values: dict[Key, list[str]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def learn(self, key: Key, value: str) -> Sequence[str] | None:
        """Take a value in: None where it is known, or no longer told; else what was known before it, if anything."""
        values = self._values.get(key)
        if values is None:
            if len(self._values) >= MAX_KEYS:
                self._values.pop(next(iter(self._values)))
            self._values[key] = [value]
            return ()
        if value in values or len(values) >= MAX_VALUES:
            return None
        values.append(value)
        return values[:-1]


class Fingerprints:
    """`came` hears of exchanges that are in the store; one task calls `run`."""

    def __init__(self, store: FingerprintStore, events: Events, snapshot: Snapshot) -> None:
        self._store = store
        self._events = events
        self._known: Known | None = None  # until the store has been read
        self._waiting: deque[Fingerprint] = deque(maxlen=MAX_WAITING)
        self._seen = set[Word]()  # nearly every exchange says what one before it did, and then is no work
        self._patience = Patience("the fingerprints of versions")
        self._wake = asyncio.Event()
        self._wake.set()
        self.configure(snapshot)

    def configure(self, snapshot: Snapshot) -> None:
        """Take a configuration: versions by route and name, and whether each asks for a model of its own."""
        self._generation = snapshot.generation
        self._seen.clear()
        self._versions: dict[tuple[str | None, str | None], tuple[str, bool]] = {
            (route.name, version.name): (version.id, version.model is not None)
            for route in snapshot.routes.values()
            for version in (*route.fallback, *route.versions)
        }

    def came(self, rows: Sequence[Row]) -> None:
        """Look at what has been answered. Exchanges of other configurations tell nothing of these versions."""
        if self._known is None:
            return
        for row in rows:
            word = _word(row)
            if word not in self._seen:
                if len(self._seen) >= MAX_SEEN:
                    self._seen.clear()
                self._seen.add(word)
                if word.generation == self._generation and word.backend is not None:
                    self._take(word, row, self._known)

    async def run(self) -> None:
        """Save what is new, until cancelled. A store that is away is waited for."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while not await self._patience.tried(self.save):
                pass

    async def save(self) -> None:
        """Read what is known, and save what is not; raises StoreError."""
        if self._known is None:
            known = Known()
            for each in await self._store.fingerprints():
                known.learn(Key(*each[:4]), each.value)
            self._known = known
        while self._waiting:
            batch = list(self._waiting)
            self._waiting.clear()
            try:
                await self._store.add_fingerprints(batch)
            except StoreError:
                self._waiting.extendleft(reversed(batch))
                raise

    def _take(self, word: Word, row: Row, known: Known) -> None:
        version = self._versions.get((word.route, word.version))
        if version is None:
            return
        version_id, names_model = version
        asked = "" if names_model else (word.asked or "")[:MAX_LENGTH]
        for facet, value in (("model", word.model), ("fingerprint", word.fingerprint)):
            if value:
                self._learn(Key(version_id, str(word.backend), asked, facet), value[:MAX_LENGTH], row, known)

    def _learn(self, key: Key, value: str, row: Row, known: Known) -> None:
        before = known.learn(key, value)
        if before is None:
            return
        self._waiting.append(Fingerprint(*key, value, row.get("ended_at") or row["at"]))
        self._wake.set()
        if before:
            self._events.note(changed(row, key, value, before))


def changed(row: Row, key: Key, value: str, before: Sequence[str]) -> GatewayEvent:
    """The warning that a backend answers otherwise than before."""
    what = "as the model" if key.facet == "model" else "with the fingerprint"
    last = " Further changes of it are not told." if len(before) + 1 >= MAX_VALUES else ""
    return GatewayEvent(
        id=f"fingerprint-{sha256(chr(0).join((*key, value)).encode('utf-8', 'replace')).hexdigest()[:16]}",
        at=row.get("ended_at") or row["at"],
        kind=EventKind.FINGERPRINT,
        action="changed",
        severity=EventSeverity.WARNING,
        text=f"The backend {key.backend} answers {what} {value} now, and until now {what} {before[-1]}; the version "
        f"{row['served_version']} is the same.{last}",
        route=row["route"],
        version=row["served_version"],
        backend=key.backend,
        figures={
            "facet": key.facet,
            "value": value,
            "known": list(before),
            "version_id": key.version_id,
            "exchange": row.get("id"),
        },
    )


def _word(row: Row) -> Word:
    backend = None
    for each in row.get("attempts") or ():
        if each.get("result") == "ok":
            backend = each.get("backend")
            break
    get = row.get
    return Word(
        get("generation"),
        get("route"),
        get("served_version"),
        get("request_model"),
        get("response_model"),
        get("fingerprint"),
        backend,
    )
