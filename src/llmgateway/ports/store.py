"""Port for the store: the database that the journal is ingested into, and that people and evaluators read.

To add one: write `store/<name>.py` with these members and run `tests/contract/test_store_contract.py` over it.

A row is a dict with the names of `journal/records.py` (facts and outcome), plus `cost_usd` (None: unknown), `ended_at`,
and `erased_at` (None but where an erasure has emptied the row). Times of day are Unix seconds. `attempts` and
`verdicts` are there where a method's docstring says so. Rows that come out of a store also carry `seq`: the order of
ingestion, which grows and is never used twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from llmgateway.domain.score import Score
from llmgateway.ports.aftermath import AftermathReader, AftermathWriter
from llmgateway.ports.datasets import DatasetReader, DatasetWriter
from llmgateway.ports.erasures import ErasureReader, ErasureWriter
from llmgateway.ports.events import EventReader, EventWriter
from llmgateway.ports.fingerprints import FingerprintReader, FingerprintWriter
from llmgateway.ports.generations import GenerationReader, GenerationWriter
from llmgateway.ports.report import ReportReader
from llmgateway.ports.reviews import ReviewReader, ReviewWriter
from llmgateway.ports.rollouts import RolloutReader, RolloutWriter, Tally
from llmgateway.ports.scores import ScoreReader, ScoreWriter
from llmgateway.ports.states import StateWriter
from llmgateway.ports.versions import VersionReader, VersionWriter

Row = dict[str, Any]
Pair = tuple[Row | None, Row]
"""An exchange, None if it is not in the store (yet, or any more), and its copy."""

FACTS: Final = (
    "id", "at", "generation", "key", "dialect", "operation", "method", "path", "peer", "stream", "request_model",
    "route", "assigned_version", "probability", "assigned_by", "user", "session", "tags", "user_agent",
    "caller_request_id", "idempotency_key", "request_bytes", "shadow_of", "rollout", "epoch", "unit",
)  # fmt: skip
OUTCOME: Final = (
    "status", "end", "phase", "error_code", "error_detail", "served_version", "duration_s", "first_token_s",
    "overhead_s", "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens",
    "usage_estimated", "finish_reason", "response_model", "response_id", "fingerprint", "reply_bytes",
    "parse_errors",
)  # fmt: skip
SEARCHED: Final = (
    "user", "session", "request_model", "response_model", "error_detail", "caller_request_id", "response_id",
    "user_agent",
)  # fmt: skip
DERIVED: Final = ("cost_usd", "ended_at", "erased_at")
COLUMNS: Final = (*FACTS, *OUTCOME, *DERIVED)
ATTEMPT: Final = (
    "backend", "version", "kind", "offset_s", "reused", "connect_s", "first_byte_s", "total_s", "status", "result",
    "detail", "input_tokens", "output_tokens",
)  # fmt: skip
VERDICT: Final = ("guardrail", "plugin", "version", "stage", "action", "mode", "kind", "count")
BODY_KINDS: Final = ("request", "reply", "events")


class StoreError(Exception):
    """Something is wrong with the store; the message says what and, where there is one, the way out."""


class StoreUnavailableError(StoreError):
    """The store is locked, full or away just now. Nothing was changed; trying again later may help."""


class StoreRejectedError(StoreError):
    """The store can't take one of these rows, whatever the time. Nothing was changed; retrying does not help."""


class StoreKnownError(StoreError):
    """Some entries are there already; `indexes` tells which. Nothing was changed: leave them out and try again."""

    def __init__(self, indexes: frozenset[int]) -> None:
        super().__init__(f"{len(indexes)} exchanges are stored already")
        self.indexes = indexes


class StoreRefusedError(StoreError):
    """The file or schema is damaged, foreign or too new. Nothing was touched: a person has to decide."""


class Body(NamedTuple):
    """What was said, in one direction. `content` None: only size and hash were kept, or retention took it."""

    kind: str
    media: str
    size: int
    content: bytes | None
    sha256: str | None = None
    is_truncated: bool = False


@dataclass(slots=True)
class Entry:
    """One exchange on its way into the store. `row` holds `attempts`, a list of dicts in the order they were made, and
    `verdicts`, another, where guardrails have found something.
    """

    row: Row
    bodies: Sequence[Body] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Everything of `incarnation` before this place in the journal is in the store."""

    incarnation: str
    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which exchanges to read; None wants all. `status` is a code, or 4 or 5 for a whole class."""

    route: str | None = None
    version: str | None = None  # the one that served
    key: str | None = None
    user: str | None = None  # as the application wrote it, also where a pseudonym was stored
    tag: tuple[str, str] | None = None  # its name, and the value that it has
    status: int | None = None
    end: str | None = None
    error: str | None = None  # its code
    guardrail: str | None = None  # one that has found something
    verdict: str | None = None  # what was to follow from that: flag, redact or block; the same guardrail's, if both
    since: float | None = None  # received at or after
    until: float | None = None  # received before
    shadow: bool | None = None  # False: no copies; True: nothing but copies
    shadow_of: str | None = None  # the copies of this exchange
    text: str | None = None  # stands in one of the SEARCHED columns, upper and lower case of ASCII alike


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What the store occupies. `free_bytes` lie inside the file, ready to be used again."""

    used_bytes: int
    free_bytes: int
    log_bytes: int  # a write-ahead log of its own, where it has one
    engine: str  # name and version, for the start-up line and bug reports


class StoreReader(
    GenerationReader,
    VersionReader,
    ScoreReader,
    ReviewReader,
    RolloutReader,
    AftermathReader,
    DatasetReader,
    EventReader,
    ErasureReader,
    FingerprintReader,
    ReportReader,
    Protocol,
):
    """Reading. Each call is bounded: by `limit`, and by time, after which it raises StoreUnavailableError."""

    async def page(self, wanted: Wanted, *, limit: int, before: str | None = None) -> list[Row]:
        """The newest exchanges by id, older than the id `before`. The last row's id asks for the next page."""
        ...

    async def since_seq(self, wanted: Wanted, *, seq: int, limit: int) -> list[Row]:
        """What was ingested after `seq`, in that order: the way to follow a log without missing slow exchanges."""
        ...

    async def last_seq(self) -> int:
        """The `seq` of the row that came last, or 0."""
        ...

    async def exchange(self, exchange_id: str) -> Row | None:
        """One exchange with its `attempts` and `verdicts`."""
        ...

    async def matching_ids(self, prefix: str, *, limit: int) -> list[str]:
        """The ids that begin with `prefix`, for people who type a part of one."""
        ...

    async def attempts(self, seqs: Sequence[int]) -> dict[int, list[Row]]:
        """The attempts of several exchanges, by their `seq`."""
        ...

    async def verdicts(self, seqs: Sequence[int]) -> dict[int, list[Row]]:
        """What guardrails said of several exchanges, by their `seq`; those that nothing was found in are left out."""
        ...

    async def bodies(self, seqs: Sequence[int]) -> dict[int, list[Body]]:
        """The bodies of several exchanges, by their `seq`. Keep the list short: bodies may be megabytes."""
        ...

    async def pairs(self, wanted: Wanted, *, limit: int, before: str | None = None) -> list[Pair]:
        """The newest copies with their primaries, by the primary's id, older than the primary `before`.

        Of `wanted` the route and the times count; they are the primary's. The last pair's copy tells in `shadow_of`
        where the next page begins.
        """
        ...

    async def stats(self) -> StoreStats: ...

    async def close(self) -> None: ...


class Store(
    StoreReader,
    GenerationWriter,
    VersionWriter,
    ScoreWriter,
    ReviewWriter,
    RolloutWriter,
    AftermathWriter,
    DatasetWriter,
    EventWriter,
    ErasureWriter,
    FingerprintWriter,
    StateWriter,
    Protocol,
):
    """Writing as well. One object, in one process, writes."""

    async def open(self) -> None:
        """Check, create or migrate, and be ready. Raises StoreRefusedError, or StoreUnavailableError (try again)."""
        ...

    async def append(
        self,
        entries: Sequence[Entry],
        positions: Sequence[Position],
        finished: Sequence[str],
        ledger: bytes | None,
        scores: Sequence[Score] = (),
        *,
        tallies: Sequence[Tally] = (),
    ) -> None:
        """Save a batch in one transaction, all of it or nothing: rows, scores, positions, the ledger's state, and what
        `tallies` count. What an erasure means that is under way is emptied first.

        Scores that are there already are left out without a word. The ledger's state is JSON and has these rows counted
        already, so every one of them has to be new: otherwise raises StoreKnownError. None keeps the state there is.
        The positions of `finished` incarnations are forgotten.
        Sets `seq` in the rows. Raises StoreRejectedError and StoreUnavailableError as well.
        """
        ...

    async def positions(self) -> list[Position]: ...

    async def ledger(self) -> dict[str, Any] | None:
        """The ledger's state as it was saved last."""
        ...

    async def purge_exchanges(self, before: float | None, *, limit: int) -> int:
        """Delete up to `limit` of the oldest exchanges, those received before `before` if given. Returns how many.

        Their scores go with them, and so do as many scores of that age that never found an exchange.
        """
        ...

    async def purge_bodies(self, before: float, *, limit: int) -> int:
        """Delete up to `limit` of the oldest bodies of exchanges received before `before`. Returns how many.

        As many comments and texts of scores from before then are forgotten, and count as well.
        """
        ...

    async def shrink(self, limit_bytes: int) -> int:
        """Give up to `limit_bytes` of free space back to the disk. Returns how many were given."""
        ...
