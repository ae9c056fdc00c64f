"""Choose the version that answers: weighted, and sticky by a declared key.

Sticky choices use weighted rendezvous hashing: every version draws a number from the hash of (salt, version, key),
scaled by its weight, and the highest wins. So a key's choice depends on nothing but the key, and raising one version's
weight only ever moves callers to that version (Thaler and Ravishankar 1998, with the logarithmic weights of
Schindelhauer and Schomaker 2005). Rules hash as the split does: who is early on a version in one is early in all.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from llmgateway.config.snapshot import Key, Route, Sticky, StickyBy, Version
from llmgateway.domain.errors import GatewayError

HeaderOf = Callable[[bytes], bytes | None]

# Why a version was assigned, as the log has it; a rule's reason is RULE and its name.
SPLIT: Final = "split"
RULE: Final = "rule:"
PIN: Final = "pin"
HOME: Final = "home"

_SCALE = 2.0**-64


@dataclass(frozen=True, slots=True)
class Choice:
    """The version assigned, how likely it was, and what assigned it."""

    version: Version
    probability: float
    assigned_by: str = SPLIT


class Split:
    """Weighted versions, made ready once a snapshot."""

    __slots__ = ("_drawn", "choices")

    def __init__(self, salt: str, shares: Iterable[tuple[Version, float]], assigned_by: str = SPLIT) -> None:
        """`shares`: versions and weights, at least one above 0."""
        weighted = [(version, weight) for version, weight in shares if weight > 0]
        total = math.fsum(weight for _, weight in weighted)
        self.choices = tuple(Choice(version, weight / total, assigned_by) for version, weight in weighted)
        self._drawn = [
            (f"{salt}\0{choice.version.name}\0".encode(), weight, choice)
            for choice, (_, weight) in zip(self.choices, weighted, strict=True)
        ]

    def choose(self, sticky_key: str | None, draw: float) -> Choice:
        """Assign a version. `draw` in [0, 1) decides where nothing sticks; with a sticky key it is not looked at."""
        if len(self.choices) == 1:
            return self.choices[0]
        if sticky_key is None:
            return self._at(draw)
        key = sticky_key.encode("utf-8", "surrogatepass")
        return max(self._drawn, key=lambda each: _score(each[0] + key, each[1]))[2]

    def _at(self, point: float) -> Choice:
        for choice in self.choices:
            point -= choice.probability
            if point < 0:
                return choice
        return self.choices[-1]  # rounding at the far end


def split_of(route: Route) -> Split:
    """The route's own weights."""
    return Split(route.salt, ((version, version.weight) for version in route.versions))


def home(route: Route) -> Choice:
    """The version for operations that name things by id (files, batches): always the heaviest, never split."""
    return Choice(max(route.versions, key=lambda version: version.weight), 1.0, HOME)


def pinned(route: Route, key: Key, name: str) -> Choice:
    """The version that the caller names; GatewayError pin_not_allowed or version_not_found."""
    if not key.may_pin:
        raise GatewayError("pin_not_allowed")
    try:
        return Choice(route.version(name), 1.0, PIN)
    except KeyError:
        raise GatewayError("version_not_found") from None


def sticky_key(sticky: Sticky, user: str | None, session: str | None, key: str | None, header: HeaderOf) -> str | None:
    """What keeps this caller on one version, if anything does."""
    by = sticky.by
    if by is StickyBy.USER:
        return user
    if by is StickyBy.SESSION:
        return session
    if by is StickyBy.KEY:
        return key
    if by is StickyBy.HEADER:
        value = header(sticky.header)
        return value.decode("ascii", "replace") if value else None
    return None


def _score(text: bytes, weight: float) -> float:
    number = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    return -weight / math.log((number + 0.5) * _SCALE)
