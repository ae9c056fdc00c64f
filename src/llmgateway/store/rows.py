"""Exchanges to database values and back. No I/O; nothing here knows which database it is for."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import zstandard

from llmgateway.ports.store import ATTEMPT, COLUMNS, Body, Row
from llmgateway.wire.jsoncodec import decode, encode

Values = tuple[Any, ...]

ZSTD: Final = "zstd"
PLAIN: Final = "plain"
LEVEL: Final = 1
PLAIN_BELOW: Final = 200  # bytes; compressing less saves nothing
FLAGS: Final = ("stream", "usage_estimated")
TEXTS: Final = (  # what callers and backends write, at will
    "path", "request_model", "user", "session", "user_agent", "caller_request_id", "idempotency_key",
    "error_detail", "finish_reason", "response_model", "response_id", "fingerprint",
)  # fmt: skip

_in_order: Callable[[Row], Values] = itemgetter(*COLUMNS)
_texts_of: Callable[[Row], Values] = itemgetter(*TEXTS)
_attempt_in_order: Callable[[Row], Values] = itemgetter(*ATTEMPT)


def exchange_values(row: Row) -> Values:
    """A row's values in the order of COLUMNS. Text that a database can't hold is escaped, never dropped."""
    try:
        return _exchange_values(row)
    except KeyError:  # a record from another version of this program
        return _exchange_values({**dict.fromkeys(COLUMNS), **row})


def _exchange_values(row: Row) -> Values:
    tags = row["tags"]
    if tags is not None:
        row = {**row, "tags": encode(tags).decode() if tags else None}
    if _has_nul(row):
        row = {**row, **{name: storable(row[name]) for name in TEXTS}}
    return _in_order(row)


def _has_nul(row: Row) -> bool:
    try:
        return "\0" in "".join(filter(None, _texts_of(row)))
    except TypeError:  # a number where text belongs: the database will say what it thinks of it
        return False


def attempt_values(seq: int, attempts: Sequence[Row]) -> list[Values]:
    """Rows for the attempt table."""
    rows = []
    for ordinal, attempt in enumerate(attempts):
        try:
            values = _attempt_in_order(attempt)
        except KeyError:
            values = tuple(attempt.get(name) for name in ATTEMPT)
        rows.append((seq, ordinal, *values[:-1], storable(values[-1])))
    return rows


def storable(value: Any) -> Any:
    """Escape what no database's text may hold: NUL and lone surrogates."""
    if not isinstance(value, str):
        return value
    if "\0" in value:
        value = value.replace("\0", "\\u0000")
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def storable_row(row: Row) -> Row:
    """The same row with every text in it made storable: the slow way, for the rare row that needs it."""
    return {name: _storable_deep(value) for name, value in row.items()}


def _storable_deep(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {storable(name): _storable_deep(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable_deep(inner) for inner in value]
    return storable(value)


def row_of(values: Sequence[Any]) -> Row:
    """The row behind `seq` and the values of COLUMNS."""
    row: Row = dict(zip(("seq", *COLUMNS), values, strict=True))
    row["tags"] = decode(row["tags"]) if row["tags"] else {}
    for flag in FLAGS:
        if row[flag] is not None:
            row[flag] = bool(row[flag])
    return row


def attempt_of(values: Sequence[Any]) -> Row:
    """The attempt behind the values of ATTEMPT."""
    attempt: Row = dict(zip(ATTEMPT, values, strict=True))
    if attempt["reused"] is not None:
        attempt["reused"] = bool(attempt["reused"])
    return attempt


class BodyCodec:
    """Packs and unpacks bodies, each with one reused context. Belongs to one thread at a time."""

    __slots__ = ("_compress", "_decompress")

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False).compress
        self._decompress = zstandard.ZstdDecompressor().decompress

    def values(self, seq: int, body: Body) -> Values:
        """A row for the body table."""
        codec, content = self._packed(body.content)
        return seq, body.kind, storable(body.media), body.size, body.sha256, body.is_truncated, codec, content

    def body(self, values: Sequence[Any]) -> Body:
        """The body behind kind, media, size, sha256, is_truncated, codec and content."""
        kind, media, size, sha256, is_truncated, codec, content = values
        if codec == ZSTD:
            content = self._decompress(content)
        return Body(kind, media, size, content, sha256, bool(is_truncated))

    def _packed(self, content: bytes | None) -> tuple[str | None, bytes | None]:
        if content is None:
            return None, None
        if len(content) >= PLAIN_BELOW:
            packed = self._compress(content)
            if len(packed) < len(content):
                return ZSTD, packed
        return PLAIN, content
