"""What people look at, and what they say of it: items in queues, label schemas, reviews, concerns.

An item is one exchange, or a blind pair of two. A reviewer claims it for some time, labels it or skips it; where the
reviews an item needs disagree, somebody else adjudicates.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

DEFAULT_QUEUE: Final = "default"
MAX_NAME: Final = 64  # characters, as all below
MAX_WHO: Final = 100
MAX_WORDS: Final = 3_000  # of a comment, a note, a reason
MAX_CORRECTION: Final = 50_000
MAX_PRIORITY: Final = 9
MAX_REVIEWS: Final = 5  # of one item
is_name: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch

Labels = Mapping[str, str]
"""Question → the option that was chosen."""
Word = TypeVar("Word", bound=StrEnum)


class Reason(StrEnum):
    """Why somebody should look."""

    RANDOM = "random"
    STRATIFIED = "stratified"
    DISAGREEMENT = "disagreement"  # a judge and a user, or two judges
    NEAR_THRESHOLD = "near_threshold"  # a guardrail found something and let it pass
    THUMBS_DOWN = "thumbs_down"
    CANARY_PAIR = "canary_pair"
    DRIFT = "drift"
    REPORTED = "reported"
    ROLLBACK = "rollback"


class State(StrEnum):
    """Where an item stands. That somebody has it is a lease beside it, which ends by itself."""

    OPEN = "open"
    DISPUTED = "disputed"  # its reviews disagree
    DONE = "done"
    SKIPPED = "skipped"  # nobody could say anything about it


class Kind(StrEnum):
    """What somebody said of an item."""

    REVIEW = "review"
    SKIP = "skip"
    ADJUDICATION = "adjudication"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ConcernState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a schema; its answer is one of the options."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """What is asked of a reviewer. A number keeps its meaning; `takes_correction`: a better answer may be given."""

    name: str
    number: int
    questions: tuple[Question, ...]
    takes_correction: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """Something to look at. Times are Unix seconds. `version` grows with every change: whoever changes it names the one
    they have seen. `other_id`: the second exchange of a pair; `is_swapped`: it stands on the left.
    """

    id: str
    queue: str
    exchange_id: str
    reason: Reason
    created_at: float
    schema: str
    schema_number: int
    other_id: str | None = None
    is_swapped: bool = False
    needed: int = 1
    priority: int = 0
    due_at: float | None = None
    note: str | None = None
    added_by: str = ""
    route: str | None = None
    served: str | None = None  # the version of `exchange_id`
    other_served: str | None = None
    state: State = State.OPEN
    version: int = 1
    claimed_by: str | None = None
    claimed_until: float = 0.0
    closed_at: float | None = None
    labels: Labels | None = None  # what holds, once it is done

    @property
    def is_pair(self) -> bool:
        return self.other_id is not None

    def holder(self, now: float) -> str | None:
        """Who has it now."""
        return self.claimed_by if self.state is State.OPEN and self.claimed_until > now else None


@dataclass(frozen=True, slots=True)
class Review:
    """What one person said of an item. `comment`: of a skip its reason. `correction`: the answer as it should be."""

    item: str
    reviewer: str
    at: float
    kind: Kind
    labels: Labels = field(default_factory=dict)
    comment: str | None = None
    correction: str | None = None


@dataclass(frozen=True, slots=True)
class Concern:
    """What numbers can't say, about a version, or (`version` None) about whatever answers a route."""

    id: str
    at: float
    by: str
    route: str
    version: str | None
    severity: Severity
    text: str
    owner: str | None = None
    exchange_id: str | None = None
    state: ConcernState = ConcernState.OPEN
    closed_at: float | None = None
    closed_by: str | None = None
    closed_reason: str | None = None


class BadReviewError(ValueError):
    """What was sent does not hold. `field` is the one to put right. The text quotes nothing of it."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def words_in(document: Mapping[str, Any], field: str, most: int = MAX_WORDS) -> str | None:
    """A text of 1 to `most` characters, None where there is none; BadReviewError."""
    text = document.get(field)
    if text is None:
        return None
    if not isinstance(text, str) or not text.strip() or len(text) > most:
        raise BadReviewError(field, f"{field} must be a text of 1 to {most} characters.")
    return text


def one_of(given: object, field: str, words: type[Word]) -> Word:
    """The one of these words that was given, of whatever type that is; BadReviewError."""
    if not isinstance(given, str) or given not in set(words):  # a list has no hash to look for
        raise BadReviewError(field, f"{field} must be one of {', '.join(words)}.")
    return words(given)


def needed_words(document: Mapping[str, Any], field: str, most: int = MAX_WORDS) -> str:
    """The same, which has to be there."""
    text = words_in(document, field, most)
    if text is None:
        raise BadReviewError(field, f"{field} is missing.")
    return text
