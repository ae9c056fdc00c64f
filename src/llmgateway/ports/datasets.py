"""Port for datasets and replays: a part of the store (`ports/store.py`), written through the admin API.

A dataset is a name with versions. A version is filled while it is open and sealed then; afterwards nothing changes it
but an erasure, which leaves a tombstone where an item was and says so at the version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

MAX_DATASETS: Final = 1_000  # versions of all names together that were not wholly erased
MAX_ITEMS: Final = 10_000  # of one version
MAX_ITEM_BYTES: Final = 1024 * 1024  # of one request, and of one reply
MAX_BYTES: Final = 2 * 1024**3  # of all items together, as they are stored
MAX_REPLAYS: Final = 1_000  # kept; the oldest go first
MAX_PAIR_BYTES: Final = 16 * 1024


class DatasetError(Exception):
    """The dataset is not there, not open, or full; the message says which."""


class DatasetMissingError(DatasetError):
    """There is no such dataset, version or replay."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of a dataset. `content_hash` None: still open. `bytes`: what requests and replies take in the store.

    The hash is over the items as they were sealed; once some are erased nobody can recompute it.
    """

    name: str
    version: int
    route: str | None
    created_at: float  # Unix seconds
    author: str
    built: Mapping[str, Any]
    content_hash: str | None = None
    items: int = 0
    erased: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class DatasetItem:
    """One request to try versions on. `request` None: it was erased, and all but its place and lineage is gone.

    `redaction`: what guardrails had taken out before it was logged, by kind. `facts`: how it went then.
    """

    ordinal: int
    exchange_id: str | None
    prompt_hash: str | None
    dialect: str | None
    path: str | None
    stratum: str | None = None
    redaction: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    request: bytes | None = None
    reply: bytes | None = None
    erased_at: float | None = None


@dataclass(frozen=True, slots=True)
class ReplayRecord:
    """One replay. `ended`: why it stopped; None while it runs, or when it can be gone on with.

    The hashes are the ids that both versions had when it began; None: they were not known then.
    """

    id: str
    created_at: float
    author: str
    dataset: str
    dataset_version: int
    route: str
    candidate: str
    baseline: str
    plan: Mapping[str, Any]
    ended: str | None = None
    verdict: str | None = None
    pairs: int = 0
    cost_usd: float = 0.0
    candidate_hash: str | None = None
    baseline_hash: str | None = None


class DatasetReader(Protocol):
    """Reading; bounded as all reading is."""

    async def datasets(self, name: str | None = None) -> list[Dataset]:
        """Every version, or those of one name: by name, the newest version first."""
        ...

    async def dataset_items(
        self, name: str, version: int, *, after: int = -1, limit: int, limit_bytes: int
    ) -> list[DatasetItem]:
        """Items behind the ordinal `after`, in order; at least one if there is one, whatever its size.

        Raises DatasetMissingError.
        """
        ...

    async def replays(self, *, limit: int) -> list[ReplayRecord]:
        """The newest first."""
        ...

    async def replay(self, replay_id: str) -> ReplayRecord | None: ...

    async def replay_pairs(self, replay_id: str, *, after: int = -1, limit: int) -> list[tuple[int, bytes]]:
        """Ordinals and facts (JSON) of the pairs that are done, behind the ordinal `after`."""
        ...


class DatasetWriter(Protocol):
    """Writing. Each call is one transaction."""

    async def add_dataset(self, dataset: Dataset) -> Dataset:
        """Begin the next version of the name; `version` is given by the store. Raises DatasetError where it is full."""
        ...

    async def add_dataset_items(self, name: str, version: int, items: Sequence[DatasetItem]) -> Dataset:
        """Add items to an open version; those whose ordinal is there already are left out without a word.

        Raises DatasetError.
        """
        ...

    async def seal_dataset(self, name: str, version: int, content_hash: str) -> Dataset:
        """Close a version for good. Sealed with the same hash again, it stays as it is. Raises DatasetError."""
        ...

    async def erase_dataset_items(self, *, at: float, exchange_id: str | None, dataset: tuple[str, int] | None) -> int:
        """Erase what comes from an exchange, everywhere, or all of one version. Returns how many items."""
        ...

    async def add_replay(self, replay: ReplayRecord) -> None: ...

    async def add_pairs(self, replay_id: str, pairs: Sequence[tuple[int, bytes]], cost_usd: float) -> None:
        """Note pairs that are done, and what all of the replay has cost. Raises DatasetMissingError."""
        ...

    async def end_replay(self, replay_id: str, ended: str | None, verdict: str | None) -> ReplayRecord:
        """Note why it stopped; None: it goes on. Raises DatasetMissingError."""
        ...
