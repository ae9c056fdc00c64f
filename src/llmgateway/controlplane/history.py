"""Writes down which configuration was in force from when on, and who wanted it.

A change through the API is written down before it is made. What comes by the file (a reload, a start) is in force
already, so it waits here until the store takes it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from llmgateway.config.difference import difference
from llmgateway.config.snapshot import Snapshot
from llmgateway.domain.clock import Clock
from llmgateway.ports.generations import Generation, GenerationReader, GenerationWriter, SeenVersion
from llmgateway.ports.store import StoreError, StoreRejectedError

BY_FILE: Final = "file"
MAX_WAITING: Final = 64  # texts that came by the file while the store was away; then the oldest are forgotten
RETRY_S: Final = 5.0

OnWritten = Callable[[Snapshot, str, Generation], None]

log = logging.getLogger(__name__)


class HistoryStore(GenerationReader, GenerationWriter, Protocol):
    """The part of the store that is needed here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A text that came into force, before it has its place in the history."""

    at: float
    snapshot: Snapshot
    text: str
    author: str = BY_FILE
    reason: str = ""


class History:
    """The generations, as far as this process knows them. One at a time calls: whoever holds the reloader's turn."""

    def __init__(self, store: HistoryStore, clock: Clock, on_written: OnWritten = lambda *_: None) -> None:
        """`on_written` hears what is in force, and as which generation, once that is written down."""
        self._store = store
        self._on_written = on_written
        self._clock = clock
        self._waiting: deque[Entry] = deque(maxlen=MAX_WAITING)
        self._latest: Generation | None = None
        self._is_loaded = False
        self.highest = 0
        self.wanted = asyncio.Event()  # something waits to be written down

    def note(self, snapshot: Snapshot, text: str, reason: str = "") -> None:
        """Remember what has come into force by the file, to be written down soon."""
        self._waiting.append(Entry(self._clock.time(), snapshot, text, reason=reason))
        self.wanted.set()

    async def load(self) -> None:
        """Read where the history stands; raises StoreError."""
        if not self._is_loaded:
            self.highest, self._latest = await self._store.last_generation()
            self._is_loaded = True

    def number_for(self, generation: int, text: str) -> int:
        """The number to go by where `generation` names `text`: another one, if the history has that number for
        something else, or higher ones. (Data folders are copied, and their parts get lost.)
        """
        if generation > self.highest:
            return generation
        latest = self._latest
        if latest is not None and latest.text == text and latest.number in {generation, self.highest}:
            return latest.number
        return self.highest + 1

    def ahead_of(self, generation: int, text: str) -> Generation | None:
        """What is written down last, if it is newer than `generation`, which is in force with `text`, and another."""
        latest = self._latest
        return latest if latest is not None and latest.number > generation and latest.text != text else None

    def supersede(self, before: str, snapshot: Snapshot, text: str) -> None:
        """Remember that `text` has come into force, and not `before`, which was to be written down."""
        self._waiting = deque((each for each in self._waiting if each.text != before), maxlen=MAX_WAITING)
        self.note(snapshot, text)

    async def catch_up(self) -> None:
        """Write down what waits; raises StoreError, and then it waits on."""
        await self.load()
        while self._waiting:
            entry = self._waiting[0]
            if self._latest is None or entry.text != self._latest.text:
                await self.add(entry)
            else:
                self._on_written(entry.snapshot, entry.text, self._latest)
            self._waiting.popleft()

    async def add(self, entry: Entry) -> Generation:
        """Write an entry down; raises StoreError."""
        number = max(entry.snapshot.generation, self.highest + 1)
        diff = await asyncio.to_thread(self._diff, entry.text, number)
        made = Generation(number, entry.at, entry.author, entry.reason, diff, entry.text)
        versions = [
            SeenVersion(route.name, version.name, version.id, entry.at, number)
            for route in entry.snapshot.routes.values()
            for version in route.versions
        ]
        try:
            await self._store.add_generation(made, versions)
        except StoreRejectedError:  # the number is taken: another store has come into this one's place
            self._is_loaded = False
            raise
        self.highest, self._latest = number, made
        self._on_written(entry.snapshot, entry.text, made)
        return made

    def _diff(self, text: str, number: int) -> str:
        before = self._latest
        if before is None:
            return difference("", text, "nothing", f"generation {number}")
        return difference(before.text, text, f"generation {before.number}", f"generation {number}")

    async def refuse(self, number: int, reason: str) -> None:
        """Note that a generation was taken back. A store that is away now makes no difference to what is in force."""
        try:
            await self._store.refuse_generation(number, reason)
        except StoreError as error:
            log.warning("generation %d was taken back, which the store could not be told: %s", number, error)
        self._is_loaded = False  # the latest one is another than we thought
