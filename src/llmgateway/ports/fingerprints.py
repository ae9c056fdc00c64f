"""Port for fingerprints: a part of the store (`ports/store.py`), written by whoever watches what answers (`control`).

The newest `MAX_FINGERPRINTS` are kept.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

MAX_FINGERPRINTS: Final = 10_000


class Fingerprint(NamedTuple):
    """Something that a version's backend has said of itself. `asked`: the caller's model, where the version names none;
    else empty. `facet`: `model` or `fingerprint`. `at`: when first, Unix seconds.
    """

    version_id: str
    backend: str
    asked: str
    facet: str
    value: str
    at: float


class FingerprintReader(Protocol):
    """Reading."""

    async def fingerprints(self) -> list[Fingerprint]:
        """All, in the order in which they were first seen."""
        ...


class FingerprintWriter(Protocol):
    """Writing."""

    async def add_fingerprints(self, seen: Sequence[Fingerprint]) -> None:
        """Save those that are not there already."""
        ...
