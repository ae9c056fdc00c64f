"""What the writing connection does in its thread, statement by statement. Plain functions; the caller commits."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from llmgateway.ports.store import ATTEMPT, COLUMNS, Entry, Position, StoreKnownError
from llmgateway.store.rows import BodyCodec, Values, attempt_values, exchange_values, storable_row
from llmgateway.store.sqlite_queries import id_floor, marks
from llmgateway.wire.jsoncodec import decode

SHRINK_PAGES: Final = 1_000

_NAMES: Final = ", ".join(f'"{name}"' for name in COLUMNS)
_ATTEMPT_NAMES: Final = ", ".join(f'"{name}"' for name in ATTEMPT)
# The names come from constants of the port; every value is a parameter.
_INSERT_EXCHANGE: Final = (
    f'INSERT INTO exchange (seq, {_NAMES}) VALUES (?, {marks(COLUMNS)}) ON CONFLICT ("id") DO NOTHING'  # noqa: S608
)
_INSERT_ATTEMPT: Final = (
    f"INSERT INTO attempt (exchange_seq, ordinal, {_ATTEMPT_NAMES}) VALUES (?, ?, {marks(ATTEMPT)})"  # noqa: S608
)
_INSERT_BODY: Final = (
    "INSERT INTO body (exchange_seq, kind, media, size, sha256, is_truncated, codec, content) VALUES (?,?,?,?,?,?,?,?)"
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
    numbered = list(enumerate(entries, last + 1))
    if _insert_exchanges(connection, numbered) < len(entries):
        inserted = {seq for (seq,) in connection.execute("SELECT seq FROM exchange WHERE seq > ?", (last,))}
        raise StoreKnownError(frozenset(seq - last - 1 for seq, _ in numbered if seq not in inserted))
    _insert_children(connection, codec, numbered)
    connection.execute("UPDATE sequence SET last = ? WHERE name = 'exchange'", (numbered[-1][0],))
    for seq, entry in numbered:
        entry.row["seq"] = seq


def _insert_exchanges(connection: sqlite3.Connection, numbered: Sequence[tuple[int, Entry]]) -> int:
    rows = [(seq, *exchange_values(entry.row)) for seq, entry in numbered]
    return connection.executemany(_INSERT_EXCHANGE, rows).rowcount


def _insert_children(connection: sqlite3.Connection, codec: BodyCodec, numbered: Sequence[tuple[int, Entry]]) -> None:
    attempts: list[Values] = []
    bodies: list[Values] = []
    for seq, entry in numbered:
        attempts.extend(attempt_values(seq, entry.row.get("attempts") or ()))
        bodies.extend([codec.values(seq, body) for body in entry.bodies])
    connection.executemany(_INSERT_ATTEMPT, attempts)
    connection.executemany(_INSERT_BODY, bodies)


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


def purge_exchanges(connection: sqlite3.Connection, before: float | None, limit: int) -> int:
    """Delete the oldest exchanges with all that hangs on them."""
    floor = "~" if before is None else id_floor(before)  # "~" sorts behind every id
    begin(connection)
    found = connection.execute('SELECT seq FROM exchange WHERE "id" < ? ORDER BY "id" LIMIT ?', (floor, limit))
    seqs = found.fetchall()
    for statement in (
        "DELETE FROM body WHERE exchange_seq = ?",
        "DELETE FROM attempt WHERE exchange_seq = ?",
        "DELETE FROM exchange WHERE seq = ?",
    ):
        connection.executemany(statement, seqs)
    connection.execute("COMMIT")
    return len(seqs)


def purge_bodies(connection: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete the oldest bodies. Looks at `limit` of them in the order of ingestion, so a pass is never long."""
    sql = (
        "SELECT body.rowid FROM (SELECT rowid, exchange_seq FROM body ORDER BY exchange_seq LIMIT ?) AS body "
        'LEFT JOIN exchange ON exchange.seq = body.exchange_seq WHERE exchange."id" IS NULL OR exchange."id" < ?'
    )
    begin(connection)
    found = connection.execute(sql, (limit, id_floor(before))).fetchall()
    connection.executemany("DELETE FROM body WHERE rowid = ?", found)
    connection.execute("COMMIT")
    return len(found)


def shrink(connection: sqlite3.Connection, limit_bytes: int) -> int:
    """Hand free pages back to the disk."""
    used, free, size = page_counts(connection)
    pages = min(free, limit_bytes // size)
    if pages <= 0:
        return 0
    # A pragma takes no parameters; the number is ours.
    connection.execute(f"PRAGMA incremental_vacuum({int(pages)})").fetchall()
    after_used, after_free, _ = page_counts(connection)
    return (used + free - after_used - after_free) * size


def page_counts(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Pages in use, free pages, bytes a page."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return pages - free, free, size
