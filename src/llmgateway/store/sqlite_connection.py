"""SQLite connections as this project uses them: how they are opened, and what their errors mean.

One connection writes and checkpoints, all others only read (SQLite 3.7.0 to 3.51.2 can corrupt a file in WAL mode
when two connections write or checkpoint at once: sqlite.org/wal.html, "the WAL-reset bug").
"""

import asyncio
import operator
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import aiosqlite

from llmgateway.config.snapshot import Durability
from llmgateway.ports.store import StoreError, StoreRefusedError, StoreRejectedError, StoreUnavailableError

T = TypeVar("T")

ENGINE: Final = f"SQLite {sqlite3.sqlite_version}"
WRITE_LOCK_S: Final = 1.0  # how long the writer waits for a foreign lock before it says so
QUERY_S: Final = 30.0
CHECK_S: Final = 2.0  # what a start may spend on quick_check; large files are checked as far as that goes
PROGRESS_STEPS: Final = 20_000  # virtual machine steps between two looks at the clock, about a millisecond
CHECKPOINT_PAGES: Final = 4_000
WAL_KEPT_BYTES: Final = 64 * 1024 * 1024
CACHE_KIB: Final = 8 * 1024

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REJECTING: Final = frozenset({
    sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE,
})  # fmt: skip
_CLOSED: Final = (sqlite3.ProgrammingError, ValueError)  # sqlite3's word and aiosqlite's
# Beside SQLite's own: what a value raises that is not what its column's name promises.
_TROUBLE: Final = (sqlite3.Error, ArithmeticError, ValueError, TypeError, AttributeError, LookupError)


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole function in its thread: one hop for a batch instead of one a query."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connect, iter_chunk_size=64)
        self._thread.daemon = True  # a process that fails must end; SQLite minds no more than it minds kill -9

    async def ended(self) -> None:
        """Wait for the thread of a connection that could not be opened: it still has a word for the event loop."""
        await asyncio.to_thread(self._thread.join)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` with the connection in its thread; SQLite's errors come out as StoreErrors."""
        with translated():
            result: T = await self._execute(self._work, work)  # type: ignore[no-untyped-call]  # aiosqlite's own gap
            return result

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self._conn)


async def open_writer(path: Path, durability: Durability) -> Connection:
    """Open the connection that writes. Creates the file if there is none."""
    synchronous = "FULL" if durability is Durability.DISK else "NORMAL"

    def connect() -> sqlite3.Connection:
        bind_at_once()
        connection = sqlite3.connect(path, timeout=WRITE_LOCK_S, isolation_level=None, check_same_thread=False)
        return _configured(
            connection,
            *(() if path.stat().st_size else ("PRAGMA auto_vacuum = INCREMENTAL",)),  # can only be chosen at the birth
            "PRAGMA journal_mode = WAL",
            f"PRAGMA synchronous = {synchronous}",
            f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}",
            "PRAGMA secure_delete = FAST",  # zeros over what is deleted in pages that are written anyway
        )

    return await _opened(connect)


async def open_reader(path: Path) -> Connection:
    """Open a connection that can't write and never checkpoints. Raises StoreUnavailableError if there is no file."""
    uri = f"file:{quote(str(path))}?mode=ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=QUERY_S, isolation_level=None, check_same_thread=False)
        return _configured(connection, "PRAGMA query_only = 1", "PRAGMA wal_autocheckpoint = 0")

    return await _opened(connect)


def bind_at_once() -> None:
    """Tell sqlite3 what None, booleans and bytes are bound as: what they are bound as anyhow, but otherwise it looks
    for an adapter each time, in vain, which takes longer than all the rest it does for a value.
    """
    sqlite3.register_adapter(type(None), {None: None}.get)
    sqlite3.register_adapter(bool, operator.pos)
    sqlite3.register_adapter(bytes, operator.itemgetter(slice(None)))


def _configured(connection: sqlite3.Connection, *pragmas: str) -> sqlite3.Connection:
    try:
        for pragma in ("PRAGMA mmap_size = 0", f"PRAGMA cache_size = -{CACHE_KIB}", "PRAGMA trusted_schema = 0"):
            connection.execute(pragma)
        for pragma in pragmas:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


async def _opened(connect: Callable[[], sqlite3.Connection]) -> Connection:
    connection = Connection(connect)
    try:
        with translated():
            _ = await connection
    except BaseException:
        await connection.ended()
        raise
    return connection


@contextmanager
def time_limit(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Interrupt whatever `connection` does within once `seconds` have passed (SQLITE_INTERRUPT)."""
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, PROGRESS_STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def check_integrity(connection: sqlite3.Connection, seconds: float = CHECK_S) -> None:
    """Look for damage, for at most so long; raises StoreRefusedError."""
    try:
        with time_limit(connection, seconds):
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return
        raise
    if verdict != "ok":
        raise StoreRefusedError(damaged(verdict))


def damaged(what: str) -> str:
    """The advice for a damaged file."""
    reason = " ".join(what.replace("*** in database main ***", "").split())
    return (
        f"the store is damaged ({reason}). Nothing was changed. Stop the gateway, then restore a backup, or run "
        "`llmgateway store rebuild`, which keeps what can be read. To start an empty one, move store.sqlite3 away with "
        "its -wal and -shm files. What was not ingested yet is safe in the journal."
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into the port's."""
    try:
        yield
    except FileNotFoundError as error:  # it was moved in the moment when it was opened
        raise StoreUnavailableError(str(error)) from error
    except _TROUBLE as error:
        raise _translation(error) from error


def _translation(error: Exception) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # it never reached SQLite: the connection is closed, or the value can't be bound
        if isinstance(error, _CLOSED) and not isinstance(error, UnicodeError) and "clos" in str(error):
            return StoreUnavailableError(f"the store is not open ({error})")
        return StoreRejectedError(f"{type(error).__name__}: {error}")
    primary = code & 0xFF  # extended result codes keep the primary one in their low byte
    if primary in _DAMAGED:
        return StoreRefusedError(damaged(str(error)))
    if primary in _REJECTING:
        return StoreRejectedError(str(error))
    if primary == sqlite3.SQLITE_INTERRUPT:
        return StoreUnavailableError("the query took longer than allowed; narrow it")
    return StoreUnavailableError(str(error))
