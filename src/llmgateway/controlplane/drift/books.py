"""All that drift watch knows, by version, as it is counted and saved: one state, and the place it is counted to."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway.config.drift import Drift, DriftFeature
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.drift.eras import MAX_VERSIONS, Eras, Place, names_of
from llmgateway.controlplane.drift.languages import Languages
from llmgateway.controlplane.drift.watched import Watched

log = logging.getLogger(__name__)
FORMAT: Final = 1


class Books:
    """`cursor`: the `seq` of the last row that is counted; None: counting begins with what comes.

    `alarms`: how often something was told, by route and name. `left_out`: versions beyond the bound, which nobody
    watches. `unreadable`: exchanges that could not be counted. `languages`: answers whose language is not counted yet.
    """

    def __init__(self) -> None:
        self.cursor: int | None = None
        self.alarms: dict[tuple[str, str], int] = {}
        self.unreadable = 0
        self.left_out = 0
        self.languages = Languages()
        self._eras = Eras()
        self._watched: dict[Place, Watched] = {}
        self._current: dict[tuple[str, str], tuple[Place, Watched]] = {}

    def configure(self, snapshot: Snapshot) -> list[tuple[Place, Watched]]:
        """Take a configuration's versions and settings; returns what is watched no more: all of it, if it is off."""
        settings = snapshot.drift
        if not settings.is_on:
            self.cursor, self._eras = None, Eras()
        if DriftFeature.LANGUAGE not in settings.features:
            self.languages.forget()
        self._eras.begin(snapshot.generation, names_of(snapshot) if settings.is_on else {})
        gone = [(place, self._watched.pop(place)) for place in self._watched.keys() - self._eras.places()]
        for place in self._eras.places():
            self._watched.setdefault(place, Watched(settings)).configure(settings)
        self._index()
        routes = snapshot.routes
        self.left_out = max(0, sum(len(route.versions) for route in routes.values()) - MAX_VERSIONS)
        self.alarms = {key: count for key, count in self.alarms.items() if key[0] in routes}
        return gone

    def begin_anew(self, place: Place, settings: Drift) -> Watched:
        """Forget what is known of a version; returns it."""
        before, self._watched[place] = self._watched[place], Watched(settings)
        self._index()
        return before

    def told(self, route: str, name: str) -> None:
        """An alarm or a warning was raised."""
        self.alarms[route, name] = self.alarms.get((route, name), 0) + 1

    def said(self, place: Place, language: int) -> None:
        """Count the language of an answer; it may have come for a version that nobody watches any more."""
        watched = self._watched.get(place)
        if watched is not None:
            watched.said(language)

    def find(self, row: Mapping[str, Any]) -> tuple[Place, Watched] | None:
        """Who the exchange is counted for."""
        route, version, generation = row.get("route"), row.get("assigned_version"), row.get("generation") or 0
        if generation >= self._eras.since:
            return self._current.get((route, version))  # type: ignore[arg-type]  # None is in no configuration
        place = self._eras.find(generation, str(route), str(version))
        return None if place is None else (place, self._watched[place])

    def current(self) -> Iterator[tuple[Place, Watched]]:
        """The versions in the configuration, in its order."""
        yield from self._current.values()

    def every(self) -> Iterator[tuple[Place, Watched]]:
        """Those of older ones, too."""
        yield from self._watched.items()

    def _index(self) -> None:
        self._current = {(each.route, each.version): (each, self._watched[each]) for each in self._eras.current()}

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "format": FORMAT,
            "cursor": self.cursor,
            "eras": self._eras.state(),
            "watched": [[*place, watched.state()] for place, watched in self._watched.items()],
            "alarms": [[*key, count] for key, count in self.alarms.items()],
            "unreadable": self.unreadable,
            "languages": self.languages.state(),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any] | None, settings: Drift) -> "Books":
        """What `state()` described; nothing where there is none, or none that can be read."""
        if state is None:
            return cls()
        try:
            return cls._read(state, settings)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            log.warning("what was known of drift can't be read and begins anew: %s", type(error).__name__)
            return cls()

    @classmethod
    def _read(cls, state: Mapping[str, Any], settings: Drift) -> "Books":
        if state["format"] != FORMAT:
            raise ValueError("format")
        books = cls()
        books.cursor = None if state["cursor"] is None else int(state["cursor"])
        books._eras = Eras.restored(state["eras"])
        books._watched = {Place(*place): Watched.restored(each, settings) for *place, each in state["watched"]}
        for place in books._eras.places():
            books._watched.setdefault(place, Watched(settings))
        books.alarms = {(route, name): int(count) for route, name, count in state["alarms"]}
        books.unreadable = int(state["unreadable"])
        books.languages = Languages.restored(state.get("languages", ()))
        books._index()
        return books
