"""Port for the registry of versions: a part of the store (`ports/store.py`), asked by the admin API.

A version goes by the id of its content, which never changes. Where it was in force, under which terms, and when it last
answered is kept by route and name; labels and notes are kept by id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

MAX_SPEC_BYTES: Final = 128 * 1024 * 1024  # of all specs; those recorded first go first
MAX_TERMS: Final = 200_000  # rows; the oldest go first
MAX_LABELS: Final = 32  # of one version
MAX_NOTES: Final = 200  # of one version; the oldest go first
MAX_LABEL: Final = 64  # characters
MAX_LABEL_VALUE: Final = 256
MAX_NOTE: Final = 4_000
MAX_ASKED: Final = 10_000  # versions in one question


class VersionRecord(NamedTuple):
    """A version in force from a generation on. `spec`: the canonical JSON that `id` is the hash of. `terms`: what it is
    in force under and is no part of it (price, guardrails, names), as JSON. `at`: Unix seconds.
    """

    route: str
    name: str
    id: str
    generation: int
    at: float
    author: str
    spec: str
    terms: str


class Terms(NamedTuple):
    """What a version was in force under, from a generation on."""

    route: str
    name: str
    generation: int
    at: float
    author: str
    terms: str


class ServedVersion(NamedTuple):
    """When a version last answered a caller."""

    route: str
    name: str
    id: str
    at: float


class VersionLabel(NamedTuple):
    """What somebody calls a version."""

    value: str
    at: float
    author: str


class VersionNote(NamedTuple):
    """What somebody wrote about a version."""

    at: float
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """All that is known of one version, by its id. `spec` None: it is from before specs were kept, or forgotten."""

    id: str
    spec: str | None
    terms: Sequence[Terms]  # by route, name and generation
    served: Sequence[ServedVersion]
    labels: Mapping[str, VersionLabel]
    notes: Sequence[VersionNote]  # the oldest first


class Said(NamedTuple):
    """What lists tell of versions: labels by id, the number of notes by id, and when each last answered."""

    labels: Mapping[str, Mapping[str, str]]
    notes: Mapping[str, int]
    served: Mapping[tuple[str, str, str], float]  # (route, name, id) → Unix seconds


class VersionReader(Protocol):
    """Reading; bounded as all reading is."""

    async def known_version(self, version_id: str) -> KnownVersion | None:
        """One version; None where nothing is known of it."""
        ...

    async def version_routes(self) -> list[str]:
        """Every route that ever had a version, those of the past too."""
        ...

    async def said_of_versions(self, version_ids: Sequence[str]) -> Said:
        """For lists. At most MAX_ASKED ids."""
        ...


class VersionWriter(Protocol):
    """Writing. Ids that nothing has had are refused with False."""

    async def record_versions(self, records: Sequence[VersionRecord]) -> None:
        """Save specs that are new, and terms that are others than the last. What is there stays as it is."""
        ...

    async def note_served(self, served: Sequence[ServedVersion]) -> None:
        """Save when versions last answered; an earlier time changes nothing."""
        ...

    async def label_version(self, version_id: str, labels: Mapping[str, str | None], author: str, at: float) -> bool:
        """Set labels, and take off those with None. Raises StoreRejectedError where there would be too many."""
        ...

    async def add_version_note(self, version_id: str, note: VersionNote) -> bool: ...
