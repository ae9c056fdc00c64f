"""The registry of versions in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from llmgateway.ports.store import StoreRejectedError
from llmgateway.ports.versions import (
    MAX_LABELS,
    MAX_NOTES,
    MAX_SPEC_BYTES,
    MAX_TERMS,
    KnownVersion,
    Said,
    ServedVersion,
    Terms,
    VersionLabel,
    VersionNote,
    VersionRecord,
)
from llmgateway.store.rows import storable
from llmgateway.store.sqlite_queries import marks
from llmgateway.store.sqlite_write import begin

_ADD_SPEC: Final = 'INSERT INTO version_spec ("id", spec, size) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'
_ADD_TERMS: Final = (
    "INSERT INTO version_terms SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?7 IS NOT (SELECT terms FROM version_terms "
    'WHERE route = ?1 AND name = ?2 AND "id" = ?3 ORDER BY generation DESC LIMIT 1) ON CONFLICT DO NOTHING'
)
_SERVED: Final = (
    'INSERT INTO version_served VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "at" = max("at", excluded."at")'
)
_FORGET_SPECS: Final = (
    "DELETE FROM version_spec WHERE rowid IN (SELECT rowid FROM ("
    "SELECT rowid, sum(size) OVER (ORDER BY rowid DESC) AS held FROM version_spec) WHERE held > ?)"
)
_FORGET_TERMS: Final = (
    'DELETE FROM version_terms WHERE rowid IN (SELECT rowid FROM version_terms ORDER BY "at" DESC LIMIT -1 OFFSET ?)'
)
# Where a version is not known any more, nor is what was said of it.
_ORPHANS: Final = ("version_served", "version_label", "version_note")
_IS_KNOWN: Final = (
    'SELECT EXISTS (SELECT 1 FROM seen_version WHERE "id" = ?1) OR EXISTS (SELECT 1 FROM version_spec WHERE "id" = ?1)'
)
_LABEL: Final = (
    "INSERT INTO version_label VALUES (?, ?, ?, ?, ?) "
    'ON CONFLICT DO UPDATE SET "value" = excluded."value", "at" = excluded."at", author = excluded.author'
)
_FORGET_NOTES: Final = (
    'DELETE FROM version_note WHERE "id" = ?1 AND number IN '
    '(SELECT number FROM version_note WHERE "id" = ?1 ORDER BY number DESC LIMIT -1 OFFSET ?2)'
)


def record(connection: sqlite3.Connection, records: Sequence[VersionRecord]) -> None:
    """Insert, and forget what is beyond the bounds."""
    begin(connection)
    specs = connection.executemany(
        _ADD_SPEC, ((each.id, storable(each.spec), len(each.spec.encode())) for each in records)
    ).rowcount
    terms = connection.executemany(_ADD_TERMS, map(_terms, records)).rowcount
    if specs > 0:
        connection.execute(_FORGET_SPECS, (MAX_SPEC_BYTES,))
    if terms > 0:
        forgotten = connection.execute(_FORGET_TERMS, (MAX_TERMS,)).rowcount
        for table in _ORPHANS if forgotten > 0 else ():
            connection.execute(
                f'DELETE FROM {table} WHERE "id" NOT IN (SELECT "id" FROM version_terms) '  # noqa: S608 -- constants
                'AND "id" NOT IN (SELECT "id" FROM seen_version)'
            )
    connection.execute("COMMIT")


def _terms(each: VersionRecord) -> tuple[Any, ...]:
    return each.route, each.name, each.id, each.generation, each.at, storable(each.author), storable(each.terms)


def note_served(connection: sqlite3.Connection, served: Iterable[ServedVersion]) -> None:
    begin(connection)
    connection.executemany(_SERVED, served)
    connection.execute("COMMIT")


def label(
    connection: sqlite3.Connection, version_id: str, labels: Mapping[str, str | None], author: str, at: float
) -> bool:
    begin(connection)
    is_known = _is_known(connection, version_id)
    for name, value in labels.items() if is_known else ():
        if value is None:
            connection.execute('DELETE FROM version_label WHERE "id" = ? AND label = ?', (version_id, name))
        else:
            connection.execute(_LABEL, (version_id, storable(name), storable(value), at, storable(author)))
    (count,) = connection.execute('SELECT count(*) FROM version_label WHERE "id" = ?', (version_id,)).fetchone()
    if count > MAX_LABELS:
        connection.execute("ROLLBACK")
        raise StoreRejectedError(f"a version has at most {MAX_LABELS} labels")
    connection.execute("COMMIT")
    return is_known


def add_note(connection: sqlite3.Connection, version_id: str, note: VersionNote) -> bool:
    begin(connection)
    is_known = _is_known(connection, version_id)
    if is_known:
        values = (version_id, note.at, storable(note.author), storable(note.text))
        connection.execute('INSERT INTO version_note ("id", "at", author, text) VALUES (?, ?, ?, ?)', values)
        connection.execute(_FORGET_NOTES, (version_id, MAX_NOTES))
    connection.execute("COMMIT")
    return is_known


def _is_known(connection: sqlite3.Connection, version_id: str) -> bool:
    (is_known,) = connection.execute(_IS_KNOWN, (version_id,)).fetchone()
    return bool(is_known)


def known(connection: sqlite3.Connection, version_id: str) -> KnownVersion | None:
    """One version; its sightings stand in for terms where those are not known."""
    if not _is_known(connection, version_id):
        return None
    spec = connection.execute('SELECT spec FROM version_spec WHERE "id" = ?', (version_id,)).fetchone()
    terms = connection.execute(
        'SELECT route, name, generation, "at", author, terms FROM version_terms WHERE "id" = ?1 UNION ALL '
        "SELECT route, name, generation, \"at\", '', '{}' FROM seen_version AS seen WHERE \"id\" = ?1 AND NOT EXISTS "
        '(SELECT 1 FROM version_terms AS t WHERE t.route = seen.route AND t.name = seen.name AND t."id" = seen."id") '
        "ORDER BY 1, 2, 3",
        (version_id,),
    )
    return KnownVersion(
        version_id,
        spec[0] if spec else None,
        [Terms(*values) for values in terms],
        [ServedVersion(*values) for values in connection.execute(_OF_ONE["served"], (version_id,))],
        {name: VersionLabel(*rest) for name, *rest in connection.execute(_OF_ONE["labels"], (version_id,))},
        [VersionNote(*values) for values in connection.execute(_OF_ONE["notes"], (version_id,))],
    )


_OF_ONE: Final = {
    "served": 'SELECT route, name, "id", "at" FROM version_served WHERE "id" = ? ORDER BY route, name',
    "labels": 'SELECT label, "value", "at", author FROM version_label WHERE "id" = ? ORDER BY label',
    "notes": 'SELECT "at", author, text FROM version_note WHERE "id" = ? ORDER BY number',
}


def routes(connection: sqlite3.Connection) -> list[str]:
    return [route for (route,) in connection.execute("SELECT DISTINCT route FROM seen_version ORDER BY route")]


def said(connection: sqlite3.Connection, version_ids: Sequence[str]) -> Said:
    among = f'WHERE "id" IN ({marks(version_ids)})'
    labels: dict[str, dict[str, str]] = {}
    sql = f'SELECT "id", label, "value" FROM version_label {among} ORDER BY "id", label'  # noqa: S608 -- question marks
    for version_id, name, value in connection.execute(sql, version_ids):
        labels.setdefault(version_id, {})[name] = value
    counted = f'SELECT "id", count(*) FROM version_note {among} GROUP BY "id"'  # noqa: S608 -- the same
    times = f'SELECT route, name, "id", "at" FROM version_served {among}'  # noqa: S608 -- the same
    return Said(
        labels,
        dict(connection.execute(counted, version_ids).fetchall()),
        {(route, name, version_id): at for route, name, version_id, at in connection.execute(times, version_ids)},
    )
