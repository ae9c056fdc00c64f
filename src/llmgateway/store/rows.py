"""Exchanges to database values and back. No I/O; nothing here knows which database it is for."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

import zstandard

from llmgateway.ports.store import ATTEMPT, BODY_KINDS, COLUMNS, VERDICT, Body, Row, StoreRefusedError
from llmgateway.store import dictionary
from llmgateway.wire.jsoncodec import decode, encode

Values = tuple[Any, ...]

ZSTD: Final = "zstd"
PLAIN: Final = "plain"
LEVEL: Final = 1
PLAIN_BELOW: Final = 200  # bytes; compressing less saves nothing
DICTIONARY_BELOW: Final = 4_000  # bytes; what is larger teaches the compressor enough by itself
KIND_AT: Final = {kind: at for at, kind in enumerate(BODY_KINDS)}
_COMMON_MEDIA: Final = frozenset({"application/json", "text/event-stream"})
_ABSENT: Final = dict.fromkeys(COLUMNS)
FLAGS: Final = ("stream", "usage_estimated")
TEXTS: Final = (  # what callers and backends write, at will
    "path", "request_model", "user", "session", "user_agent", "caller_request_id", "idempotency_key",
    "error_detail", "finish_reason", "response_model", "response_id", "fingerprint",
)  # fmt: skip

RARE: Final = (  # what most exchanges have nothing of, beside tags
    "session", "caller_request_id", "idempotency_key", "error_code", "error_detail", "cache_write_tokens",
    "shadow_of", "rollout", "epoch", "unit", "erased_at",
)  # fmt: skip
COMMON: Final = tuple(name for name in COLUMNS if name not in {*RARE, "tags"})

_TAGS_AT: Final = COLUMNS.index("tags")
_before_tags: Callable[[Row], Values] = itemgetter(*COLUMNS[:_TAGS_AT])
_after_tags: Callable[[Row], Values] = itemgetter(*COLUMNS[_TAGS_AT + 1 :])
_common_of: Callable[[Row], Values] = itemgetter(*COMMON)
_rare_of: Callable[[Row], Values] = itemgetter(*RARE)
_NOTHING_RARE: Final = (None,) * len(RARE)
_texts_of: Callable[[Row], Values] = itemgetter(*TEXTS)
_attempt_in_order: Callable[[Row], Values] = itemgetter(*ATTEMPT)


class Numbered(NamedTuple):
    """Values for the exchange table, one row behind the other, each row's number first: rows with the columns of COMMON
    alone, and rows with all of COLUMNS.
    """

    common: list[Any]
    whole: list[Any]


def numbered(rows: Sequence[Row], first: int) -> Numbered:
    """Lay out rows for the exchange table, with numbers from `first` on."""
    try:
        if "\0" not in "".join(filter(None, chain.from_iterable(map(_texts_of, rows)))):
            return _parted(rows, first)
    except (KeyError, TypeError):  # a column is missing, or a number is where text belongs
        pass
    whole: list[Any] = []
    for seq, row in enumerate(rows, first):
        whole += seq, *exchange_values(row)
    return Numbered([], whole)


def _parted(rows: Sequence[Row], first: int) -> Numbered:
    common: list[Any] = []
    whole: list[Any] = []
    for seq, row in enumerate(rows, first):
        if row["tags"] or _rare_of(row) != _NOTHING_RARE:
            whole += seq, *_as_they_are(row)
        else:
            common.append(seq)
            common += _common_of(row)
    return Numbered(common, whole)


def exchange_values(row: Row) -> Values:
    """A row's values in the order of COLUMNS. Text that a database can't hold is escaped, never dropped."""
    row = {**_ABSENT, **row}  # a record from another version of this program may lack columns
    row.update({name: storable(row[name]) for name in TEXTS})
    return _as_they_are(row)


def _as_they_are(row: Row) -> Values:
    tags = row["tags"]
    return (*_before_tags(row), encode(tags).decode() if tags else None, *_after_tags(row))


def attempt_values(seq: int, attempts: Sequence[Row]) -> list[Values]:
    """Rows for the attempt table."""
    rows = []
    for ordinal, attempt in enumerate(attempts):
        try:
            values = _attempt_in_order(attempt)
        except KeyError:
            values = tuple(attempt.get(name) for name in ATTEMPT)
        if values[-1] is not None:
            values = (*values[:-1], storable(values[-1]))
        rows.append((seq, ordinal, *values))
    return rows


def verdict_values(seq: int, verdicts: Sequence[Row]) -> list[Values]:
    """Rows for the verdict table."""
    return [
        (seq, ordinal, *(storable(verdict.get(name)) for name in VERDICT)) for ordinal, verdict in enumerate(verdicts)
    ]


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


def verdict_of(values: Sequence[Any]) -> Row:
    """The verdict behind the values of VERDICT."""
    return dict(zip(VERDICT, values, strict=True))


class BodyCodec:
    """Packs and unpacks bodies, each with one reused context. Belongs to one thread at a time."""

    __slots__ = ("_compress", "_compress_small", "_decompress")

    def __init__(self) -> None:
        known = dictionary.current()
        known.precompute_compress(level=LEVEL)
        self._compress = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False).compress
        self._compress_small = zstandard.ZstdCompressor(level=LEVEL, dict_data=known, write_checksum=False).compress
        self._decompress: dict[int, Callable[[bytes], bytes]] = {
            0: zstandard.ZstdDecompressor().decompress,
            known.dict_id(): zstandard.ZstdDecompressor(dict_data=known).decompress,
        }

    def values(self, seq: int, body: Body) -> Values:
        """A row for the body table: exchange, kind as a number, and what `body` takes behind it."""
        kind, media, size, content, sha256, is_truncated = body
        if media not in _COMMON_MEDIA:
            media = storable(media)
        codec = None if content is None else PLAIN
        if content is not None and (length := len(content)) >= PLAIN_BELOW:
            packed = self._compress_small(content) if length < DICTIONARY_BELOW else self._compress(content)
            if len(packed) < length:
                codec, content = ZSTD, packed
        return seq, KIND_AT[kind], media, size, sha256, 1 if is_truncated else 0, codec, content

    def body(self, values: Sequence[Any]) -> Body:
        """The body behind kind, media, size, sha256, is_truncated, codec and content."""
        kind, media, size, sha256, is_truncated, codec, content = values
        if codec == ZSTD:
            content = self._unpacked(content)
        return Body(BODY_KINDS[kind], media, size, content, sha256, bool(is_truncated))

    def _unpacked(self, content: bytes) -> bytes:
        try:
            used = zstandard.get_frame_parameters(content).dict_id
            if used not in self._decompress:
                raise StoreRefusedError(f"a body needs dictionary {used}, which only a newer llmgateway has")
            return self._decompress[used](content)
        except zstandard.ZstdError as error:
            raise StoreRefusedError(f"a body is damaged ({error})") from error
