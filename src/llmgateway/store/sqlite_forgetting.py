"""The part of an SQLite store that erases: the statements of `sqlite_erasures`, run where its others run."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final, TypeVar

from llmgateway.ports.erasures import Erasure, Whose
from llmgateway.store import sqlite_erasing as erasing
from llmgateway.store import sqlite_erasures as erasures
from llmgateway.store.sqlite_queries import last_seq

T = TypeVar("T")

COUNTED: Final = 50_000  # exchanges that one question goes through: some ten milliseconds


class ErasureReading(ABC):
    """Reading (ports.erasures.ErasureReader)."""

    @abstractmethod
    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T: ...

    async def erasures(self, *, limit: int, before: str | None = None) -> list[Erasure]:
        return await self._read(lambda connection: erasures.page(connection, limit, before))

    async def erasure(self, erasure_id: str) -> Erasure | None:
        return await self._read(lambda connection: erasures.one(connection, erasure_id))

    async def count_meant(self, whose: Whose, at: float) -> int:
        newest = await self._read(last_seq)
        span = newest if whose.exchange_ids else COUNTED  # those are looked up, wherever they are
        total = 0
        for low in range(0, newest, max(1, span)):
            total += await self._read(partial(erasing.count, whose=whose, at=at, span=(low, low + span)))
        return total


class ErasureWriting(ABC):
    """Writing (ports.erasures.ErasureWriter)."""

    @abstractmethod
    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T: ...

    async def add_erasure(self, erasure: Erasure) -> bool:
        return await self._write(lambda connection: erasures.add(connection, erasure))

    async def pending_erasures(self) -> list[Erasure]:
        return await self._write(erasures.pending)

    async def advance_erasure(self, erasure_id: str) -> Erasure:
        return await self._write(lambda connection: erasures.advance(connection, erasure_id))

    async def prompts_of_erasure(self) -> Collection[str]:
        return await self._write(erasures.prompts)

    async def compared(self, erasure_id: str, exchange_ids: Sequence[str], *, is_all: bool) -> Erasure:
        return await self._write(
            lambda connection: erasures.compared(connection, erasure_id, exchange_ids, is_all=is_all)
        )

    async def let_go(self, erasure_id: str, *, files: int) -> Erasure:
        return await self._write(lambda connection: erasures.let_go(connection, erasure_id, files))

    async def clean(self) -> bool:
        return await self._write(erasures.clean)

    async def finish_erasure(self, erasure_id: str, at: float) -> Erasure:
        return await self._write(lambda connection: erasures.finish(connection, erasure_id, at))
