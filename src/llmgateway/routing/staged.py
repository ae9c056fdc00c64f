"""The weights of a staged rollout over a route's own: the candidate's share, and the rest as it was among themselves.

Sticky choices hash as the route's own do, so a larger share only ever moves callers to the candidate, and a smaller
one back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

from llmgateway.config.snapshot import Route, Version
from llmgateway.routing.select import Split

UNIT_BYTES = 12


@dataclass(frozen=True, slots=True)
class StagedWeight:
    """One rollout as workers are told of it. `key` makes hashes of units that nobody else can make.

    `version`: the candidate's id, where it is known: another content under its name gets nothing by this rollout.
    """

    rollout: str
    epoch: int
    candidate: str
    weight: float
    key: bytes
    version: str = ""

    @classmethod
    def read(cls, told: object) -> "Self | None":
        """What control has told; None where that makes no sense."""
        if not isinstance(told, Mapping):
            return None
        rollout, epoch, candidate = told.get("rollout"), told.get("epoch"), told.get("candidate")
        weight, key = told.get("weight"), told.get("key")
        if not (isinstance(rollout, str) and isinstance(candidate, str) and isinstance(key, str)):
            return None
        if type(epoch) is not int or isinstance(weight, bool) or not isinstance(weight, int | float):
            return None
        try:
            version = str(told.get("version") or "")
            return cls(rollout, epoch, candidate, min(1.0, max(0.0, weight)), bytes.fromhex(key)[:64], version)
        except ValueError:
            return None

    def told(self) -> dict[str, Any]:
        """As it goes to the workers."""
        return {
            "rollout": self.rollout,
            "epoch": self.epoch,
            "candidate": self.candidate,
            "weight": self.weight,
            "key": self.key.hex(),
            "version": self.version,
        }

    def unit(self, sticky_key: str) -> str:
        """The hash that stands for whoever has this sticky key."""
        return blake2b(sticky_key.encode("utf-8", "surrogatepass"), digest_size=UNIT_BYTES, key=self.key).hexdigest()


def staged_split(route: Route, staged: StagedWeight) -> Split | None:
    """The route's split with the candidate's share; None where the route has no such version, another under its
    name, or no other to share.
    """
    others = [version for version in route.versions if version.name != staged.candidate and version.weight > 0]
    if len(others) == len(route.versions):
        return None
    candidates = [
        version for version in route.versions if version.name == staged.candidate and staged.version in {"", version.id}
    ]
    whole = sum(version.weight for version in others)
    if not candidates or not whole:
        return None
    shares: list[tuple[Version, float]] = [(candidates[0], staged.weight)]
    shares += [(version, (1 - staged.weight) * version.weight / whole) for version in others]
    return Split(route.salt, shares)
