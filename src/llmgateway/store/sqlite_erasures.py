"""Erasures in SQLite: written down, taken a step further, forgotten. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, Final

from llmgateway.domain.score import DataType, Score
from llmgateway.ports.erasures import MAX_FINISHED, MAX_PENDING, Erasure, Stage, Whose
from llmgateway.ports.store import Entry, Row, StoreRejectedError
from llmgateway.store import sqlite_erasing as erasing
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import last_seq
from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import decode, encode

_SELECT: Final = (
    'SELECT "id", "at", "by", "selectors", "stage", "found", "erased", "items", "files", "finished_at" FROM erasure '
)
_ADD: Final = 'INSERT INTO erasure ("id", "at", "by", "selectors", "stage", look_to) VALUES (?, ?, ?, ?, ?, ?)'
_CHANGE: Final = (
    'UPDATE erasure SET "stage" = ?, "found" = "found" + ?, "erased" = "erased" + ?, "items" = "items" + ? '
    'WHERE "id" = ?'
)
_CROP: Final = 'DELETE FROM erasure WHERE "id" IN (SELECT "id" FROM erasure ORDER BY "id" DESC LIMIT -1 OFFSET ?)'
_WHOSE: Final = "SELECT whose FROM erasure_whose WHERE erasure = ?"
_PENDING: Final = '"finished_at" IS NULL ORDER BY "id"'
# In the place where it lies; then it may go.
_FORGET: Final = (
    "UPDATE erasure_whose SET whose = printf('%*s', length(CAST(whose AS BLOB)), '') WHERE erasure = ?",
    "DELETE FROM erasure_whose WHERE erasure = ?",
)
_BUILT: Final = 'SELECT id, "built" FROM dataset WHERE json_extract("built", \'$.filters\') IS NOT NULL'
_FILTERS: Final = ("user", "tag")  # of a dataset, which may name somebody
_ORDER: Final = tuple(Stage)
_OWN_REFERENCE: Final = "evaluator:"
_ID_LENGTH: Final = 36

Meant = tuple[Entry, Erasure]
"""An exchange on its way into the store, and the erasure that means it."""


def add(connection: sqlite3.Connection, erasure: Erasure) -> bool:
    begin(connection)
    (pending,) = connection.execute('SELECT count(*) FROM erasure WHERE "finished_at" IS NULL').fetchone()
    if pending >= MAX_PENDING:
        connection.rollback()
        return False
    told = storable(erasure.by), encode(erasure.selectors).decode()
    connection.execute(_ADD, (erasure.id, erasure.at, *told, erasure.stage.value, _newest(connection)))
    whose = encode(asdict(erasure.whose or Whose())).decode()
    connection.execute("INSERT INTO erasure_whose VALUES (?, ?)", (erasure.id, storable(whose)))
    connection.execute("COMMIT")
    return True


def page(connection: sqlite3.Connection, limit: int, before: str | None) -> list[Erasure]:
    sql = f'{_SELECT} WHERE ?1 IS NULL OR "id" < ?1 ORDER BY "id" DESC LIMIT ?2'
    return [_erasure(values) for values in connection.execute(sql, (before, limit))]


def one(connection: sqlite3.Connection, erasure_id: str) -> Erasure | None:
    found = connection.execute(f'{_SELECT} WHERE "id" = ?', (erasure_id,)).fetchone()
    return _erasure(found) if found else None


def pending(connection: sqlite3.Connection) -> list[Erasure]:
    """With whose they are."""
    every = [_erasure(values) for values in connection.execute(f"{_SELECT} WHERE {_PENDING}").fetchall()]
    return [replace(each, whose=_whose(connection, each.id)) for each in every]


def advance(connection: sqlite3.Connection, erasure_id: str) -> Erasure:
    with _thorough(connection):
        erasure = _there(connection, erasure_id)
        whose = _whose(connection, erasure_id)
        if whose is None:  # nobody knows any more: of a store that was damaged
            _changed(connection, erasure, max(erasure.stage, Stage.CLEANING, key=_ORDER.index))
        elif erasure.stage is Stage.FINDING:
            _find(connection, erasure, whose)
        elif erasure.stage is Stage.LINKING:
            _link(connection, erasure)
        elif erasure.stage is Stage.OVERWRITING:
            is_more = erasing.overwrite(connection, whose, erasure.at)
            _changed(connection, erasure, Stage.OVERWRITING if is_more else Stage.REMOVING)
        elif erasure.stage is Stage.REMOVING:
            erased, items, is_more = erasing.remove(connection, whose, erasure.at)
            _changed(connection, erasure, Stage.REMOVING, erased=erased, items=items)
            if not is_more:
                _removed(connection, erasure, whose)
        return _there(connection, erasure_id)


def prompts(connection: sqlite3.Connection) -> Collection[str]:
    sql = (
        'SELECT DISTINCT i."prompt_hash" FROM erasing AS e JOIN exchange AS x ON x.seq = e.seq '
        'JOIN dataset_item AS i ON i."exchange_id" = x."id" WHERE e.what = \'exchange\' AND i."prompt_hash" IS NOT NULL'
    )
    return {each for (each,) in connection.execute(sql)}


def compared(connection: sqlite3.Connection, erasure_id: str, exchange_ids: Sequence[str], *, is_all: bool) -> Erasure:
    with _thorough(connection):
        erasure = _there(connection, erasure_id)
        if erasure.stage is Stage.COMPARING:
            found = erasing.note(connection, erasing.numbered(connection, exchange_ids))
            _changed(connection, erasure, Stage.LINKING if is_all else Stage.COMPARING, found=found)
        return _there(connection, erasure_id)


def let_go(connection: sqlite3.Connection, erasure_id: str, files: int) -> Erasure:
    with _thorough(connection):
        erasure = _there(connection, erasure_id)
        if erasure.stage is Stage.WAITING:
            sql = 'UPDATE erasure SET "files" = "files" + ?, is_last = 1, looked_to = 0, look_to = ? WHERE "id" = ?'
            connection.execute(sql, (files, _newest(connection), erasure_id))
            _changed(connection, erasure, Stage.FINDING)
        return _there(connection, erasure_id)


def finish(connection: sqlite3.Connection, erasure_id: str, at: float) -> Erasure:
    with _thorough(connection):
        connection.execute('UPDATE erasure SET "finished_at" = ? WHERE "id" = ?', (at, erasure_id))
        _changed(connection, _there(connection, erasure_id), Stage.DONE)
        connection.execute(_CROP, (MAX_FINISHED,))
        return _there(connection, erasure_id)


def clean(connection: sqlite3.Connection) -> bool:
    """Write the log back into the file, and make it empty."""
    (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def take_out(
    connection: sqlite3.Connection, entries: Sequence[Entry], scores: Sequence[Score]
) -> tuple[list[Meant], Sequence[Score]]:
    """Take the bodies of what erasures mean that are under way out of what is about to be stored: whose these are, and
    the scores, without their words.
    """
    every = pending(connection)
    if not every:
        return [], scores
    found = [(entry, each) for entry in entries for each in every if _is_meant(connection, each, entry.row)]
    for entry, _ in found:
        entry.bodies = ()
    return found, [_without_words(score) if _is_said(connection, every, score) else score for score in scores]


def empty(connection: sqlite3.Connection, found: Sequence[Meant]) -> None:
    """Empty the rows of what was just stored. The caller commits."""
    if not found:
        return
    with _zeroing(connection):
        erasing.empty(connection, [{**entry.row, "at": erasure.at} for entry, erasure in found])
        for _, erasure in found:
            _changed(connection, erasure, erasure.stage, found=1, erased=1)


def _is_meant(connection: sqlite3.Connection, erasure: Erasure, row: Row) -> bool:
    if row["at"] >= erasure.at or erasure.whose is None:
        return False
    return erasure.whose.has(row) or any(erasing.is_gone(connection, each) for each in _about(row))


def _about(row: Row) -> Iterator[str]:
    """The exchanges that one is a copy of, or a question about."""
    reference, judged = row.get("caller_request_id"), (row.get("tags") or {}).get("judged")
    if isinstance(reference, str) and reference.startswith(_OWN_REFERENCE):
        yield reference[-_ID_LENGTH:]
    yield from (each for each in (row.get("shadow_of"), judged) if isinstance(each, str))


def _is_said(connection: sqlite3.Connection, every: Sequence[Erasure], score: Score) -> bool:
    earlier = [each.whose for each in every if score.at < each.at and each.whose is not None]
    is_theirs = any(whose.has_score(score) for whose in earlier)
    return is_theirs or (bool(earlier) and erasing.is_gone(connection, score.exchange_id))


def _without_words(score: Score) -> Score:
    value = "" if score.data_type is DataType.TEXT else score.value
    return replace(score, comment=None, value=value, source_id=f"erased:{score.id}")


def _find(connection: sqlite3.Connection, erasure: Erasure, whose: Whose) -> None:
    sql = 'SELECT looked_to, look_to FROM erasure WHERE "id" = ?'
    looked_to, look_to = connection.execute(sql, (erasure.id,)).fetchone()
    upto = look_to if whose.exchange_ids else min(look_to, looked_to + erasing.SPAN)
    found = erasing.find(connection, whose, erasure.at, (looked_to, upto))
    is_over = upto >= look_to
    connection.execute('UPDATE erasure SET looked_to = ? WHERE "id" = ?', (0 if is_over else upto, erasure.id))
    _changed(connection, erasure, Stage.COMPARING if is_over else Stage.FINDING, found=found)


def _link(connection: sqlite3.Connection, erasure: Erasure) -> None:
    """Go through all, and through all once more as long as there were questions about questions."""
    sql = 'SELECT looked_to, look_to, was_linked FROM erasure WHERE "id" = ?'
    looked_to, look_to, was_linked = connection.execute(sql, (erasure.id,)).fetchone()
    upto = min(look_to, looked_to + erasing.SPAN)
    found = erasing.link(connection, erasure.at, (looked_to, upto))
    is_over = upto >= look_to and not (found or was_linked)
    sql = 'UPDATE erasure SET looked_to = ?, was_linked = ? WHERE "id" = ?'
    connection.execute(
        sql, (0, 0, erasure.id) if upto >= look_to else (upto, int(bool(found or was_linked)), erasure.id)
    )
    _changed(connection, erasure, Stage.OVERWRITING if is_over else Stage.LINKING, found=found)


def _removed(connection: sqlite3.Connection, erasure: Erasure, whose: Whose) -> None:
    """All that was found is gone. After the last look, whose it was may go as well."""
    (is_last,) = connection.execute('SELECT is_last FROM erasure WHERE "id" = ?', (erasure.id,)).fetchone()
    if not is_last:
        _changed(connection, erasure, Stage.WAITING)
        return
    _forget_filters(connection, whose)
    for statement in _FORGET:
        connection.execute(statement, (erasure.id,))
    _changed(connection, erasure, Stage.CLEANING)


def _newest(connection: sqlite3.Connection) -> int:
    """The highest number that an exchange, or a score, has."""
    score = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'score'").fetchone()
    return max(last_seq(connection), score[0] if score else 0)


def _forget_filters(connection: sqlite3.Connection, whose: Whose) -> None:
    """Datasets say how they were chosen: by this user, perhaps."""
    for number, text in connection.execute(_BUILT).fetchall():
        built = decode(text)
        theirs = [
            name
            for name in _FILTERS
            if name in built["filters"] and encode(built["filters"][name]) == encode(getattr(whose, name))
        ]
        if theirs:
            blank = encode(built | {"filters": {**built["filters"], **dict.fromkeys(theirs, "")}}).decode()
            for new in (blank.ljust(len(text.encode()) - len(blank.encode()) + len(blank)), blank):
                connection.execute('UPDATE dataset SET "built" = ? WHERE id = ?', (new, number))


def _changed(
    connection: sqlite3.Connection, erasure: Erasure, stage: Stage, *, found: int = 0, erased: int = 0, items: int = 0
) -> None:
    connection.execute(_CHANGE, (stage.value, found, erased, items, erasure.id))


@contextmanager
def _thorough(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction in which SQLite writes zeros over whatever it lets go of."""
    with _zeroing(connection):
        begin(connection)
        yield
        connection.execute("COMMIT")


@contextmanager
def _zeroing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("PRAGMA secure_delete = ON").fetchall()
    try:
        yield
    finally:
        connection.execute("PRAGMA secure_delete = FAST").fetchall()


def _there(connection: sqlite3.Connection, erasure_id: str) -> Erasure:
    found = one(connection, erasure_id)
    if found is None:
        raise StoreRejectedError(f"there is no erasure {erasure_id}")
    return found


def _whose(connection: sqlite3.Connection, erasure_id: str) -> Whose | None:
    found = connection.execute(_WHOSE, (erasure_id,)).fetchone()
    if found is None:
        return None
    told: dict[str, Any] = decode(found[0])
    tag = told["tag"]
    return Whose(**{**told, "exchange_ids": tuple(told["exchange_ids"]), "tag": tuple(tag) if tag else None})


def _erasure(values: Sequence[Any]) -> Erasure:
    name, at, by, selectors, stage, *rest = values
    return Erasure(name, at, by, tuple(decode(selectors)), Stage(stage), *rest)
