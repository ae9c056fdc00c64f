"""Datasets in SQLite, statement by statement. Plain functions in the connections' threads."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from llmgateway.ports.datasets import (
    MAX_BYTES,
    MAX_DATASETS,
    MAX_ITEMS,
    Dataset,
    DatasetError,
    DatasetItem,
    DatasetMissingError,
)
from llmgateway.ports.store import Body
from llmgateway.store.rows import BodyCodec, storable
from llmgateway.store.sqlite_queries import stands
from llmgateway.store.sqlite_write import begin
from llmgateway.wire.jsoncodec import decode, encode

_WHOLE: Final = (
    'SELECT "name", "version", "route", "created_at", "author", "built", "content_hash", "items", "erased", "bytes" '
    "FROM dataset "
)
_ITEM: Final = (
    'SELECT "ordinal", "exchange_id", "prompt_hash", "dialect", "path", "stratum", "redaction", "facts", "request", '
    '"reply", "erased_at" FROM dataset_item WHERE dataset_id = ? AND "ordinal" > ? ORDER BY "ordinal" LIMIT ?'
)
_ERASE: Final = (
    'UPDATE dataset_item SET "prompt_hash" = NULL, "dialect" = NULL, "path" = NULL, "stratum" = NULL, '
    '"redaction" = NULL, "facts" = NULL, "request" = NULL, "reply" = NULL, "erased_at" = ? '
    'WHERE dataset_id = ? AND "ordinal" = ?'
)
_TOLD: Final = (
    'UPDATE dataset SET ("erased", "bytes") = (SELECT sum("erased_at" IS NOT NULL), '
    'sum(coalesce(length("request"), 0) + coalesce(length("reply"), 0)) FROM dataset_item WHERE dataset_id = ?1) '
    "WHERE id = ?1"
)
_PLAIN, _ZSTD = b"\0", b"\1"  # the first byte of a stored body says how it is packed


def every(connection: sqlite3.Connection, name: str | None) -> list[Dataset]:
    sql = f'{_WHOLE} WHERE ?1 IS NULL OR "name" = ?1 ORDER BY "name", "version" DESC LIMIT ?2'
    return [_dataset(values) for values in connection.execute(sql, (name, MAX_DATASETS))]


def items(
    connection: sqlite3.Connection, codec: BodyCodec, which: tuple[str, int], after: int, limit: tuple[int, int]
) -> list[DatasetItem]:
    """One page; `limit`: items, and bytes of their bodies."""
    number = _number(connection, *which)
    found: list[DatasetItem] = []
    held = 0
    for values in connection.execute(_ITEM, (number, after, limit[0])):
        item = _item(codec, values)
        held += len(item.request or b"") + len(item.reply or b"")
        if found and held > limit[1]:
            break
        found.append(item)
    return found


def add(connection: sqlite3.Connection, dataset: Dataset) -> Dataset:
    begin(connection)
    sql = 'SELECT count(*), coalesce(sum("bytes"), 0) FROM dataset WHERE "items" > "erased" OR "items" = 0'
    count, held = connection.execute(sql).fetchone()
    if count >= MAX_DATASETS or held >= MAX_BYTES:
        raise DatasetError(f"there is room for {MAX_DATASETS:,} versions and {MAX_BYTES:,} bytes: erase some")
    connection.execute(
        'INSERT INTO dataset ("name", "version", "route", "created_at", "author", "built") '
        'SELECT ?1, coalesce(max("version"), 0) + 1, ?2, ?3, ?4, ?5 FROM dataset WHERE "name" = ?1',
        (
            storable(dataset.name),
            storable(dataset.route),
            dataset.created_at,
            storable(dataset.author),
            _json(dataset.built),
        ),
    )
    (version,) = connection.execute('SELECT max("version") FROM dataset WHERE "name" = ?', (dataset.name,)).fetchone()
    connection.execute("COMMIT")
    return _one(connection, dataset.name, version)


def add_items(
    connection: sqlite3.Connection, codec: BodyCodec, name: str, version: int, items: Sequence[DatasetItem]
) -> Dataset:
    begin(connection)
    dataset, number = _one(connection, name, version), _number(connection, name, version)
    if dataset.content_hash is not None:
        raise DatasetError(f"version {version} of {name} is sealed: what is new is a version of its own")
    rows = [_values(codec, number, _left_of(connection, item, dataset.created_at)) for item in items]
    added = 0
    size = 0
    for row in rows:
        sql = f"INSERT INTO dataset_item VALUES ({', '.join('?' * 12)}) ON CONFLICT DO NOTHING"  # noqa: S608 -- question marks only
        if connection.execute(sql, row).rowcount:
            added += 1
            size += sum(len(body) for body in row[9:11] if body)
    (held,) = connection.execute('SELECT coalesce(sum("bytes"), 0) FROM dataset').fetchone()
    if dataset.items + added > MAX_ITEMS or held + size > MAX_BYTES:
        raise DatasetError(f"a version holds {MAX_ITEMS:,} items, and all datasets {MAX_BYTES:,} bytes")
    sql = 'UPDATE dataset SET "items" = "items" + ?, "bytes" = "bytes" + ? WHERE id = ?'
    connection.execute(sql, (added, size, number))
    if any(row[-1] is not None for row in rows):
        connection.execute(_TOLD, (number,))
    connection.execute("COMMIT")
    return _one(connection, name, version)


def seal(connection: sqlite3.Connection, name: str, version: int, content_hash: str) -> Dataset:
    begin(connection)
    dataset, number = _one(connection, name, version), _number(connection, name, version)
    if dataset.content_hash not in {None, content_hash}:
        raise DatasetError(f"version {version} of {name} is sealed already")
    connection.execute('UPDATE dataset SET "content_hash" = ? WHERE id = ?', (content_hash, number))
    connection.execute("COMMIT")
    return _one(connection, name, version)


def erase(connection: sqlite3.Connection, at: float, exchange_id: str | None, dataset: tuple[str, int] | None) -> int:
    """Leave tombstones, and count them at their versions."""
    begin(connection)
    if dataset is not None:
        count = _bury(connection, at, "dataset_id = ?", _number(connection, *dataset))
    else:
        count = bury(connection, at, exchange_id)
    connection.execute("COMMIT")
    return count


def bury(connection: sqlite3.Connection, at: float, exchange_id: str | None) -> int:
    """The same of one exchange within a transaction that is open."""
    return _bury(connection, at, '"exchange_id" = ?', exchange_id)


def _bury(connection: sqlite3.Connection, at: float, which: str, value: object) -> int:
    sql = f'SELECT dataset_id, "ordinal" FROM dataset_item WHERE "erased_at" IS NULL AND {which}'  # noqa: S608 -- a constant
    found = connection.execute(sql, (value,)).fetchall()
    connection.executemany(_ERASE, [(at, *each) for each in found])
    connection.executemany(_TOLD, [(number,) for number in {number for number, _ in found}])
    return len(found)


def _one(connection: sqlite3.Connection, name: str, version: int) -> Dataset:
    found = connection.execute(f'{_WHOLE} WHERE "name" = ? AND "version" = ?', (name, version)).fetchone()
    if found is None:
        raise DatasetMissingError(f"there is no version {version} of a dataset {name}")
    return _dataset(found)


def _number(connection: sqlite3.Connection, name: str, version: int) -> int:
    sql = 'SELECT id FROM dataset WHERE "name" = ? AND "version" = ?'
    found = connection.execute(sql, (name, version)).fetchone()
    if found is None:
        raise DatasetMissingError(f"there is no version {version} of a dataset {name}")
    return int(found[0])


def _dataset(values: Sequence[Any]) -> Dataset:
    name, version, route, created_at, author, built, *rest = values
    return Dataset(name, version, route, created_at, author, decode(built), *rest)


def _left_of(connection: sqlite3.Connection, item: DatasetItem, at: float) -> DatasetItem:
    """The item, or a tombstone where its exchange is erased: whoever fills a dataset has read the log before."""
    sql = f'SELECT 1 FROM exchange WHERE "id" = ? AND NOT {stands("exchange")}'  # noqa: S608 -- a constant
    if connection.execute(sql, (item.exchange_id,)).fetchone() is None:
        return item
    return DatasetItem(item.ordinal, item.exchange_id, None, None, None, erased_at=at)


def _values(codec: BodyCodec, number: int, item: DatasetItem) -> tuple[Any, ...]:
    return (
        number,
        item.ordinal,
        storable(item.exchange_id),
        item.prompt_hash,
        storable(item.dialect),
        storable(item.path),
        storable(item.stratum),
        _json(item.redaction),
        _json(item.facts),
        _packed(codec, item.request),
        _packed(codec, item.reply),
        item.erased_at,
    )


def _item(codec: BodyCodec, values: Sequence[Any]) -> DatasetItem:
    ordinal, exchange_id, prompt_hash, dialect, path, stratum, redaction, facts, request, reply, erased_at = values
    return DatasetItem(
        ordinal,
        exchange_id,
        prompt_hash,
        dialect,
        path,
        stratum,
        tuple(decode(redaction)) if redaction else (),
        decode(facts) if facts else {},
        _unpacked(codec, request),
        _unpacked(codec, reply),
        erased_at,
    )


def _packed(codec: BodyCodec, content: bytes | None) -> bytes | None:
    if content is None:
        return None
    *_, packing, packed = codec.values(0, Body("request", "", len(content), content))
    return (_ZSTD if packing == "zstd" else _PLAIN) + bytes(packed)


def _unpacked(codec: BodyCodec, stored: bytes | None) -> bytes | None:
    if stored is None:
        return None
    packing = "zstd" if stored[:1] == _ZSTD else "plain"
    return codec.body((0, "", 0, None, 0, packing, stored[1:])).content


def _json(value: Any) -> str:
    return str(storable(encode(value).decode()))
