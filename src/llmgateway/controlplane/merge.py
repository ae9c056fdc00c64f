"""Journal records to exchanges: which `admitted` belongs to which `settled`, and what a row of the store says.

Plain functions over what the journal's reader found; no I/O but the blobs, which are read when they are needed.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from llmgateway.controlplane.verdicts import readable
from llmgateway.domain.exchange import End
from llmgateway.domain.score import BadScoreError, Score, SourceKind, read_value
from llmgateway.ports.store import BODY_KINDS, COLUMNS, OUTCOME, Body, Entry, Row

KINDS: Final = ("admitted", "settled", "refused")
SCORED: Final = "scored"  # of another kind: no half of an exchange
_is_id: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_is_score_id: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_TEXTS_OF_SCORES: Final = ("exchange_id", "reference", "key", "name", "source_id", "comment")
_END_OF_TIME: Final = 1e11  # Unix seconds
_NOT_COLUMNS: Final = ("k", "blobs", *BODY_KINDS)
_NO_BLOBS: Final[Mapping[str, bytes]] = {}
_NUMBER: Final = (int, float)
_NO_OUTCOME: Final[Mapping[str, Any]] = {**dict.fromkeys(OUTCOME), "end": End.INTERRUPTED.value}
# Rows begin as copies of this one, whose names are the very objects that columns are asked for with: to find a name in
# a decoder's dict takes twice as long, and each is asked for three or four times on its way into the store.
_BLANK: Final[Row] = dict.fromkeys((*COLUMNS, "attempts"))


class MalformedRecordError(ValueError):
    """The record passed its checksum and is still not what a worker writes."""


class Record(Protocol):
    """A record where the reader found it. `blobs` may read the disk."""

    @property
    def meta(self) -> dict[str, Any]: ...

    def blobs(self) -> Mapping[str, bytes]: ...


def kind_and_id(meta: Mapping[str, Any]) -> tuple[str, str]:
    """Tell what a record is and whose. Raises MalformedRecordError."""
    kind, exchange_id = meta.get("k"), meta.get("id")
    if kind not in KINDS:
        raise MalformedRecordError("the record is of no known kind")
    if not isinstance(exchange_id, str) or not _is_id(exchange_id):
        raise MalformedRecordError("the id is no UUIDv7")
    return kind, exchange_id


def score_of(meta: Mapping[str, Any]) -> Score:
    """Make a score of its record. Raises MalformedRecordError."""
    if not isinstance(meta.get("id"), str) or not _is_score_id(meta["id"]):
        raise MalformedRecordError("the score's id is no UUID")
    at = meta.get("at")
    if not isinstance(at, _NUMBER) or isinstance(at, bool) or not 0 <= at < _END_OF_TIME:
        raise MalformedRecordError("a time is no number")
    texts = {name: meta.get(name) for name in _TEXTS_OF_SCORES}
    if any(text is not None and not isinstance(text, str) for text in texts.values()):
        raise MalformedRecordError("a score's text is none")
    if texts["exchange_id"] is None and texts["reference"] is None:
        raise MalformedRecordError("a score is of no exchange")
    if texts["name"] is None or texts["source_id"] is None:
        raise MalformedRecordError("a score has no name or source")
    try:
        data_type, value = read_value(meta.get("value"), meta.get("data_type"), is_masked=True)
        source = SourceKind(meta["source_kind"])
    except (BadScoreError, KeyError, ValueError) as error:
        raise MalformedRecordError("a score's value or source is not what it should be") from error
    return Score(id=meta["id"], at=float(at), data_type=data_type, value=value, source_kind=source, **texts)  # type: ignore[arg-type]  # name and source_id are there


def merged(facts: Record | None, outcome: Record | None) -> Entry:
    """Make one exchange of its halves, at least one of them.

    Without an outcome in either it was interrupted; nobody knows when, so `ended_at` is its arrival. Without facts
    (their record was damaged) it is known by its id, whose first 48 bits are the time of arrival.
    """
    row = _BLANK.copy()
    bodies: list[Body] = []
    for half in (facts, outcome):
        if half is not None:
            row.update(half.meta)
            _add_bodies(half, bodies)
    for name in _NOT_COLUMNS:
        row.pop(name, None)
    if row.get("end") is None:
        row |= _NO_OUTCOME
        row["attempts"] = []
    _finish(row)
    return Entry(row, bodies)


def _finish(row: Row) -> None:
    """Add what is derived, and refuse what would break whoever reads the row."""
    at, duration, attempts = row.get("at"), row.get("duration_s"), row.get("attempts")
    if at is None:
        row["at"] = at = int(row["id"].replace("-", "")[:12], 16) / 1000
    if not isinstance(at, _NUMBER) or not (duration is None or isinstance(duration, _NUMBER)):
        raise MalformedRecordError("a time is no number")
    if not isinstance(attempts, list):
        raise MalformedRecordError("attempts are no list")
    for attempt in attempts:
        if not isinstance(attempt, dict):
            raise MalformedRecordError("an attempt is no object")
    if "verdicts" in row:
        row["verdicts"], row["verdicts_left_out"] = readable(row["verdicts"])
    if not row.get("status"):
        row["status"] = None
    row["cost_usd"] = None
    row["ended_at"] = at + (duration or 0.0)


def _add_bodies(half: Record, bodies: list[Body]) -> None:
    meta = half.meta
    blobs = half.blobs() if "blobs" in meta else _NO_BLOBS
    for kind in BODY_KINDS:
        about = meta.get(kind)
        if about is None:
            continue
        try:
            if len(about) == 2:  # the rule: nothing but its media type and size
                body = Body(kind, about["media"], about["size"], blobs.get(kind))
            else:
                more = about.get("sha256"), about.get("truncated", False)
                body = Body(kind, about["media"], about["size"], blobs.get(kind), *more)
        except (TypeError, KeyError, AttributeError) as error:
            raise MalformedRecordError("a body is not described") from error
        bodies.append(body)
