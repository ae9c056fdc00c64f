"""What somebody says of an exchange: a score, its value, who says it, and how one that was sent is read.

One rule for all sources: what a user's thumb sends through the data plane and what a judge sends through the admin API
has the same names, the same bounds, and the same faults.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

MAX_NAME: Final = 64  # characters, as all below
MAX_CATEGORY: Final = 64
MAX_TEXT: Final = 3_000
MAX_COMMENT: Final = 2_000
MAX_REFERENCE: Final = 128  # no exchange has a longer one
MAX_WORD: Final = 128  # of idempotency keys, sources and runs
MAX_NUMBER: Final = 1e15
IDENTITY: Final = "@"  # in a judge's run: what follows says who judged, and other than that is another judge
COMMON: Final = frozenset({"name", "value", "data_type", "comment", "idempotency_key"})
_is_name: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_is_word: Final = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?").fullmatch

Value = bool | float | str


class DataType(StrEnum):
    BOOL = "bool"
    NUMBER = "number"
    CATEGORY = "category"  # one of few words
    TEXT = "text"  # whatever somebody writes


class SourceKind(StrEnum):
    """Who says it."""

    USER = "user"  # whoever the answer was for
    CODE = "code"  # a program that checks answers
    JUDGE = "judge"  # a model that judges answers
    HUMAN = "human"  # a reviewer


class State(StrEnum):
    PENDING = "pending"  # its exchange is not in the store yet
    VALID = "valid"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a score is rejected."""

    OTHER_KEY = "other_key"  # the exchange is another key's
    UNKNOWN_EXCHANGE = "unknown_exchange"  # it did not come while it was waited for


class Polarity(StrEnum):
    """What a value means for whoever counts complaints. Only yes and no say that by themselves."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Score:
    """One score. `at`: Unix seconds. Its exchange is `exchange_id`, or the one that its caller called `reference`.

    `key`: whose exchange it has to be; None: anybody's. `value` None: retention took it. What stands behind `comment`
    is known once it is in the store: of several that one source gave under one name the last is current.
    """

    id: str
    at: float
    name: str
    data_type: DataType
    value: Value | None
    source_kind: SourceKind
    source_id: str
    exchange_id: str | None = None
    reference: str | None = None
    key: str | None = None
    run: str | None = None
    comment: str | None = None
    state: State = State.PENDING
    reason: Reason | None = None
    route: str | None = None
    version: str | None = None
    is_current: bool = False
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Given:
    """What every score that is sent says."""

    name: str
    data_type: DataType
    value: Value
    comment: str | None
    idempotency_key: str | None


class BadScoreError(ValueError):
    """What was sent is no score. `field` is the one to put right, if it is one. The text quotes nothing of it."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def read_given(document: Mapping[str, Any], more: frozenset[str]) -> Given:
    """Read what all scores have in common. `more`: further fields that may be there. Raises BadScoreError."""
    if document.keys() - COMMON - more:
        known = ", ".join(sorted(COMMON | more))
        raise BadScoreError(None, f"A field is not known here. Known are {known}.")
    name = document.get("name")
    if not isinstance(name, str) or not _is_name(name):
        raise BadScoreError(
            "name",
            f"name must be 1 to {MAX_NAME} letters, digits, '.', '_' and '-', and begin with a letter or digit.",
        )
    if "value" not in document:
        raise BadScoreError("value", "value is missing.")
    data_type, value = read_value(document["value"], document.get("data_type"))
    return Given(
        name, data_type, value, text_in(document, "comment", MAX_COMMENT), word_in(document, "idempotency_key")
    )


def read_value(value: object, data_type: object = None, *, is_masked: bool = False) -> tuple[DataType, Value]:
    """Read a value by its JSON type; a string is a category unless it is said to be a text. Raises BadScoreError.

    `is_masked`: guardrails have been at it, and what they put in the place of what they took may be longer.
    """
    if data_type is not None and (not isinstance(data_type, str) or data_type not in set(DataType)):
        raise BadScoreError("data_type", f"data_type must be one of {', '.join(DataType)}.")
    kind = DataType(data_type) if isinstance(data_type, str) else _kind_of(value)
    if is_masked and isinstance(value, str) and kind in {DataType.CATEGORY, DataType.TEXT}:
        return kind, value
    match kind, value:
        case DataType.BOOL, bool():
            return kind, value
        case DataType.NUMBER, int() | float() if not isinstance(value, bool):
            return kind, _number(value)
        case DataType.CATEGORY, str() if 0 < len(value) <= MAX_CATEGORY and value.isprintable():
            return kind, value
        case DataType.TEXT, str() if 0 < len(value) <= MAX_TEXT:
            return kind, value
    raise BadScoreError("value", _WANTED[kind])


def text_in(document: Mapping[str, Any], field: str, most: int) -> str | None:
    """A text of 1 to `most` characters, None where there is none; BadScoreError."""
    text = document.get(field)
    if text is None:
        return None
    if not isinstance(text, str) or not 0 < len(text) <= most:
        raise BadScoreError(field, f"{field} must be a text of 1 to {most} characters.")
    return text


def word_in(document: Mapping[str, Any], field: str) -> str | None:
    """Printable ASCII without blanks at its ends, None where there is none; BadScoreError."""
    word = document.get(field)
    if word is None:
        return None
    if not isinstance(word, str) or not _is_word(word):
        raise BadScoreError(field, f"{field} must be 1 to {MAX_WORD} printable ASCII characters.")
    return word


def polarity(score: Score) -> Polarity:
    if isinstance(score.value, bool):
        return Polarity.POSITIVE if score.value else Polarity.NEGATIVE
    return Polarity.NONE


_WANTED: Final = {
    DataType.BOOL: "value must be true or false.",
    DataType.NUMBER: f"value must be a number between -{MAX_NUMBER:.0e} and {MAX_NUMBER:.0e}.",
    DataType.CATEGORY: f"value must be true, false, a number, or 1 to {MAX_CATEGORY} printable characters; "
    'what is longer needs "data_type": "text".',
    DataType.TEXT: f"value must be a text of 1 to {MAX_TEXT} characters.",
}


def _kind_of(value: object) -> DataType:
    if isinstance(value, bool):
        return DataType.BOOL
    return DataType.NUMBER if isinstance(value, int | float) else DataType.CATEGORY


def _number(value: float) -> float:
    if abs(value) > MAX_NUMBER or not math.isfinite(value):  # in this order: a whole number may be no float
        raise BadScoreError("value", _WANTED[DataType.NUMBER])
    return float(value)
