"""Which version a name meant when an exchange was assigned: names are moved to other contents, and rows come later."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

from llmgateway.config.snapshot import Snapshot

MAX_ERAS: Final = 4  # configurations that differ in their versions, the newest
MAX_VERSIONS: Final = 200  # of a configuration, in its order


class Place(NamedTuple):
    """One version of one route. `id`: of its content."""

    route: str
    version: str
    id: str


Names = Mapping[tuple[str, str], Place]


def names_of(snapshot: Snapshot) -> dict[tuple[str, str], Place]:
    """The versions of a configuration by route and name, up to the bound."""
    found: dict[tuple[str, str], Place] = {}
    for route in snapshot.routes.values():
        for version in route.versions:
            if len(found) < MAX_VERSIONS:
                found[route.name, version.name] = Place(route.name, version.name, version.id)
    return found


class Eras:
    """The newest configurations that had other versions than the one before. `entries`: first generation, names."""

    def __init__(self, entries: Sequence[tuple[int, Names]] = ()) -> None:
        self._entries = list(entries)

    def begin(self, generation: int, names: Names) -> None:
        """A configuration is in force."""
        if self._entries and self._entries[-1][1] == names:
            return
        if self._entries and self._entries[-1][0] >= generation:
            self._entries.clear()  # numbers began anew: what came before can't be told apart
        self._entries = [*self._entries[1 - MAX_ERAS :], (generation, names)]

    @property
    def since(self) -> int:
        """The generation that the newest names came with."""
        return self._entries[-1][0] if self._entries else 0

    def find(self, generation: int, route: str, version: str) -> Place | None:
        """The version that was meant in that generation."""
        fitting: Names = {}
        for first, names in self._entries:
            if first <= generation or not fitting:
                fitting = names
        return fitting.get((route, version))

    def places(self) -> set[Place]:
        """Every version of these configurations."""
        return {place for _, names in self._entries for place in names.values()}

    def current(self) -> Iterator[Place]:
        """The versions of the newest."""
        yield from self._entries[-1][1].values() if self._entries else ()

    def state(self) -> list[Any]:
        """As JSON."""
        return [[first, [list(place) for place in names.values()]] for first, names in self._entries]

    @classmethod
    def restored(cls, state: Sequence[Any]) -> Self:
        """What `state()` described; raises what malformed JSON makes it raise."""
        return cls(
            [
                (int(first), {(route, version): Place(route, version, name) for route, version, name in places})
                for first, places in state
            ]
        )
