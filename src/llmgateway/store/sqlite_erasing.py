"""What an erasure does to rows, statement by statement: finds them, writes over what they say, takes it out.

Plain functions in the writing connection's thread; the caller begins and commits, with secure_delete on. First all is
overwritten by as many blanks, which SQLite does where a row lies. Only then rows become shorter: what SQLite moves to
close a gap leaves copies in its pages that no secure_delete reaches.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from llmgateway.ports.erasures import Whose
from llmgateway.ports.store import Wanted
from llmgateway.store import sqlite_datasets as sets
from llmgateway.store.sqlite_emptied import (
    ASKED_ABOUT,
    JUDGED,
    OVERWRITE,
    OVERWRITE_SCORE,
    OWN_REFERENCE,
    REMOVE,
    REMOVE_SCORE,
)
from llmgateway.store.sqlite_queries import conditions, id_floor, marks, named, stands

SPAN: Final = 5_000  # exchanges, and scores, that one look goes through
BATCH: Final = 100  # exchanges, and scores, that one step writes to
BYTES: Final = 4 * 1024 * 1024  # of bodies that one step writes over, or of one exchange's if these are more
NOWHERE: Final = -1  # the number of an exchange that is in the log no more

Target = dict[str, Any]
"""An exchange: its `seq`, its `id`, and when the erasure was asked for, `at`; of a score the `seq`."""

_FOUND: Final = "INSERT OR IGNORE INTO erasing (what, seq) SELECT"
_NOTE: Final = f"{_FOUND} 'exchange', seq FROM exchange WHERE seq = :seq AND \"erased_at\" IS NULL"
_OF_EXCHANGE: Final = f"{_FOUND} 'score', seq FROM score WHERE \"exchange_seq\" = :seq"
_OF_ID: Final = f"{_FOUND} 'score', seq FROM score WHERE \"exchange_id\" = :id"
_OF_REFERENCE: Final = (
    f'{_FOUND} \'score\', s.seq FROM exchange AS e JOIN score AS s ON s."reference" = e."caller_request_id" '
    'AND s."state" = \'pending\' AND s."key" = e."key" WHERE e.seq = :seq AND e."caller_request_id" IS NOT NULL'
)
_IS_GONE: Final = f'EXISTS (SELECT 1 FROM exchange AS g WHERE g."id" = {{}} AND NOT {stands("g")})'
_ABOUT: Final = (
    f'SELECT seq, "id" FROM (SELECT seq, "id", {ASKED_ABOUT} AS asked, {JUDGED} AS judged FROM exchange NOT INDEXED '
    f'WHERE "erased_at" IS NULL AND "id" < ? AND seq > ? AND seq <= ? AND ({OWN_REFERENCE} OR instr("tags", ?) > 0)) '
    f"WHERE {_IS_GONE.format('asked')} OR {_IS_GONE.format('judged')}"
)
_COPIES: Final = 'SELECT seq, "id" FROM exchange WHERE "shadow_of" = ?'
_SIZE: Final = "SELECT coalesce(sum(length(content)), 0) FROM body WHERE id BETWEEN ?1 * 4 AND ?1 * 4 + 3"
_LEFT: Final = (
    "SELECT e.seq, x.\"id\" FROM (SELECT seq FROM erasing WHERE what = 'exchange' {} LIMIT ?) AS e "
    "LEFT JOIN exchange AS x ON x.seq = e.seq"
)


def count(connection: sqlite3.Connection, whose: Whose, at: float, span: tuple[int, int]) -> int:
    """How many exchanges with these numbers (behind the first, up to the last) are meant."""
    return len(_meant(connection, whose, at, span))


def find(connection: sqlite3.Connection, whose: Whose, at: float, span: tuple[int, int]) -> int:
    """Note what is meant among the exchanges and scores with these numbers; returns how many exchanges that were."""
    found = note(connection, _meant(connection, whose, at, span))
    if whose.exchange_ids:
        connection.executemany(_OF_ID, _of_ids(whose, at))
    elif whose.user is not None:
        _find_scores(connection, whose, at, span)
    return found


def note(connection: sqlite3.Connection, found: Iterable[tuple[int, str]]) -> int:
    """Note exchanges with their copies, and what was said of them; returns how many of them are new here."""
    every = set(found)
    every |= {copy for _, exchange_id in every for copy in connection.execute(_COPIES, (exchange_id,))}
    targets = [{"seq": seq, "id": exchange_id} for seq, exchange_id in sorted(every)]
    noted = connection.executemany(_NOTE, targets).rowcount if targets else 0
    for statement in (_OF_EXCHANGE, _OF_ID, _OF_REFERENCE):
        connection.executemany(statement, targets)
    return noted


def numbered(connection: sqlite3.Connection, exchange_ids: Sequence[str]) -> list[tuple[int, str]]:
    """Those of them that are in the log, with their numbers."""
    sql = f'SELECT seq, "id" FROM exchange WHERE "id" IN ({marks(exchange_ids)})'
    return connection.execute(sql, exchange_ids).fetchall()


def overwrite(connection: sqlite3.Connection, whose: Whose, at: float) -> bool:
    """Write over what some of what was found says. False: there is no more."""
    targets = _targets(connection, "AND is_overwritten = 0", at)
    scores = _scores(connection, "AND is_overwritten = 0")
    if not targets and not scores:
        targets = _of_ids(whose, at)  # what is in the log no more may still be in a dataset
    for statement in OVERWRITE:
        connection.executemany(statement, targets)
    for statement in OVERWRITE_SCORE:
        connection.executemany(statement, scores)
    _mark(connection, "UPDATE erasing SET is_overwritten = 1", targets, scores)
    return bool(scores) or any(each["seq"] != NOWHERE for each in targets)


def remove(connection: sqlite3.Connection, whose: Whose, at: float) -> tuple[int, int, bool]:
    """Take out what was overwritten, of some: how many exchanges and items of datasets that were, and is there more."""
    targets, scores = _targets(connection, "", at), _scores(connection, "")
    is_more = bool(targets or scores)
    if not is_more:
        targets = _of_ids(whose, at)
    items = sum(sets.bury(connection, at, each["id"]) for each in targets)
    for statement in REMOVE:
        connection.executemany(statement, targets)
    for statement in REMOVE_SCORE:
        connection.executemany(statement, scores)
    _mark(connection, "DELETE FROM erasing", targets, scores)
    return len(targets) if is_more else 0, items, is_more


def empty(connection: sqlite3.Connection, targets: Sequence[Target]) -> None:
    """Overwrite and remove what these exchanges say, at once: they have just come, without their bodies."""
    for statement in (*OVERWRITE, *REMOVE):
        connection.executemany(statement, targets)


def link(connection: sqlite3.Connection, at: float, span: tuple[int, int]) -> int:
    """Note what guardrails and evaluators have asked about exchanges that are erased, or about to be, among those with
    these numbers; returns how many that were.
    """
    return note(connection, connection.execute(_ABOUT, (id_floor(at), *span, '"judged"')).fetchall())


def is_gone(connection: sqlite3.Connection, exchange_id: str | None) -> bool:
    """Whether an exchange is erased, or is about to be."""
    found = connection.execute(f"SELECT {_IS_GONE.format('?')}", (exchange_id,)).fetchone()
    return exchange_id is not None and bool(found[0])


def _meant(connection: sqlite3.Connection, whose: Whose, at: float, span: tuple[int, int]) -> list[tuple[int, str]]:
    """The numbers and ids of those that are meant. A part of the log is gone through from its beginning to its end,
    whatever indexes there are, but where ids are named.
    """
    if whose.is_nobodys:
        return []
    wanted = Wanted(
        user=whose.user, key=whose.key, tag=whose.tag, route=whose.route, since=whose.since, until=_until(whose, at)
    )
    where, values = conditions(wanted)
    sql = f'SELECT seq, "id" FROM exchange {{}} WHERE {where} AND "erased_at" IS NULL AND '
    if whose.exchange_ids:
        those = f'"id" IN ({marks(whose.exchange_ids)})'
        return connection.execute(sql.format("") + those, (*values, *whose.exchange_ids)).fetchall()
    return connection.execute(sql.format("NOT INDEXED") + "seq > ? AND seq <= ?", (*values, *span)).fetchall()


def _find_scores(connection: sqlite3.Connection, whose: Whose, at: float, span: tuple[int, int]) -> None:
    """What the user has said of exchanges, whosesoever these are."""
    theirs, values = named("source_id", whose.user or "")
    limits = (("key = ?", whose.key), ("route = ?", whose.route), ('"at" >= ?', whose.since))
    parts = [(sql, value) for sql, value in limits if value is not None]
    where = " AND ".join([theirs, *(sql for sql, _ in parts)])
    connection.execute(
        f"{_FOUND} 'score', seq FROM score NOT INDEXED WHERE \"source_kind\" = 'user' AND {where} "
        'AND "at" < ? AND seq > ? AND seq <= ?',
        (*values, *(value for _, value in parts), _until(whose, at), *span),
    )


def _until(whose: Whose, at: float) -> float:
    return at if whose.until is None else min(at, whose.until)


def _targets(connection: sqlite3.Connection, which: str, at: float) -> list[Target]:
    """Some of the exchanges that were found; retention may have taken one meanwhile."""
    targets: list[Target] = []
    held = 0
    for seq, exchange_id in connection.execute(_LEFT.format(which), (BATCH,)).fetchall():
        (size,) = connection.execute(_SIZE, (seq,)).fetchone()
        held += size
        if targets and held > BYTES:
            break
        targets.append({"seq": seq, "id": exchange_id, "at": at})
    return targets


def _of_ids(whose: Whose, at: float) -> list[Target]:
    return [{"seq": NOWHERE, "id": each, "at": at} for each in whose.exchange_ids]


def _scores(connection: sqlite3.Connection, which: str) -> list[Target]:
    sql = f"SELECT seq FROM erasing WHERE what = 'score' {which} LIMIT ?"
    return [{"seq": seq} for (seq,) in connection.execute(sql, (BATCH,))]


def _mark(connection: sqlite3.Connection, how: str, targets: Sequence[Target], scores: Sequence[Target]) -> None:
    connection.executemany(f"{how} WHERE what = 'exchange' AND seq = :seq", targets)
    connection.executemany(f"{how} WHERE what = 'score' AND seq = :seq", scores)
