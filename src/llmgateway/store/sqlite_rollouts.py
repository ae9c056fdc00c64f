"""Rollouts in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, Final

from llmgateway.domain.event import GatewayEvent
from llmgateway.ports.rollouts import (
    JUDGED,
    MAX_APPROVALS,
    MAX_ROLLOUTS,
    MAX_SEEN,
    MAX_SEEN_BY,
    MAX_TRANSITIONS,
    PROMOTE,
    Added,
    ApprovalRecord,
    EpochCount,
    RolloutRecord,
    Tally,
    TransitionRecord,
    UnitMark,
)
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_concerns import against
from llmgateway.store.sqlite_events import insert
from llmgateway.store.sqlite_queries import marks, one_rollouts_rows
from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import JsonError, decode, encode

UNITS_AT_ONCE: Final = 500  # in one question; SQLite takes some thousand
_ROLLOUT: Final = (
    'SELECT "id", route, candidate, stable, version_hash, stable_hash, creator, created_at, unit_key, policy, place, '
    "state, revision, filed FROM rollout "
)
_TRANSITION: Final = (
    'SELECT rollout, revision, "key", "at", event, from_state, to_state, pause, step, epoch, weight, actor, reason, '
    "evidence, evidence_hash, generation FROM transition "
)
_COUNT: Final = (
    "SELECT epoch, metric, stable_units, candidate_units, stable_bad, candidate_bad, stable_at, candidate_at, "
    "stable_run, candidate_run FROM epoch_count WHERE rollout = ? ORDER BY epoch, metric"
)
_ADD: Final = (
    "INSERT INTO epoch_count VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
    "ON CONFLICT (rollout, epoch, metric) DO UPDATE SET "
    "stable_units = stable_units + ?4, candidate_units = candidate_units + ?5, "
    "stable_bad = stable_bad + ?6, candidate_bad = candidate_bad + ?7, "
    "stable_at = max(stable_at, ?8), candidate_at = max(candidate_at, ?9), "
    "stable_run = CASE WHEN ?12 THEN ?10 ELSE stable_run + ?10 END, "
    "candidate_run = CASE WHEN ?13 THEN ?11 ELSE candidate_run + ?11 END"
)
_HEAR_UNTIL: Final = (
    "UPDATE epoch_count SET stable_at = min(stable_at, ?1), candidate_at = min(candidate_at, ?1) "
    'WHERE (stable_at > ?1 OR candidate_at > ?1) AND rollout IN (SELECT "id" FROM rollout WHERE filed IS NULL)'
)
_TOO_MANY: Final = (
    'SELECT "id" FROM rollout WHERE route = ? AND filed IS NOT NULL '
    "ORDER BY state IN (?, ?) DESC, rowid DESC LIMIT -1 OFFSET ?"
)
_BELONGING: Final = ("transition", "approval", "epoch_count", "unit_event", "exemplar_seen", "aftermath")
_APPROVE: Final = (
    "INSERT INTO approval SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT count(*) FROM approval WHERE rollout = ?1 "
    'AND NOT ("by" = ?2 AND version_hash = ?3 AND evidence_hash = ?4)) < ?6 '
    'ON CONFLICT DO UPDATE SET "at" = excluded."at"'
)


def records(connection: sqlite3.Connection, rest: str, values: Sequence[object] = ()) -> list[RolloutRecord]:
    """The rollouts that the `rest` of a statement finds; it is made of constants."""
    return [_record(each) for each in connection.execute(f"{_ROLLOUT} {rest}", values)]


def running(connection: sqlite3.Connection) -> list[RolloutRecord]:
    return records(connection, "WHERE filed IS NULL ORDER BY route")


def newest(connection: sqlite3.Connection, route: str | None, limit: int) -> list[RolloutRecord]:
    return records(connection, "WHERE ?1 IS NULL OR route = ?1 ORDER BY created_at DESC LIMIT ?2", (route, limit))


def transitions(connection: sqlite3.Connection, rollout: str) -> list[TransitionRecord]:
    sql = f"{_TRANSITION} WHERE rollout = ? ORDER BY revision DESC LIMIT ?"
    found = [_transition(each) for each in connection.execute(sql, (rollout, MAX_TRANSITIONS))]
    return found[::-1]


def approvals(connection: sqlite3.Connection, rollout: str) -> list[ApprovalRecord]:
    sql = 'SELECT rollout, "by", version_hash, evidence_hash, "at" FROM approval WHERE rollout = ? ORDER BY "at"'
    return [ApprovalRecord(*each) for each in connection.execute(sql, (rollout,))]


def exemplars_seen(connection: sqlite3.Connection, rollout: str, person: str) -> int:
    sql = "SELECT count(*) FROM exemplar_seen WHERE rollout = ? AND person = ?"
    (count,) = connection.execute(sql, (rollout, storable(person))).fetchone()
    return int(count)


def exemplars(connection: sqlite3.Connection, rollout: str, version: str, limit: int) -> list[dict[str, Any]]:
    return one_rollouts_rows(connection, rollout, version, limit)


def epoch_counts(connection: sqlite3.Connection, rollout: str) -> tuple[list[EpochCount], dict[int, float]]:
    counts = [EpochCount(*each) for each in connection.execute(_COUNT, (rollout,))]
    weights = connection.execute("SELECT epoch, weight FROM transition WHERE rollout = ? ORDER BY revision", (rollout,))
    return counts, dict(weights.fetchall())


def hear_until(connection: sqlite3.Connection, now: float) -> None:
    begin(connection)
    connection.execute(_HEAR_UNTIL, (now,))
    connection.execute("COMMIT")


def add(connection: sqlite3.Connection, record: RolloutRecord) -> None:
    begin(connection)
    _insert(connection, record)
    connection.execute("COMMIT")


def move(
    connection: sqlite3.Connection, record: RolloutRecord, transition: TransitionRecord, event: GatewayEvent | None
) -> bool:
    """Compare, set and note, or nothing of it."""
    begin(connection)
    is_moved = _move(connection, record, transition)
    if is_moved and event is not None:
        insert(connection, (event,))
    connection.execute("COMMIT")
    return is_moved


def replace(
    connection: sqlite3.Connection, old: RolloutRecord, transition: TransitionRecord, new: RolloutRecord
) -> bool:
    """End and file one and begin another, or nothing of it."""
    begin(connection)
    is_moved = _move(connection, old, transition)
    if is_moved:
        _file(connection, old.id, transition.generation)
        _insert(connection, new)
    connection.execute("COMMIT")
    return is_moved


def file(connection: sqlite3.Connection, rollout: str, generation: int) -> None:
    begin(connection)
    _file(connection, rollout, generation)
    connection.execute("COMMIT")


def discard(connection: sqlite3.Connection, row: TransitionRecord) -> bool:
    """End and file one by the row that says so, or nothing of it. What can't be read of it stays as it is."""
    begin(connection)
    moved = connection.execute(
        'UPDATE rollout SET state = ?, revision = ? WHERE "id" = ? AND revision = ? AND filed IS NULL',
        (row.to_state, row.revision, row.rollout, row.revision - 1),
    ).rowcount
    if moved:
        _note(connection, row)
        _file(connection, row.rollout, row.generation)
    connection.execute("COMMIT")
    return bool(moved)


def _insert(connection: sqlite3.Connection, record: RolloutRecord) -> None:
    connection.execute("INSERT INTO rollout VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _values(record))
    for forgotten in connection.execute(_TOO_MANY, (record.route, *JUDGED, MAX_ROLLOUTS)).fetchall():
        for table in _BELONGING:
            connection.execute(f"DELETE FROM {table} WHERE rollout = ?", forgotten)  # noqa: S608 -- constants
        connection.execute('DELETE FROM rollout WHERE "id" = ?', forgotten)


def _move(connection: sqlite3.Connection, record: RolloutRecord, transition: TransitionRecord) -> bool:
    if transition.event == PROMOTE and against(connection, record.route, (record.candidate, record.version_hash)):
        return False
    moved = connection.execute(
        'UPDATE rollout SET place = ?, state = ?, revision = ? WHERE "id" = ? AND revision = ? AND filed IS NULL',
        (_text(record.place), record.state, record.revision, record.id, record.revision - 1),
    ).rowcount
    if moved:
        _note(connection, transition)
    return bool(moved)


def _note(connection: sqlite3.Connection, transition: TransitionRecord) -> None:
    values = [_text(each) if isinstance(each, dict) else storable(each) for each in astuple(transition)]
    connection.execute(f"INSERT INTO transition VALUES ({marks(values)})", values)  # noqa: S608 -- question marks


def _file(connection: sqlite3.Connection, rollout: str, generation: int) -> None:
    connection.execute('UPDATE rollout SET filed = ? WHERE "id" = ? AND filed IS NULL', (generation, rollout))
    connection.execute("DELETE FROM unit_event WHERE rollout = ?", (rollout,))


def approve(connection: sqlite3.Connection, approval: ApprovalRecord) -> bool:
    values = [storable(each) for each in approval]
    begin(connection)
    saved = connection.execute(_APPROVE, (*values, MAX_APPROVALS)).rowcount
    connection.execute("COMMIT")
    return bool(saved)


def note_exemplars(
    connection: sqlite3.Connection, rollout: str, person: str, exchanges: Sequence[str], at: float
) -> bool:
    rows = [(rollout, storable(person), each, at) for each in exchanges]
    begin(connection)
    (seen,) = connection.execute("SELECT count(*) FROM exemplar_seen WHERE rollout = ?", (rollout,)).fetchone()
    has_room = exemplars_seen(connection, rollout, person) < MAX_SEEN_BY
    if has_room and seen + len(rows) <= MAX_SEEN:
        connection.executemany("INSERT INTO exemplar_seen VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
    connection.execute("COMMIT")
    return not has_room or seen + len(rows) <= MAX_SEEN


def tally(connection: sqlite3.Connection, tallies: Sequence[Tally]) -> None:
    """Count into the transaction that is open."""
    for each in tallies:
        _save(connection, each.rollout, each.count(_marked(connection, each)))


def _marked(connection: sqlite3.Connection, wanted: Tally) -> set[UnitMark]:
    units, found = list(wanted.units), set[UnitMark]()
    for start in range(0, len(units), UNITS_AT_ONCE):
        part = units[start : start + UNITS_AT_ONCE]
        sql = f"SELECT metric, unit, arm FROM unit_event WHERE rollout = ? AND unit IN ({marks(part)})"  # noqa: S608 -- question marks
        found.update(connection.execute(sql, (wanted.rollout, *part)))
    return found


def _save(connection: sqlite3.Connection, rollout: str, added: Added) -> None:
    rows = [(rollout, unit, metric, arm) for metric, unit, arm in added.marks]
    connection.executemany("INSERT INTO unit_event VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
    spent = [(rollout, unit) for unit in added.spent]
    connection.executemany("DELETE FROM unit_event WHERE rollout = ? AND unit = ?", spent)
    for each in added.counts:
        ended = [(each.epoch, each.metric, arm) in added.broken for arm in ("stable", "candidate")]
        connection.execute(_ADD, (rollout, *each, *ended))


def _record(values: Sequence[Any]) -> RolloutRecord:
    policy, place = _mapping(values[9]), _mapping(values[10])
    return RolloutRecord(*values[:9], policy, place, *values[11:])  # type: ignore[call-arg]  # in the columns' order


def _values(record: RolloutRecord) -> list[Any]:
    return [_text(each) if isinstance(each, dict) else storable(each) for each in astuple(record)]


def _transition(values: Sequence[Any]) -> TransitionRecord:
    evidence = _mapping(values[13])
    return TransitionRecord(*values[:13], evidence, *values[14:])  # type: ignore[call-arg]  # in the columns' order


def _mapping(text: str) -> dict[str, Any]:
    """What was kept as JSON; empty where it is damaged, so that one row is no reason to read none."""
    try:
        found = decode(text)
    except JsonError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    text: str = encode(value).decode()
    return text
