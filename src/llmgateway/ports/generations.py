"""Port for the configuration's history: a part of the store (`ports/store.py`), asked by the admin API.

A generation's number is the snapshot's: it stands with every exchange. Numbers grow and may have gaps, for a reload of
the same text takes a number and makes no entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

MAX_GENERATIONS: Final = 1_000  # kept; the oldest go first
MAX_TEXT_BYTES: Final = 256 * 1024 * 1024  # of all texts kept
MAX_VERSIONS: Final = 100_000  # sightings kept


@dataclass(frozen=True, slots=True)
class Generation:
    """One text that was put in force, or was tried. `at`: Unix seconds.

    `text` is the file's, secrets that are written out in it included: nobody may be shown it unmasked. `diff` is
    against the text before, masked. `refused` says why it was taken back; None: it has been in force.
    """

    number: int
    at: float
    author: str
    reason: str
    diff: str
    text: str
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class GenerationHead:
    """A generation as lists have it, without text and diff."""

    number: int
    at: float
    author: str
    reason: str
    refused: str | None


class SeenVersion(NamedTuple):
    """When a version of a route, as its content is (`id`), was first in force."""

    route: str
    name: str
    id: str
    at: float
    generation: int


class GenerationReader(Protocol):
    """Reading; bounded as all reading is."""

    async def generations(self, *, limit: int, before: int | None = None) -> list[GenerationHead]:
        """The newest first, those with a number below `before`."""
        ...

    async def generation(self, number: int) -> Generation | None: ...

    async def seen_versions(self, routes: Sequence[str]) -> list[SeenVersion]:
        """What is known of some routes' versions, by route, name and time. At most 1,000 routes."""
        ...


class GenerationWriter(Protocol):
    """Writing, with the look at the newest that has to see what was written last."""

    async def last_generation(self) -> tuple[int, Generation | None]:
        """The highest number there is (0: none), and the newest generation that was not refused."""
        ...

    async def add_generation(self, generation: Generation, versions: Sequence[SeenVersion]) -> None:
        """Save a generation and the versions in it that are new, in one transaction.

        Raises StoreRejectedError if the number is taken. Keeps MAX_GENERATIONS, MAX_TEXT_BYTES and MAX_VERSIONS.
        """
        ...

    async def refuse_generation(self, number: int, reason: str) -> None:
        """Note that it was taken back."""
        ...
