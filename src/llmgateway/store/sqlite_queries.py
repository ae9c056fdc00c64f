"""The SQL that reads: filters and pages to statements. Every value is a parameter; names come from constants."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from llmgateway.domain.pseudonyms import MARK_LENGTH, mark_of
from llmgateway.ports.store import ATTEMPT, COLUMNS, SEARCHED, VERDICT, Body, Pair, Row, Wanted
from llmgateway.store.rows import KIND_AT, BodyCodec, attempt_of, row_of, storable, verdict_of
from llmgateway.wire.jsoncodec import encode

_COLUMNS: Final = ", ".join(["seq", *(f'"{name}"' for name in COLUMNS)])
_HOLDS: Final = " OR ".join(f"\"{name}\" LIKE ? ESCAPE '\\'" for name in SEARCHED)
_ATTEMPT: Final = ", ".join(f'"{name}"' for name in ATTEMPT)
_VERDICT: Final = ", ".join(f'"{name}"' for name in VERDICT)

# Said, for the planner would go by the route's index and look at all that is no copy.
_BY_PRIMARY: Final = "INDEXED BY exchange_shadow_of"

# How to find what was judged. The `+` keeps the planner from its own order: a page is then found in one pass over the
# ids, however few or many exchanges were judged, and of what is followed each row is looked up.
_JUDGED: Final = "+seq IN (SELECT exchange_seq FROM verdict WHERE {})"
_JUDGED_OF_THE_NEW: Final = "EXISTS (SELECT 1 FROM verdict WHERE exchange_seq = seq AND {})"

# To look for the words costs a fraction of reading the JSON, which then says whether they are a tag.
_TAGGED: Final = 'instr("tags", ?) > 0 AND EXISTS (SELECT 1 FROM json_each("tags") WHERE key = ? AND value = ?)'

DRAWN_FROM: Final = 10_000  # exchanges; to draw from more takes too long

# What an erasure writes over is no body any more, and no compressed one.
_NOT_ERASING: Final = "NOT EXISTS (SELECT 1 FROM erasing WHERE what = 'exchange' AND seq = id / 4)"


def stands(exchange: str) -> str:
    """That an exchange is neither erased nor about to be, as SQL; by the name that its table has there."""
    found = f"SELECT 1 FROM erasing WHERE what = 'exchange' AND erasing.seq = {exchange}.seq"  # noqa: S608 -- a constant
    return f'({exchange}."erased_at" IS NULL AND NOT EXISTS ({found}))'


Condition = tuple[str, list[Any]]


def page(connection: sqlite3.Connection, wanted: Wanted, limit: int, before: str | None) -> list[Row]:
    where, values = conditions(wanted)
    if before is not None:
        where += ' AND "id" < ?'
        values.append(before)
    return _rows(connection, f'{where} ORDER BY "id" DESC LIMIT ?', [*values, limit])


def since_seq(connection: sqlite3.Connection, wanted: Wanted, seq: int, limit: int) -> list[Row]:
    where, values = conditions(wanted, judged=_JUDGED_OF_THE_NEW)
    return _rows(connection, f"{where} AND seq > ? ORDER BY seq LIMIT ?", [*values, seq, limit])


def exchange(connection: sqlite3.Connection, exchange_id: str) -> Row | None:
    found = _rows(connection, '"id" = ?', [exchange_id])
    if not found:
        return None
    (row,) = found
    row["attempts"] = attempts(connection, [row["seq"]]).get(row["seq"], [])
    row["verdicts"] = verdicts(connection, [row["seq"]]).get(row["seq"], [])
    return row


def pairs(connection: sqlite3.Connection, wanted: Wanted, limit: int, before: str | None) -> list[Pair]:
    bounds = (
        ('"shadow_of" >= ?', None if wanted.since is None else id_floor(wanted.since)),
        ('"shadow_of" < ?', None if wanted.until is None else id_floor(wanted.until)),
        ('"shadow_of" < ?', before),
        ('"route" = ?', wanted.route),
    )
    parts = [(sql, value) for sql, value in bounds if value is not None]
    where = " AND ".join(['"shadow_of" IS NOT NULL', *(sql for sql, _ in parts)])
    values = [*(value for _, value in parts), limit]
    copies = _rows(connection, f'{where} ORDER BY "shadow_of" DESC LIMIT ?', values, _BY_PRIMARY)
    ids = [copy["shadow_of"] for copy in copies]
    primaries = {row["id"]: row for row in _rows(connection, f'"id" IN ({marks(ids)})', ids)}
    return [(primaries.get(copy["shadow_of"]), copy) for copy in copies]


def one_rollouts_rows(connection: sqlite3.Connection, rollout: str, version: str, limit: int) -> list[Row]:
    """Some of a rollout's exchanges that were assigned a version, drawn at random among the last ones; none that is
    erased, which says nothing any more.
    """
    last = (
        'SELECT seq FROM exchange WHERE "rollout" = ? AND "assigned_version" = ? AND "erased_at" IS NULL '
        'ORDER BY "id" DESC LIMIT ?'
    )
    return _rows(connection, f"seq IN ({last}) ORDER BY random() LIMIT ?", [rollout, version, DRAWN_FROM, limit])


def one_rollouts_page(
    connection: sqlite3.Connection, rollout: str, version: str, limit: int, before: str | None
) -> list[Row]:
    """A rollout's exchanges that were assigned a version, the newest first; none that is erased."""
    where = (
        '"rollout" = ?1 AND "assigned_version" = ?2 AND "erased_at" IS NULL AND (?3 IS NULL OR "id" < ?3) '
        'ORDER BY "id" DESC LIMIT ?4'
    )
    return _rows(connection, where, [rollout, version, before, limit])


def matching_ids(connection: sqlite3.Connection, prefix: str, limit: int) -> list[str]:
    end = prefix + "\U0010ffff"
    sql = 'SELECT "id" FROM exchange WHERE "id" >= ? AND "id" < ? ORDER BY "id" LIMIT ?'
    return [found for (found,) in connection.execute(sql, (prefix, end, limit))]


def last_seq(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute("SELECT last FROM sequence WHERE name = 'exchange'").fetchone()
    return int(last)


def attempts(connection: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, list[Row]]:
    # Only constants and question marks are put together here.
    sql = f"SELECT exchange_seq, {_ATTEMPT} FROM attempt WHERE exchange_seq IN ({marks(seqs)}) ORDER BY 1, ordinal"  # noqa: S608
    found: dict[int, list[Row]] = {}
    for seq, *values in connection.execute(sql, seqs):
        found.setdefault(seq, []).append(attempt_of(values))
    return found


def verdicts(connection: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, list[Row]]:
    # Only constants and question marks are put together here.
    sql = f"SELECT exchange_seq, {_VERDICT} FROM verdict WHERE exchange_seq IN ({marks(seqs)}) ORDER BY 1, ordinal"  # noqa: S608
    found: dict[int, list[Row]] = {}
    for seq, *values in connection.execute(sql, seqs):
        found.setdefault(seq, []).append(verdict_of(values))
    return found


def bodies(connection: sqlite3.Connection, codec: BodyCodec, seqs: Sequence[int]) -> dict[int, list[Body]]:
    ids = [seq * 4 + at for seq in seqs for at in KIND_AT.values()]
    # Question marks only are put together here; the kinds are numbered in the order of the conversation.
    sql = f"SELECT id / 4, id % 4, media, size, sha256, is_truncated, codec, content FROM body WHERE id IN ({marks(ids)}) AND {_NOT_ERASING} ORDER BY id"  # noqa: S608, E501
    found: dict[int, list[Body]] = {}
    for seq, *values in connection.execute(sql, ids):
        found.setdefault(seq, []).append(codec.body(values))
    return found


def marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def conditions(wanted: Wanted, judged: str = _JUDGED) -> Condition:
    """A WHERE clause and its values. Times are asked of the id, whose first 48 bits are the time of arrival."""
    parts = list(_equal(wanted))
    if wanted.user is not None:
        parts.append(named("user", wanted.user))
    parts.extend(_tagged(wanted.tag))
    parts.extend(_status(wanted.status))
    parts.extend(_judged(wanted, judged))
    if wanted.end is not None:
        parts.append(('"end" = ?', [wanted.end]))
        if wanted.end != "completed":
            parts.append(("\"end\" <> 'completed'", []))  # lets the partial index serve
    if wanted.shadow is not None:
        parts.append((f'"shadow_of" IS {"NOT " * wanted.shadow}NULL', []))
    if wanted.since is not None:
        parts.append(('"id" >= ?', [id_floor(wanted.since)]))
    if wanted.until is not None:
        parts.append(('"id" < ?', [id_floor(wanted.until)]))
    if wanted.text is not None:
        parts.append((f"({_HOLDS})", [f"%{_literal(wanted.text)}%"] * len(SEARCHED)))
    text = " AND ".join(sql for sql, _ in parts) or "1"
    return text, [value for _, values in parts for value in values]


def named(column: str, name: str) -> Condition:
    """Where a column has this name, or a pseudonym for it. `column` is a constant."""
    return f'("{column}" = ? OR substr("{column}", -{MARK_LENGTH}) = ?)', [storable(name), mark_of(name)]


def id_floor(moment: float) -> str:
    """What sorts before every id minted at `moment` (Unix seconds) or later, to the millisecond."""
    head = f"{max(0, min(int(moment * 1000), (1 << 48) - 1)):012x}"
    return f"{head[:8]}-{head[8:]}-"


def _equal(wanted: Wanted) -> list[Condition]:
    equal = [
        ("route", wanted.route),
        ("served_version", wanted.version),
        ("key", wanted.key),
        ("error_code", wanted.error),
        ("shadow_of", wanted.shadow_of),
    ]
    return [(f'"{column}" = ?', [value]) for column, value in equal if value is not None]


def _tagged(tag: tuple[str, str] | None) -> list[Condition]:
    if tag is None:
        return []
    name, value = map(storable, tag)
    return [(_TAGGED, [encode({name: value})[1:-1].decode(), name, value])]


def _status(status: int | None) -> list[Condition]:
    if status is None:
        return []
    low, high = (status * 100, status * 100 + 99) if status < 10 else (status, status)
    parts: list[Condition] = [('"status" BETWEEN ? AND ?', [low, high])]
    if low >= 400:
        parts.append(('"status" >= 400', []))  # lets the partial index serve
    return parts


def _judged(wanted: Wanted, how: str) -> list[Condition]:
    """The same verdict has to be of that guardrail and of that kind. `how` is one of two constants of this file."""
    said = [(name, value) for name, value in (("guardrail", wanted.guardrail), ("action", wanted.verdict)) if value]
    plus = "+" if how is _JUDGED_OF_THE_NEW else ""
    where = " AND ".join(f'{plus}"{name}" = ?' for name, _ in said)
    return [(how.format(where), [storable(value) for _, value in said])] if said else []


def _literal(text: str) -> str:
    """The text with what LIKE would read as a pattern escaped (row O16)."""
    return storable(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")  # type: ignore[no-any-return]  # text stays text


def _rows(connection: sqlite3.Connection, rest: str, values: Sequence[Any], index: str = "") -> list[Row]:
    # `rest` and `index` are made of constants in this file; every value is a parameter.
    found = connection.execute(f"SELECT {_COLUMNS} FROM exchange {index} WHERE {rest}", values)  # noqa: S608
    return [row_of(each) for each in found]
