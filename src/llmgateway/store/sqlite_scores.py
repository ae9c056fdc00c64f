"""Scores in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from llmgateway.domain.score import DataType, Reason, Score, SourceKind, State, Value
from llmgateway.ports.rollouts import ScoreTallies
from llmgateway.ports.scores import (
    MAX_GROUPS,
    MAX_LABELLED,
    MAX_OF_EXCHANGE,
    Cursor,
    Found,
    Group,
    Placement,
    Target,
    WantedScores,
)
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import last_seq, stands
from llmgateway.store.sqlite_scoretallies import News, count
from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import decode

SPAN: Final = 5_000  # exchanges that one look goes through
_NAMES: Final = (
    "seq", "id", "at", "exchange_id", "reference", "key", "name", "data_type", "number", "text", "source_kind",
    "source_id", "run", "comment", "state", "reason", "route", "version", "is_current",
)  # fmt: skip
_WIDTH: Final = len(_NAMES)
_S: Final = ", ".join(f's."{name}"' for name in _NAMES)
_E: Final = 'e.seq, e."id", e."key", e."route", coalesce(e."assigned_version", e."served_version")'
_INSERT: Final = (
    'INSERT INTO score ("id", "at", "exchange_id", "reference", "key", "name", "data_type", "number", "text", '
    '"source_kind", "source_id", "run", "comment", "state") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) '
    'ON CONFLICT ("id") DO NOTHING'
)
_SAVE_STATE: Final = (
    "INSERT INTO ledger (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state"
)
# Valid at once: it is written with its exchange's place, and nothing of it has to be touched again.
_INSERT_VALID: Final = (
    'INSERT INTO score ("id", "at", "exchange_id", "reference", "key", "name", "data_type", "number", "text", '
    '"source_kind", "source_id", "run", "comment", "state", "exchange_seq", "route", "version", "is_current") '
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'valid', ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_LABELLED: Final = (
    'SELECT j."data_type", j."number", j."text", h."data_type", h."number", h."text", max(h."at") '
    'FROM score AS h CROSS JOIN score AS j ON j."exchange_seq" = h."exchange_seq" '  # in this order: people say little
    'AND j."name" = h."name" AND j."source_kind" = \'judge\' AND j."source_id" = ?1 AND j."is_current" = 1 '
    'AND (?2 IS NULL OR j."run" = ?2) '
    'WHERE h."source_kind" = \'human\' AND h."is_current" = 1 AND h."name" = ?3 '
    "GROUP BY j.seq ORDER BY j.seq DESC LIMIT ?4"
)
# Each new exchange is looked up among what waits, and never the other way round: what waits may be much.
_ARRIVED: Final = (
    f"SELECT {_S}, {_E} FROM exchange AS e CROSS JOIN score AS s "  # noqa: S608 -- names from constants
    'WHERE e.seq > ? AND e.seq <= ? AND s."exchange_id" = e."id" AND s."state" = \'pending\' '
    f"AND {stands('e')}"
)
_ARRIVED_BY_REFERENCE: Final = (
    f"SELECT {_S}, {_E} FROM exchange AS e CROSS JOIN score AS s "  # noqa: S608 -- names from constants
    'WHERE e.seq > ? AND e.seq <= ? AND e."caller_request_id" IS NOT NULL AND e."shadow_of" IS NULL '
    'AND s."reference" = e."caller_request_id" AND s."key" = e."key" AND s."exchange_id" IS NULL '
    f"AND s.\"state\" = 'pending' AND {stands('e')}"
)
_BY_ID: Final = f'SELECT {_E} FROM exchange AS e WHERE e."id" = ? AND {stands("e")}'  # noqa: S608 -- names from constants
_BY_REFERENCE: Final = (
    f'SELECT {_E} FROM exchange AS e WHERE e."caller_request_id" = ? AND e."key" = ? AND e."shadow_of" IS NULL '  # noqa: S608 -- names from constants
    f'AND {stands("e")} ORDER BY e."id" DESC LIMIT 1'
)
_LATE: Final = 's."state" = \'pending\' AND s."exchange_seq" IS NULL AND s."at" < ?'
# What was said is forgotten as bodies are, and for good; the condition is the index's.
_IN_WORDS: Final = '("comment" IS NOT NULL OR ("data_type" = \'text\' AND "text" IS NOT NULL))'
_WITHOUT_WORDS: Final = (
    'UPDATE score SET "comment" = NULL, "text" = CASE WHEN "data_type" = \'text\' THEN NULL ELSE "text" END WHERE seq '
)
_FORGET: Final = f'{_WITHOUT_WORDS} IN (SELECT seq FROM score WHERE {_IN_WORDS} AND "at" < ? ORDER BY "at" LIMIT ?)'  # noqa: S608 -- constants
_FORGET_ONE: Final = f"{_WITHOUT_WORDS} = ?"
_PLACE: Final = (
    'UPDATE score SET "state" = ?, "reason" = ?, "exchange_seq" = ?, "exchange_id" = coalesce(?, "exchange_id"), '
    '"route" = ?, "version" = ? WHERE seq = ? AND "state" = \'pending\' '
    "AND (?3 IS NULL OR EXISTS (SELECT 1 FROM exchange WHERE exchange.seq = ?3))"
)
_PURGE: Final = (
    'DELETE FROM score WHERE seq IN (SELECT seq FROM score WHERE "state" = \'rejected\' AND "exchange_seq" IS NULL '
    'AND "at" < ? ORDER BY "at" LIMIT ?)'
)


def insert(connection: sqlite3.Connection, scores: Iterable[Score]) -> None:
    """Add scores as they were sent; those that are there already are left alone. The caller commits."""
    connection.executemany(_INSERT, [_values(score) for score in scores])


def add(connection: sqlite3.Connection, score: Score, tallies: ScoreTallies | None = None) -> Score | None:
    begin(connection)
    found = connection.execute(_BY_ID, (score.exchange_id,)).fetchone()
    if found is None:
        connection.rollback()
        return None
    if connection.execute(_INSERT, _values(replace(score, state=State.PENDING))).rowcount:
        (saved,) = _select(connection, 's."id" = ?', [score.id])
        news = _place(connection, Placement(saved, State.VALID, Target(*found)))
        count(connection, news, tallies)
    connection.execute("COMMIT")
    (saved,) = _select(connection, 's."id" = ?', [score.id])
    return saved


def add_many(
    connection: sqlite3.Connection, scores: Sequence[Score], state: bytes, tallies: ScoreTallies | None = None
) -> int:
    """Add scores of exchanges that are there, and save the state of who gave them."""
    begin(connection)
    targets: dict[str | None, Target | None] = {}
    added = 0
    news: list[News] = []
    for score in scores:
        if score.exchange_id not in targets:
            targets[score.exchange_id] = _target(connection, score)
        target = targets[score.exchange_id]
        if target is not None and _add_valid(connection, score, target):
            added += 1
            news.append((score, target.seq))
    count(connection, news, tallies)
    connection.execute(_SAVE_STATE, ("evaluation", state.decode()))
    connection.execute("COMMIT")
    return added


def _add_valid(connection: sqlite3.Connection, score: Score, target: Target) -> bool:
    """Add it, current at once, which only fails where something of this source is there already. False: it is itself
    there already.
    """
    placed = (*_values(score)[:-1], target.seq, target.route, target.version)
    if connection.execute(_INSERT_VALID, (*placed, 1)).rowcount:
        return True
    cursor = connection.execute(_INSERT_VALID, (*placed, 0))
    if cursor.rowcount:
        _make_current(connection, replace(score, seq=cursor.lastrowid or 0), target.seq)
    return bool(cursor.rowcount)


def labelled(connection: sqlite3.Connection, name: str, source_id: str, run: str | None) -> list[tuple[Value, Value]]:
    found = connection.execute(_LABELLED, (source_id, run, name, MAX_LABELLED))
    return [(value_of(*values[:3]), value_of(*values[3:6])) for values in found]


def value_of(data_type: str, number: float | None, text: str | None) -> Value:
    """What a row says."""
    if data_type == DataType.BOOL:
        return bool(number)
    return number if number is not None else text or ""


def unplaced(connection: sqlite3.Connection, cursor: Cursor, overdue: float, limit: int) -> Found:
    """One look, all of one moment."""
    if connection.in_transaction:
        connection.rollback()
    connection.execute("BEGIN")
    try:
        return _unplaced(connection, cursor, overdue, limit)
    finally:
        connection.rollback()


def _unplaced(connection: sqlite3.Connection, cursor: Cursor, overdue: float, limit: int) -> Found:
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'score'").fetchone()
    newest_score, newest = last[0] if last else 0, last_seq(connection)
    begun = Cursor(min(cursor.scores, newest_score), min(cursor.exchanges, newest))
    fresh = _select(connection, "s.seq > ?", [begun.scores], f"ORDER BY s.seq LIMIT {int(limit)}")
    pairs: dict[int, tuple[Score, Target | None]] = {}
    for score in fresh:
        if score.state is State.PENDING and (target := _target(connection, score)) is not None:
            pairs[score.seq] = score, target
    waiting = connection.execute("SELECT 1 FROM score WHERE \"state\" = 'pending' LIMIT 1").fetchone() is not None
    upto = min(newest, begun.exchanges + SPAN) if waiting else newest
    if waiting:
        for statement in (_ARRIVED, _ARRIVED_BY_REFERENCE):
            for values in connection.execute(statement, (begun.exchanges, upto)):
                pairs.setdefault(values[0], (_score(values[:_WIDTH]), Target(*values[_WIDTH:])))
    for score in _select(connection, _LATE, [overdue], f'ORDER BY s."at" LIMIT {int(limit)}'):
        pairs.setdefault(score.seq, (score, _target(connection, score)))
    reached = fresh[-1].seq if len(fresh) == limit else newest_score
    is_more = reached < newest_score or upto < newest or len(pairs) >= limit
    return Found(list(pairs.values()), Cursor(reached, upto), is_more, waiting)


def place(
    connection: sqlite3.Connection,
    placements: Sequence[Placement],
    state: bytes,
    tallies: ScoreTallies | None = None,
) -> None:
    begin(connection)
    count(connection, [each for placement in placements for each in _place(connection, placement)], tallies)
    connection.execute(_SAVE_STATE, ("scores", state.decode()))
    connection.execute("COMMIT")


def state(connection: sqlite3.Connection, name: str = "scores") -> dict[str, Any] | None:
    found = connection.execute("SELECT state FROM ledger WHERE name = ?", (name,)).fetchone()
    return decode(found[0]) if found else None


def page(connection: sqlite3.Connection, wanted: WantedScores, limit: int, before: int | None) -> list[Score]:
    where, values = _conditions(wanted)
    if before is not None:
        where += " AND s.seq < ?"
        values.append(before)
    return _select(connection, where, values, f"ORDER BY s.seq DESC LIMIT {int(limit)}")


def of_exchange(connection: sqlite3.Connection, exchange_seq: int) -> list[Score]:
    where = 's."exchange_seq" = ? AND s."state" = \'valid\''
    newest = _select(connection, where, [exchange_seq], f"ORDER BY s.seq DESC LIMIT {MAX_OF_EXCHANGE}")
    return sorted(newest, key=lambda score: (score.at, score.id))


def groups(connection: sqlite3.Connection, wanted: WantedScores) -> list[Group]:
    where, values = _conditions(replace(wanted, every=False))
    sql = (
        'SELECT s."route", s."version", s."name", s."data_type", s."source_kind", '  # noqa: S608 -- names from constants
        'CASE WHEN s."data_type" = \'category\' THEN s."text" END AS category, count(*), '
        'coalesce(sum(s."number"), 0.0), coalesce(sum(s."number" * s."number"), 0.0) '
        f"FROM score AS s WHERE {where} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 7 DESC LIMIT {MAX_GROUPS}"
    )
    return [
        Group(route, version, name, DataType(data_type), SourceKind(kind), *rest)
        for route, version, name, data_type, kind, *rest in connection.execute(sql, values)
    ]


def purge(connection: sqlite3.Connection, before: float | None, limit: int) -> None:
    """Delete the oldest scores that have no exchange and wait for none. The caller commits."""
    connection.execute(_PURGE, (float("inf") if before is None else before, limit))


def forget(connection: sqlite3.Connection, before: float, limit: int) -> int:
    """Forget the oldest comments and texts; returns of how many scores. The caller commits."""
    return connection.execute(_FORGET, (before, limit)).rowcount


def _place(connection: sqlite3.Connection, placement: Placement) -> list[News]:
    """Say what becomes of it. Gives it back, with its exchange's number, if it has become valid by that, be it its
    source's last word or an earlier one that comes in late: what counts must not hang on the order of arrival.
    """
    score, target = placement.score, placement.target or Target(0, "", None, None, None)
    moved = connection.execute(
        _PLACE,
        (
            placement.state,
            placement.reason,
            target.seq or None,
            target.id or None,
            target.route,
            target.version,
            score.seq,
        ),
    ).rowcount
    if placement.forgets:
        connection.execute(_FORGET_ONE, (score.seq,))
    if not moved or placement.state is not State.VALID:
        return []
    _make_current(connection, score, target.seq)
    return [(score, target.seq)]


def _make_current(connection: sqlite3.Connection, score: Score, exchange_seq: int) -> None:
    """The last word of a source counts, also where an earlier one comes in after it."""
    slot = (exchange_seq, score.name, score.source_kind, score.source_id)
    same = '"exchange_seq" = ? AND "name" = ? AND "source_kind" = ? AND "source_id" = ? AND "is_current" = 1'
    held = connection.execute(f'SELECT seq, "at", "id" FROM score WHERE {same}', slot).fetchone()  # noqa: S608 -- a constant
    if held is not None and (held[1], held[2]) > (score.at, score.id):
        return
    if held is not None:
        connection.execute('UPDATE score SET "is_current" = 0 WHERE seq = ?', held[:1])
    connection.execute('UPDATE score SET "is_current" = 1 WHERE seq = ?', (score.seq,))


def _target(connection: sqlite3.Connection, score: Score) -> Target | None:
    if score.exchange_id is not None:
        found = connection.execute(_BY_ID, (score.exchange_id,)).fetchone()
    else:
        found = connection.execute(_BY_REFERENCE, (score.reference, score.key)).fetchone()
    return Target(*found) if found else None


def _select(connection: sqlite3.Connection, where: str, values: Sequence[Any], rest: str = "") -> list[Score]:
    # `where` and `rest` are made of constants and numbers in this file; every value is a parameter.
    sql = f"SELECT {_S} FROM score AS s WHERE {where} {rest}"  # noqa: S608
    return [_score(each) for each in connection.execute(sql, values)]


def _conditions(wanted: WantedScores) -> tuple[str, list[Any]]:
    named = (
        ("exchange_id", wanted.exchange_id),
        ("route", wanted.route),
        ("version", wanted.version),
        ("name", wanted.name),
        ("source_kind", wanted.source_kind),
        ("source_id", wanted.source_id),
    )
    parts = [(f's."{column}" = ?', storable(value)) for column, value in named if value is not None]
    if wanted.since is not None:
        parts.append(('s."at" >= ?', wanted.since))
    if wanted.until is not None:
        parts.append(('s."at" < ?', wanted.until))
    where = [sql for sql, _ in parts] + ([] if wanted.every else ['s."is_current" = 1'])
    return " AND ".join(where) or "1", [value for _, value in parts]


def _values(score: Score) -> tuple[Any, ...]:
    text = score.value if isinstance(score.value, str) else None
    number = float(score.value) if isinstance(score.value, bool | int | float) else None
    words = map(storable, (score.exchange_id, score.reference, score.key, score.name, str(score.data_type)))
    source = map(storable, (text, str(score.source_kind), score.source_id, score.run, score.comment, str(score.state)))
    return (score.id, score.at, *words, number, *source)


def _score(values: Sequence[Any]) -> Score:
    row = dict(zip(_NAMES, values, strict=True))
    data_type, number, text = DataType(row["data_type"]), row["number"], row["text"]
    return Score(
        id=row["id"],
        at=row["at"],
        name=row["name"],
        data_type=data_type,
        value=bool(number) if data_type is DataType.BOOL else number if data_type is DataType.NUMBER else text,
        source_kind=SourceKind(row["source_kind"]),
        source_id=row["source_id"],
        exchange_id=row["exchange_id"],
        reference=row["reference"],
        key=row["key"],
        run=row["run"],
        comment=row["comment"],
        state=State(row["state"]),
        reason=Reason(row["reason"]) if row["reason"] is not None else None,
        route=row["route"],
        version=row["version"],
        is_current=bool(row["is_current"]),
        seq=row["seq"],
    )
