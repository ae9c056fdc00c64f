"""Items, reviews and label schemas in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from llmgateway.domain.review import Item, Kind, Question, Reason, Review, Schema, State
from llmgateway.domain.score import Score
from llmgateway.ports.reviews import MAX_QUEUES, MAX_SAID, MAX_SCHEMAS, Added, Backlog, WantedItems
from llmgateway.ports.store import StoreRejectedError
from llmgateway.store import sqlite_scores as scored
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import marks, stands
from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import decode, encode

_NAMES: Final = (
    "id", "queue", "exchange_id", "reason", "created_at", "schema", "schema_number", "other_id", "is_swapped",
    "needed", "priority", "due_at", "note", "added_by", "route", "served", "other_served", "state", "version",
    "claimed_by", "claimed_until", "closed_at", "labels",
)  # fmt: skip
_CHANGING: Final = ("state", "version", "claimed_by", "claimed_until", "closed_at", "labels")
_COLUMNS: Final = ", ".join(f'q."{name}"' for name in _NAMES)
_SELECT: Final = f"SELECT {_COLUMNS} FROM queue_item AS q "  # noqa: S608 -- names from constants
_ORDER: Final = 'q."priority" DESC, ifnull(q."due_at", 1e12), q."created_at", q."id"'
_QUOTED: Final = ", ".join(f'"{name}"' for name in _NAMES)
_SET: Final = ", ".join(f'"{name}" = ?' for name in _CHANGING)
_ADD: Final = (
    f"INSERT INTO queue_item ({_QUOTED}, exchange_seq, other_seq) "  # noqa: S608 -- names from constants
    f'VALUES ({marks(_NAMES)}, ?, ?) ON CONFLICT ("id") DO NOTHING'
)
_CHANGE: Final = f'UPDATE queue_item SET {_SET} WHERE "id" = ? AND "version" = ?'  # noqa: S608 -- names from constants
_EXCHANGE: Final = (
    'SELECT seq, "route", coalesce("served_version", "assigned_version") FROM exchange '  # noqa: S608 -- a constant
    f'WHERE "id" = ? AND {stands("exchange")}'
)
_UNSAID: Final = 'NOT EXISTS (SELECT 1 FROM review AS r WHERE r."item" = q."id" AND r."reviewer" = ?)'
_FREE: Final = f'{_SELECT} WHERE q."state" = \'open\' AND q."claimed_by" IS NULL AND {_UNSAID}'
_LATE: Final = (
    f'{_SELECT} WHERE q."state" = \'open\' AND q."claimed_by" IS NOT NULL AND {_UNSAID} AND q."claimed_until" <= ?'
)
_WAITING: Final = "\"state\" IN ('open', 'disputed')"
_REVIEW: Final = '"item", "reviewer", "at", "kind", "labels", "comment", "correction"'
# What was said in words is forgotten as bodies are; the condition is the index's.
_FORGET: Final = (
    'UPDATE review SET "comment" = NULL, "correction" = NULL WHERE rowid IN (SELECT rowid FROM review '
    'WHERE ("comment" IS NOT NULL OR "correction" IS NOT NULL) AND "at" < ? ORDER BY "at" LIMIT ?)'
)


def add(connection: sqlite3.Connection, items: Sequence[Item], max_waiting: int) -> Added:
    """Insert what has its exchanges; the rest is refused."""
    begin(connection)
    (waiting,) = connection.execute(f"SELECT count(*) FROM queue_item WHERE {_WAITING}").fetchone()  # noqa: S608
    added = known = refused = 0
    for item in items:
        if connection.execute('SELECT 1 FROM queue_item WHERE "id" = ?', (item.id,)).fetchone():
            known += 1
        elif waiting + added < max_waiting and _has_queue(connection, item) and _insert(connection, item):
            added += 1
        else:
            refused += 1
    connection.execute("COMMIT")
    return Added(added, known, refused)


def _has_queue(connection: sqlite3.Connection, item: Item) -> bool:
    connection.execute(
        "INSERT INTO queue SELECT ?, ? WHERE (SELECT count(*) FROM queue) < ? ON CONFLICT DO NOTHING",
        (item.queue, item.created_at, MAX_QUEUES),
    )
    return connection.execute("SELECT 1 FROM queue WHERE name = ?", (item.queue,)).fetchone() is not None


def _insert(connection: sqlite3.Connection, item: Item) -> bool:
    first = connection.execute(_EXCHANGE, (item.exchange_id,)).fetchone()
    other = connection.execute(_EXCHANGE, (item.other_id,)).fetchone() if item.other_id is not None else None
    if first is None or (item.other_id is not None and other is None):
        return False
    seen = dict(zip(_NAMES, _values(item), strict=True))
    seen |= {"route": first[1], "served": first[2], "other_served": other[2] if other else None}
    values = (*(seen[name] for name in _NAMES), first[0], other[0] if other else None)
    return connection.execute(_ADD, values).rowcount > 0


def change(
    connection: sqlite3.Connection, item: Item, seen: int, review: Review | None, scores: Sequence[Score]
) -> bool:
    begin(connection)
    values = dict(zip(_NAMES, _values(item), strict=True))
    changed = connection.execute(_CHANGE, (*(values[name] for name in _CHANGING), item.id, seen)).rowcount > 0
    if changed and review is not None:
        connection.execute(f"INSERT INTO review ({_REVIEW}) VALUES (?, ?, ?, ?, ?, ?, ?)", _review_values(review))  # noqa: S608
        scored.insert(connection, scores)
    connection.execute("COMMIT")
    return changed


def page(connection: sqlite3.Connection, wanted: WantedItems, limit: int, after: str | None) -> list[Item]:
    where, values = _conditions(wanted)
    if after is not None:
        where += (
            ' AND (-q."priority", ifnull(q."due_at", 1e12), q."created_at", q."id") > '
            '(SELECT -"priority", ifnull("due_at", 1e12), "created_at", "id" FROM queue_item WHERE "id" = ?)'
        )
        values.append(after)
    return _items(connection, f"{_SELECT} WHERE {where} ORDER BY {_ORDER} LIMIT {int(limit)}", values)


def one(connection: sqlite3.Connection, item_id: str) -> Item | None:
    found = _items(connection, f'{_SELECT} WHERE q."id" = ?', [item_id])
    return found[0] if found else None


def in_open_pairs(connection: sqlite3.Connection, exchange_ids: Sequence[str]) -> frozenset[str]:
    sql = (
        'SELECT e."id" FROM exchange e WHERE e."id" = ? AND EXISTS (SELECT 1 FROM queue_item '  # noqa: S608
        f"WHERE {_WAITING} AND other_seq IS NOT NULL AND (exchange_seq = e.seq OR other_seq = e.seq))"
    )
    return frozenset(each for each in exchange_ids if connection.execute(sql, (each,)).fetchone() is not None)


def claimable(connection: sqlite3.Connection, reviewer: str, now: float, queue: str | None) -> Item | None:
    """The first of what nobody has and of what somebody had for too long."""
    more, values = ('AND q."queue" = ?', [queue]) if queue is not None else ("", [])
    who = storable(reviewer)
    free = _items(connection, f"{_FREE} {more} ORDER BY {_ORDER} LIMIT 1", [who, *values])
    late = _items(connection, f"{_LATE} {more} ORDER BY {_ORDER} LIMIT 1", [who, now, *values])
    return min(
        [*free, *late],
        key=lambda item: (-item.priority, 1e12 if item.due_at is None else item.due_at, item.created_at, item.id),
        default=None,
    )


def said(connection: sqlite3.Connection, item_ids: Sequence[str]) -> dict[str, list[Review]]:
    sql = f'SELECT {_REVIEW} FROM review WHERE "item" IN ({marks(item_ids)}) ORDER BY "at", "reviewer"'  # noqa: S608
    found: dict[str, list[Review]] = {}
    for values in connection.execute(sql, item_ids):
        found.setdefault(values[0], []).append(_review(values))
    return found


def held(connection: sqlite3.Connection, reviewer: str, now: float) -> Item | None:
    where = 'q."state" = \'open\' AND q."claimed_by" IS NOT NULL AND q."claimed_until" > ? AND q."claimed_by" = ?'
    found = _items(connection, f"{_SELECT} WHERE {where} ORDER BY {_ORDER} LIMIT 1", [now, storable(reviewer)])
    return found[0] if found else None


def backlog(connection: sqlite3.Connection, now: float) -> list[Backlog]:
    sql = (
        'SELECT "queue", CASE WHEN "state" = \'open\' AND "claimed_until" > ? THEN \'claimed\' ELSE "state" END, '
        'count(*), min("created_at") FROM queue_item GROUP BY 1, 2 ORDER BY 1, 2'
    )
    return [Backlog(*values) for values in connection.execute(sql, (now,))]


def waiting_since(connection: sqlite3.Connection, limit: int) -> list[float]:
    sql = f'SELECT "created_at" FROM queue_item WHERE {_WAITING} ORDER BY "created_at" LIMIT ?'  # noqa: S608
    return [at for (at,) in connection.execute(sql, (limit,))]


def reviewed(connection: sqlite3.Connection, queue: str | None, since: float | None) -> list[tuple[Item, list[Review]]]:
    sql = (
        f'SELECT {_COLUMNS}, r.* FROM (SELECT {_REVIEW} FROM review ORDER BY "at" DESC LIMIT {MAX_SAID}) AS r '  # noqa: S608
        'JOIN queue_item AS q ON q."id" = r."item" WHERE (?1 IS NULL OR q."queue" = ?1) '
        'AND (?2 IS NULL OR q."created_at" >= ?2) ORDER BY q."created_at" DESC, q."id", r."at"'
    )
    found: dict[str, tuple[Item, list[Review]]] = {}
    for values in connection.execute(sql, (queue, since)):
        item = _item(values[: len(_NAMES)])
        found.setdefault(item.id, (item, []))[1].append(_review(values[len(_NAMES) :]))
    return list(found.values())


def schema(connection: sqlite3.Connection, name: str, number: int | None) -> Schema | None:
    sql = (
        "SELECT name, number, document FROM label_schema WHERE name = ?1 AND (?2 IS NULL OR number = ?2) "
        "ORDER BY number DESC LIMIT 1"
    )
    found = connection.execute(sql, (name, number)).fetchone()
    return _schema(found) if found else None


def schemas(connection: sqlite3.Connection) -> list[Schema]:
    sql = "SELECT name, max(number), document FROM label_schema GROUP BY name ORDER BY name"
    return [_schema(values) for values in connection.execute(sql)]


def add_schema(connection: sqlite3.Connection, made: Schema) -> bool:
    begin(connection)
    (count,) = connection.execute("SELECT count(*) FROM label_schema").fetchone()
    if count >= MAX_SCHEMAS:
        connection.rollback()
        raise StoreRejectedError(f"there are {MAX_SCHEMAS} label schemas already")
    document = {
        "questions": {question.name: question.options for question in made.questions},
        "takes_correction": made.takes_correction,
    }
    values = (made.name, made.number, encode(document).decode())
    added = connection.execute("INSERT INTO label_schema VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values).rowcount
    connection.execute("COMMIT")
    return added > 0


def purge(connection: sqlite3.Connection, seqs: Sequence[tuple[int]]) -> None:
    """Delete the items of some exchanges, with what was said of them. The caller commits."""
    sql = 'SELECT "id" FROM queue_item WHERE exchange_seq = ?1 UNION SELECT "id" FROM queue_item WHERE other_seq = ?1'
    for (seq,) in seqs:
        gone = connection.execute(sql, (seq,)).fetchall()
        connection.executemany('DELETE FROM review WHERE "item" = ?', gone)
        connection.executemany('DELETE FROM queue_item WHERE "id" = ?', gone)


def forget(connection: sqlite3.Connection, before: float, limit: int) -> int:
    """Forget the oldest comments and corrections; returns of how many reviews. The caller commits."""
    return connection.execute(_FORGET, (before, limit)).rowcount


def _conditions(wanted: WantedItems) -> tuple[str, list[Any]]:
    named = (
        ("queue", wanted.queue),
        ("state", wanted.state),
        ("reason", wanted.reason),
        ("route", wanted.route),
    )
    parts = [(f'q."{name}" = ?', storable(value)) for name, value in named if value is not None]
    where = [sql for sql, _ in parts] + (["q.\"state\" IN ('done', 'skipped')"] if wanted.is_closed else [])
    return " AND ".join(where) or "1", [value for _, value in parts]


def _items(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> list[Item]:
    return [_item(each) for each in connection.execute(sql, values)]


def _values(item: Item) -> tuple[Any, ...]:
    labels = None if item.labels is None else encode(item.labels).decode()
    return tuple(
        labels if name == "labels" else storable(str(value) if name in {"reason", "state"} else value)
        for name, value in ((name, getattr(item, name)) for name in _NAMES)
    )


def _item(values: Sequence[Any]) -> Item:
    row = dict(zip(_NAMES, values, strict=True))
    row["reason"], row["state"] = Reason(row["reason"]), State(row["state"])
    row["is_swapped"] = bool(row["is_swapped"])
    row["labels"] = decode(row["labels"]) if row["labels"] else None
    return Item(**row)


def _review_values(review: Review) -> tuple[Any, ...]:
    words = map(storable, (review.comment, review.correction))
    return (review.item, storable(review.reviewer), review.at, str(review.kind), encode(review.labels).decode(), *words)


def _review(values: Sequence[Any]) -> Review:
    item, reviewer, at, kind, labels, comment, correction = values
    return Review(item, reviewer, at, Kind(kind), decode(labels), comment, correction)


def _schema(values: Sequence[Any]) -> Schema:
    name, number, document = values[0], values[1], decode(values[2])
    questions = tuple(Question(each, tuple(options)) for each, options in document["questions"].items())
    return Schema(name, number, questions, document["takes_correction"])
