"""Goes on with erasures until nothing is left, a little at a time, whatever ended the process before.

What an erasure does to rows is the store's affair. Here it is known when the journal has let go of what it had, which
files beside it hold something, and what replays have asked once more.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from llmgateway.controlplane.erasedfiles import delete_files
from llmgateway.controlplane.patience import Waiting
from llmgateway.controlplane.readable import on_the_wire, parts, readable
from llmgateway.controlplane.save import in_thread
from llmgateway.domain.clock import Clock
from llmgateway.domain.exchange import is_of_replay
from llmgateway.domain.ids import IdMint
from llmgateway.journal.layout import incarnation_names, segment_numbers, segment_path
from llmgateway.ports.erasures import Erasure, Stage, Whose
from llmgateway.ports.paging import pages
from llmgateway.ports.store import Row, Store, Wanted
from llmgateway.replaying.prompts import prompt_hash, read

PAUSE_S: Final = 0.01  # between two steps: whoever else writes has a turn
LOOK_S: Final = 1.0  # while something is pending: the journal moves on by itself
IDLE_S: Final = 60.0
SLICE: Final = 4 * 1024 * 1024  # of what is given back to the disk at once
PAGE: Final = 500
MOST: Final = 10**9
BATCH: Final = 50  # exchanges whose bodies are read together
_STEPS: Final = frozenset({Stage.FINDING, Stage.LINKING, Stage.OVERWRITING, Stage.REMOVING})

Marks = Mapping[str, int]
"""The last segment of each incarnation, at some moment."""

log = logging.getLogger(__name__)


class Erasing:
    """One task calls `run`. `journal`: its folder."""

    def __init__(self, store: Store, journal: Path, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._mint = IdMint(clock.time)
        self._wake = asyncio.Event()
        self._marks: dict[str, list[Marks]] = {}  # by erasure: what the journal has to let go of, one after the other
        self.waiting = Waiting("erasures wait")

    async def begin(self, whose: Whose, by: str) -> Erasure | None:
        """Write down that these exchanges are to be erased; None where too many erasures are under way."""
        erasure = Erasure(self._mint(), self._clock.time(), by, whose.selectors, whose=whose)
        if not await self._store.add_erasure(erasure):
            return None
        log.warning("erasure %s begins: %s asked for it, by %s", erasure.id, by, ", ".join(erasure.selectors))
        self._wake.set()
        return erasure

    async def run(self) -> None:
        """Go on, until cancelled. A store that is away is waited for."""
        while True:
            self._wake.clear()
            is_pending = True
            with self.waiting:
                is_pending = await self.settle()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S if is_pending else IDLE_S)

    async def settle(self) -> bool:
        """Go on with each as far as it gets. False: nothing is pending. Raises StoreError."""
        pending = await self._store.pending_erasures()
        for erasure in sorted(pending, key=lambda each: each.stage is Stage.WAITING):  # one under way is ended first
            await self._go_on(erasure)
        return bool(pending)

    async def _go_on(self, erasure: Erasure) -> None:
        whose = erasure.whose or Whose()
        await self._mark(erasure)
        while erasure.stage is not Stage.DONE:
            if erasure.stage in _STEPS:
                erasure = await self._store.advance_erasure(erasure.id)
                await asyncio.sleep(PAUSE_S)
            elif erasure.stage is Stage.COMPARING:
                erasure = await self._compare(erasure)
            elif erasure.stage is Stage.WAITING and await self._has_let_go(erasure):
                files = await in_thread(delete_files, self._journal, whose, erasure.at)
                erasure = await self._store.let_go(erasure.id, files=files)
            elif erasure.stage is Stage.CLEANING and await self._clean():
                erasure = await self._store.finish_erasure(erasure.id, self._clock.time())
            else:
                return
        self._marks.pop(erasure.id, None)
        log.warning("erasure %s is done: %d exchanges", erasure.id, erasure.erased)

    async def _mark(self, erasure: Erasure) -> None:
        if erasure.id not in self._marks:
            self._marks[erasure.id] = [await in_thread(last_segments, self._journal)]

    async def _has_let_go(self, erasure: Erasure) -> bool:
        """Whether nothing is left of what was there at the beginning, and of what was there when that had gone: an
        exchange that ran at the beginning had ended by then, and how it did is written there.
        """
        marks = self._marks[erasure.id]
        while await in_thread(is_gone, self._journal, marks[-1]):
            if len(marks) > 1:
                return True
            marks.append(await in_thread(last_segments, self._journal))
        return False

    async def _compare(self, erasure: Erasure) -> Erasure:
        """Look among what replays and golden questions have asked for what items of datasets ask that are erased."""
        prompts = await self._store.prompts_of_erasure()
        if prompts:
            async for page in pages(self._store, Wanted(shadow=False), limit=MOST, size=PAGE):
                for batch in parts((row for row in page if is_of_replay(row)), on_the_wire):
                    asked = [row["id"] for row in await self._asking(batch, frozenset(prompts))]
                    await self._store.compared(erasure.id, asked, is_all=False)
        return await self._store.compared(erasure.id, (), is_all=True)

    async def _asking(self, rows: Sequence[Row], prompts: frozenset[str]) -> list[Row]:
        found, left = [], iter(rows)
        while batch := list(islice(left, BATCH)):
            bodies = await readable(self._store, [row["seq"] for row in batch])
            for row in batch:
                requests = (each.content for each in bodies.get(row["seq"], ()) if each.kind == "request")
                documents = [read(content) for content in requests if content is not None]
                if any(document is not None and prompt_hash(document) in prompts for document in documents):
                    found.append(row)
        return found

    async def _clean(self) -> bool:
        """Give back what has become free, which is not overwritten, and empty the store's log. False: not just now."""
        while free := (await self._store.stats()).free_bytes:
            if await self._store.shrink(min(SLICE, free)) <= 0:
                break
            await asyncio.sleep(PAUSE_S)
        return await self._store.clean()


def last_segments(journal: Path) -> Marks:
    """The last segment of each incarnation now. Raises OSError."""
    numbers = {name: segment_numbers(journal / name) for name in incarnation_names(journal)}
    return {name: found[-1] for name, found in numbers.items() if found}


def is_gone(journal: Path, marks: Marks) -> bool:
    """Whether nothing is left of these segments and of those before them. Raises OSError."""
    return not any(
        number <= last and _size(segment_path(journal / name, number))
        for name, last in marks.items()
        for number in segment_numbers(journal / name)
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
