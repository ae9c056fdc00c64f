"""The file under an SQLite store: made, migrated, watched, and written to by one connection."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from llmgateway.config.snapshot import Durability
from llmgateway.ports.store import StoreRefusedError, StoreUnavailableError
from llmgateway.store.schema import check, prepare
from llmgateway.store.sqlite_connection import Connection, check_integrity, open_reader, open_writer
from llmgateway.store.sqlite_reader import SqliteReader

T = TypeVar("T")

FileIdentity = tuple[int, int]


class SqliteWriter(SqliteReader):
    """One connection that writes, beside the one that reads. Close it.

    Everything slow happens in the connections' threads. A file that is moved or deleted under the running store is
    noticed before the next commit: rows would go into a file nobody can find again.

    Whoever comes first makes the file or brings it up to date, also with a read: nobody needs an order of starts.
    """

    def __init__(
        self, path: Path, durability: Durability = Durability.PROCESS, *, query_s: float | None = None
    ) -> None:
        super().__init__(path, query_s=query_s)
        self._durability = durability
        self._writer: Connection | None = None
        self._identity: FileIdentity | None = None
        self._turn = asyncio.Lock()
        self._is_closed = False

    async def open(self) -> None:
        self._is_closed = False
        async with self._turn:
            _ = await self._sound_writer()

    async def _open(self) -> Connection:
        try:
            return await super()._open()
        except StoreUnavailableError:
            if self._is_closed:  # a late read: nobody would close what it makes
                raise
            await self.open()
            return await super()._open()

    async def close(self) -> None:
        self._is_closed = True
        await super().close()  # first: the last connection to go writes the log back, and has to be one that may
        async with self._turn:
            await self._close_writer()

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._turn:
            writer = await self._sound_writer()
            try:
                return await writer.run(work)
            except BaseException:
                await writer.run(_rollback)
                raise

    async def _sound_writer(self) -> Connection:
        """The writer, opened again if another file has taken the place of the one it holds."""
        identity = _identity(self.path)
        if self._writer is None or identity != self._identity:
            if self._identity is not None and identity is None:
                raise StoreUnavailableError(_moved(self.path))
            await self._close_writer()
            await super().close()  # the reading connection is of the old file too
            self._writer = await self._open_writer()
        return self._writer

    def _refuse_moved(self) -> None:
        """Raise StoreUnavailableError if the file is not where it was opened."""
        if _identity(self.path) != self._identity:
            raise StoreUnavailableError(_moved(self.path))

    async def _open_writer(self) -> Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailableError(str(error)) from error
        try:
            await self._examine()
            writer = await open_writer(self.path, self._durability)
        except StoreRefusedError as error:
            raise StoreRefusedError(f"{self.path}: {error}") from error
        try:
            await writer.run(prepare)
        except BaseException:
            await writer.close()
            raise
        self._identity = _identity(self.path)
        return writer

    async def _examine(self) -> None:
        """Look at what is there without changing a byte of it; raises StoreRefusedError."""
        if not self.path.exists():
            return
        reader = await open_reader(self.path)
        try:
            await reader.run(check)
            await reader.run(check_integrity)
        finally:
            await reader.close()

    async def _close_writer(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await writer.close()


def _moved(path: Path) -> str:
    return f"{path} was moved or deleted while the gateway ran: put it back, or restart to begin with an empty store"


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.rollback()


def _identity(path: Path) -> FileIdentity | None:
    try:
        found = os.stat(path)  # noqa: PTH116 -- twice a batch; Path.stat costs three times as much
    except OSError:
        return None
    return found.st_dev, found.st_ino
