"""Who may be taken out without harm: at most half of a version's backends, and never the last one a route can reach.

A version whose route can fall back to another version that is well may go out as a whole: going on to the fallback is
what the operator has asked for, and asking dead backends first would only use up the route's attempts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from llmgateway.config.snapshot import Snapshot
from llmgateway.routing.health import IN, Health

_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """One version that a backend serves: its backends, and those of the versions that its route falls back to."""

    mates: frozenset[str]
    spares: frozenset[str]


class Known(Protocol):
    """A backend as far as this asks of it: a worker's `Standing`, control's `Entry`."""

    @property
    def health(self) -> Health: ...

    def is_gone(self, now: float) -> bool: ...


class Peers:
    """The places of each backend in one snapshot."""

    __slots__ = ("_mates", "_places")

    def __init__(self, snapshot: Snapshot) -> None:
        found: dict[str, set[Place]] = {}
        for route in snapshot.routes.values():
            for version in route.versions:
                others = [other for other in route.fallback if other is not version]
                mates = frozenset(backend.name for backend in version.backends)
                spares = frozenset(backend.name for other in others for backend in other.backends) - mates
                for name in mates:
                    found.setdefault(name, set()).add(Place(mates, spares))
        self._places = found
        self._mates: Mapping[str, frozenset[str]] = {
            name: _NONE.union(*(place.mates for place in places)) - {name} for name, places in found.items()
        }

    def mates(self, name: str) -> frozenset[str]:
        """The other backends that do the same work as `name` somewhere."""
        return self._mates.get(name, _NONE)

    def may_go(self, name: str, known: Mapping[str, Known], now: float) -> bool:
        """Tell whether `name` may go, too, as the others are. One that is not known counts as gone."""

        def is_ejected(other: str) -> bool:
            return other in known and known[other].health.state is not IN

        def is_gone(other: str) -> bool:
            return other not in known or known[other].is_gone(now)

        return self.may_eject(name, is_ejected, is_gone)

    def may_eject(self, name: str, is_ejected: Callable[[str], bool], is_gone: Callable[[str], bool]) -> bool:
        """Tell whether `name` may go, too. Others are ejected on evidence, or gone by an operator's word."""
        return all(_may_go(name, place, is_ejected, is_gone) for place in self._places.get(name, ()))


def _may_go(name: str, place: Place, is_ejected: Callable[[str], bool], is_gone: Callable[[str], bool]) -> bool:
    def is_left(other: str) -> bool:
        return other != name and not is_ejected(other) and not is_gone(other)

    if any(is_left(spare) for spare in place.spares):
        return True
    if not any(is_left(mate) for mate in place.mates):
        return False
    return sum(mate == name or is_ejected(mate) for mate in place.mates) <= len(place.mates) // 2
