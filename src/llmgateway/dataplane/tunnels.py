"""The tunnels of one worker: how many there may be, and how all of them are told to end. Nothing of any single one."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from llmgateway.config.snapshot import Snapshot
from llmgateway.domain.errors import GatewayError
from llmgateway.wire.handshake import Offer
from llmgateway.wire.query import ModelQuery


class Parting(Hashable, Protocol):
    """An open tunnel."""

    def go_away(self) -> None:
        """Close in good order, soon: the worker ends."""
        ...

    def reguard(self, after: Snapshot) -> None:
        """End, if what is in force now guards the route more strictly than what this began with."""
        ...


class Tunnels:
    """Places for tunnels, open or about to be, and the open ones."""

    __slots__ = ("open", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self.open: set[Parting] = set()

    def take(self, limit: int) -> "Place":
        """Take one of `limit` places; GatewayError overloaded if none is left."""
        if self.taken >= limit:
            raise GatewayError("overloaded", "There are too many open tunnels.", retry_after_s=1.0)
        self.taken += 1
        return Place(self)

    def go_away(self) -> None:
        for tunnel in list(self.open):
            tunnel.go_away()

    def reguard(self, after: Snapshot) -> None:
        """Tell all of them what is in force now."""
        for tunnel in list(self.open):
            tunnel.reguard(after)


class Place:
    """One tunnel's place; given back once, however often it is released."""

    __slots__ = ("_tunnels",)

    def __init__(self, tunnels: Tunnels) -> None:
        self._tunnels: Tunnels | None = tunnels

    def release(self) -> None:
        if self._tunnels is not None:
            self._tunnels.taken -= 1
            self._tunnels = None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A caller's request for a tunnel, found sound."""

    offer: Offer
    query: ModelQuery
    place: Place


def is_stricter(before: Snapshot, after: Snapshot, route: str | None) -> bool:
    """Whether sessions of a route are guarded by something now that changes what passes, and was not there before."""
    new = after.routes.get(route or "")
    if before is after or new is None:
        return False
    old = before.routes.get(route or "")
    known = old.guardrails if old is not None else ()
    hears_less = before.guarding.passes_sound and not after.guarding.passes_sound
    strict = [each for each in new.guardrails if each.is_strict]
    return any(each not in known for each in strict) or (hears_less and bool(strict))
