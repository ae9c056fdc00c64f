"""What the writing connection does in its thread, statement by statement. Plain functions; the caller commits."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from llmgateway.ports.store import ATTEMPT, COLUMNS, VERDICT, Entry, Position, StoreKnownError
from llmgateway.store.rows import COMMON, BodyCodec, attempt_values, numbered, storable_row, verdict_values
from llmgateway.store.sqlite_insert import Insert
from llmgateway.wire.jsoncodec import decode

SHRINK_PAGES: Final = 1_000

_ONCE: Final = ' ON CONFLICT ("id") DO NOTHING'


def _quoted(names: Sequence[str]) -> list[str]:
    return [f'"{name}"' for name in names]


_INSERT_COMMON: Final = Insert("exchange", ["seq", *_quoted(COMMON)], behind=_ONCE)
_INSERT_WHOLE: Final = Insert("exchange", ["seq", *_quoted(COLUMNS)], behind=_ONCE)
_INSERT_ATTEMPTS: Final = Insert("attempt", ["exchange_seq", "ordinal", *_quoted(ATTEMPT)])
_INSERT_VERDICTS: Final = Insert("verdict", ["exchange_seq", "ordinal", *_quoted(VERDICT)])
_INSERT_BODIES: Final = Insert(
    "body",
    ["id", "media", "size", "sha256", "is_truncated", "codec", "content"],
    row="? * 4 + ?, ?, ?, ?, ?, ?, ?",
)
_SAVE_POSITION: Final = (
    'INSERT INTO journal_position (incarnation, segment, "offset") VALUES (?, ?, ?) '
    'ON CONFLICT (incarnation) DO UPDATE SET segment = excluded.segment, "offset" = excluded."offset"'
)
_SAVE_LEDGER: Final = (
    "INSERT INTO ledger (name, state) VALUES ('metrics', ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state"
)


def begin(connection: sqlite3.Connection) -> None:
    """Start a transaction that may write, ending one that a cancelled caller left behind."""
    if connection.in_transaction:
        connection.rollback()
    connection.execute("BEGIN IMMEDIATE")


def insert(connection: sqlite3.Connection, codec: BodyCodec, entries: Sequence[Entry]) -> None:
    """Insert exchanges, children included; raises StoreKnownError if any is there already."""
    if not entries:
        return
    (last,) = connection.execute("SELECT last FROM sequence WHERE name = 'exchange'").fetchone()
    common, whole = numbered([entry.row for entry in entries], last + 1)
    if _INSERT_COMMON(connection, common) + _INSERT_WHOLE(connection, whole) < len(entries):
        inserted = {seq for (seq,) in connection.execute("SELECT seq FROM exchange WHERE seq > ?", (last,))}
        raise StoreKnownError(frozenset(at for at in range(len(entries)) if last + 1 + at not in inserted))
    attempts: list[Any] = []
    verdicts: list[Any] = []
    bodies: list[Any] = []
    body_values = codec.values
    for seq, entry in enumerate(entries, last + 1):
        row = entry.row
        row["seq"] = seq
        for values in attempt_values(seq, row.get("attempts") or ()):
            attempts += values
        if said := row.get("verdicts"):
            for values in verdict_values(seq, said):
                verdicts += values
        for body in entry.bodies:
            bodies += body_values(seq, body)
    _INSERT_ATTEMPTS(connection, attempts)
    _INSERT_VERDICTS(connection, verdicts)
    _INSERT_BODIES(connection, bodies)
    connection.execute("UPDATE sequence SET last = ? WHERE name = 'exchange'", (last + len(entries),))


def clean(entries: Sequence[Entry]) -> None:
    """Make every text of every row storable, in place."""
    for entry in entries:
        entry.row.update(storable_row(entry.row))


def save_progress(
    connection: sqlite3.Connection, positions: Sequence[Position], finished: Sequence[str], ledger: bytes | None
) -> None:
    connection.executemany(_SAVE_POSITION, [(each.incarnation, each.segment, each.offset) for each in positions])
    connection.executemany("DELETE FROM journal_position WHERE incarnation = ?", [(name,) for name in finished])
    if ledger is not None:
        connection.execute(_SAVE_LEDGER, (ledger.decode(),))


def positions(connection: sqlite3.Connection) -> list[Position]:
    found = connection.execute('SELECT incarnation, segment, "offset" FROM journal_position ORDER BY incarnation')
    return [Position(*values) for values in found]


def ledger(connection: sqlite3.Connection) -> dict[str, Any] | None:
    found = connection.execute("SELECT state FROM ledger WHERE name = 'metrics'").fetchone()
    return decode(found[0]) if found else None


def shrink(connection: sqlite3.Connection, limit_bytes: int) -> int:
    """Hand free pages back to the disk."""
    used, free, size = page_counts(connection)
    pages = min(free, limit_bytes // size)
    if pages <= 0:
        return 0
    # A pragma takes no parameters; the number is ours. As a script, for `execute` ends it behind its first page.
    connection.executescript(f"PRAGMA incremental_vacuum({int(pages)});")
    after_used, after_free, _ = page_counts(connection)
    return (used + free - after_used - after_free) * size


def page_counts(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Pages in use, free pages, bytes a page."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return pages - free, free, size
