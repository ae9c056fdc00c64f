"""Choose the version that answers: weighted, and sticky by a declared key.

Sticky choices use weighted rendezvous hashing: every version draws a number from the hash of (salt, version, key),
scaled by its weight, and the highest wins. So a key's choice depends on nothing but the key, and raising one version's
weight only ever moves callers to that version (Thaler and Ravishankar 1998, with the logarithmic weights of
Schindelhauer and Schomaker 2005).
"""

import math
from dataclasses import dataclass
from hashlib import blake2b

from llmgateway.config.snapshot import Route, Version

_SCALE = 2.0**-64


@dataclass(frozen=True, slots=True)
class Choice:
    """The version assigned, and how likely it was."""

    version: Version
    probability: float


def choose(route: Route, sticky_key: str | None, draw: float) -> Choice:
    """Assign a version. `draw` in [0, 1) decides where nothing sticks; with a sticky key it is not looked at."""
    candidates = [version for version in route.versions if version.weight > 0]
    if len(candidates) == 1:
        return Choice(candidates[0], 1.0)
    total = sum(version.weight for version in candidates)
    if sticky_key is not None:
        chosen = max(candidates, key=lambda version: _score(route.salt, version, sticky_key))
    else:
        chosen = _drawn(candidates, draw * total)
    return Choice(chosen, chosen.weight / total)


def home(route: Route) -> Choice:
    """The version for operations that name things by id (files, batches): always the heaviest, never split."""
    return Choice(max(route.versions, key=lambda version: version.weight), 1.0)


def _drawn(candidates: list[Version], point: float) -> Version:
    for version in candidates:
        point -= version.weight
        if point < 0:
            return version
    return candidates[-1]  # rounding at the far end


def _score(salt: str, version: Version, key: str) -> float:
    text = f"{salt}\0{version.name}\0{key}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    return -version.weight / math.log((number + 0.5) * _SCALE)
