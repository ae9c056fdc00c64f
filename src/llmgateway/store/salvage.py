"""Copies a damaged store into a new one, row by row where it has to be: what can be read is kept, the rest is counted.

Blocking, for a command that runs while no gateway does. SQLite's own `.recover` needs a shell program that many systems
don't have, and brings rows without their place; here each table is read in ever smaller pieces around the damage.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from llmgateway.ports.store import StoreRefusedError
from llmgateway.store.schema import check, prepare
from llmgateway.store.sqlite_connection import bind_at_once, translated

STEP: Final = 1_000  # rows read at once, by their number
WITHOUT_ROWID: Final = {  # what counts rows without a rowid
    "attempt": "exchange_seq",
    "verdict": "exchange_seq",
    "erasing": "seq",
}
_FIRST: Final = (
    "sequence",
    "journal_position",
    "ledger",
    "generation",
    "exchange",
)  # small and dear ones before the large

Progress = Callable[[str, int, int], None]
"""Called with a table, how far its rows' numbers have been read, and the last of them."""


@dataclass(slots=True)
class Salvaged:
    """Rows by table: copied, and numbers of rows that may have been lost (gaps that retention left count too)."""

    copied: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return sum(self.unreadable.values())


def salvage(damaged: Path, fresh: Path, progress: Progress = lambda *_: None) -> Salvaged:
    """Make the store `fresh` out of what can be read of `damaged`, which stays as it is.

    Raises StoreRefusedError where nothing can: no database, another program's, a newer version's. OSError, and
    FileExistsError where `fresh` is there already.
    """
    fresh.touch(mode=0o600, exist_ok=False)
    bind_at_once()
    with translated(), closing(_reading(damaged)) as source, closing(_writing(fresh)) as target:
        with suppress(sqlite3.DatabaseError):  # which tables there are is all that must be readable
            check(source)
        prepare(target)
        report = Salvaged()
        for table in _tables(source, target):
            _copy(_Table(source, target, table), report, progress)
        _number_on(target)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return report


def _reading(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = bytes  # what damage made of a text need not be UTF-8
    connection.execute("PRAGMA cell_size_check = 1")
    return connection


def _writing(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _tables(source: sqlite3.Connection, target: sqlite3.Connection) -> list[str]:
    """The tables that both have, the dearest first."""
    try:
        there = _names(source)
    except sqlite3.DatabaseError as error:
        raise StoreRefusedError(f"not even its list of tables can be read ({error}); restore a backup") from None
    ours = _names(target)
    return sorted(there & ours, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))


def _names(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'"
    )
    return {name if isinstance(name, str) else name.decode() for (name,) in rows}


class _Table:
    """One table on its way across."""

    def __init__(self, source: sqlite3.Connection, target: sqlite3.Connection, name: str) -> None:
        self.name = name
        self._source = source
        self._target = target
        number = WITHOUT_ROWID.get(name, "rowid")
        columns = self._columns()
        # Names come from the migrations; every value is a parameter.
        self._range = f"SELECT {columns} FROM {name} NOT INDEXED WHERE {number} BETWEEN ? AND ?"  # noqa: S608
        self._ends = (
            f"SELECT max({number}) FROM {name} NOT INDEXED",  # noqa: S608
            f"SELECT max({number}) FROM (SELECT {number} FROM {name} NOT INDEXED)",  # noqa: S608
        )
        marks = ", ".join("?" * (columns.count(",") + 1))
        self._insert = f"INSERT OR IGNORE INTO {name} ({columns}) VALUES ({marks})"  # noqa: S608
        self._texts = self._text_columns()

    def last(self) -> int:
        """The highest number, or a guess above it where the damage hides it."""
        for sql in self._ends:
            with suppress(sqlite3.DatabaseError):
                return int(self._source.execute(sql).fetchone()[0] or 0)
        with suppress(sqlite3.DatabaseError, TypeError):
            (last,) = self._source.execute("SELECT last FROM sequence WHERE name = 'exchange'").fetchone()
            return int(last) * (4 if self.name == "body" else 1) + 4
        return STEP

    def copy(self, first: int, last: int) -> tuple[int, int]:
        """Copy the rows with these numbers; returns how many went across, and how many numbers could not be read."""
        try:
            rows = self._source.execute(self._range, (first, last)).fetchall()
        except sqlite3.DatabaseError:
            if first == last:
                return 0, 1
            middle = (first + last) // 2
            left, right = self.copy(first, middle), self.copy(middle + 1, last)
            return left[0] + right[0], left[1] + right[1]
        return self._keep(rows)

    def _keep(self, rows: list[tuple[Any, ...]]) -> tuple[int, int]:
        kept = bad = 0
        self._target.execute("BEGIN IMMEDIATE")
        for row in rows:
            try:
                kept += self._target.execute(self._insert, self._decoded(row)).rowcount
            except (sqlite3.IntegrityError, UnicodeDecodeError):
                bad += 1
        self._target.execute("COMMIT")
        return kept, bad

    def _decoded(self, row: tuple[Any, ...]) -> list[Any]:
        return [
            value.decode() if is_text and isinstance(value, bytes) else value
            for value, is_text in zip(row, self._texts, strict=True)
        ]

    def _columns(self) -> str:
        """What both have: a store of the version before lacks columns, one of the version behind has more."""
        there = {name for name, _ in _columns_of(self._source, self.name)}
        return ", ".join(f'"{name}"' for name, _ in _columns_of(self._target, self.name) if name in there)

    def _text_columns(self) -> list[bool]:
        there = {name for name, _ in _columns_of(self._source, self.name)}
        return [kind == "TEXT" for name, kind in _columns_of(self._target, self.name) if name in there]


def _columns_of(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, str]]:
    for name, kind in connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall():
        yield (
            name if isinstance(name, str) else name.decode(),
            kind if isinstance(kind, str) else kind.decode(),
        )


def _copy(table: _Table, report: Salvaged, progress: Progress) -> None:
    last = table.last()
    copied = unreadable = 0
    for first in range(0, last + 1, STEP):
        kept, bad = table.copy(first, min(last, first + STEP - 1))
        copied, unreadable = copied + kept, unreadable + bad
        progress(table.name, min(last, first + STEP), last)
    report.copied[table.name] = copied
    if unreadable:
        report.unreadable[table.name] = unreadable


def _number_on(target: sqlite3.Connection) -> None:
    """No number may be given out twice, whatever became of the row that said which came last."""
    target.execute(
        "INSERT INTO sequence (name, last) SELECT 'exchange', coalesce(max(seq), 0) FROM exchange WHERE true "
        "ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last)"
    )
