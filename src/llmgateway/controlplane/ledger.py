"""Every counter and histogram that can be derived from the journal, as plain arithmetic over exchange rows.

The ingester calls `observe` with the rows it inserts and saves `state()` in the same transaction; so a figure moves
exactly when its row is stored, and neither falls nor doubles when a process is killed. If the transaction fails, the
ingester calls `restore` with the state it saved last; `commit` makes visible what it saved. No metrics library, no I/O,
no clock in here.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.controlplane.labels import KINDS, NONE, OTHER, OUTCOMES, RESULTS, Labels, Outcome, outcome
from llmgateway.telemetry.histogram import DURATION, FIRST_TOKEN, OVERHEAD, PER_TOKEN, Bounds, empty, observe

log = logging.getLogger(__name__)

FORMAT: Final = 1
TOKEN_KINDS: Final = ("input", "output", "cache_read", "cache_write", "reasoning")
MAX_RETIRED: Final = 10  # versions out of the configuration whose series go on, so that the last rows still count
_TOKEN_FIELDS: Final = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
_BOUNDS: Final[dict[str, Bounds]] = {"duration": DURATION, "first_token": FIRST_TOKEN, "per_token": PER_TOKEN}
_INDEX: Final[dict[str, int]] = {name: 2 * at for at, name in enumerate(OUTCOMES)}

Exemplar = tuple[str, float, float]  # exchange id, seconds, Unix time
CellKey = tuple[str, str]


class Cell:
    """The figures of one version of one route. `requests` is indexed by 2 x outcome + is-stream."""

    __slots__ = ("cost", "duration", "exemplars", "first_token", "per_token", "requests", "tokens", "unpriced")

    def __init__(self) -> None:
        self.requests = [0] * (2 * len(OUTCOMES))
        self.duration = empty(DURATION)
        self.first_token = empty(FIRST_TOKEN)
        self.per_token = empty(PER_TOKEN)
        self.tokens = [0] * len(TOKEN_KINDS)
        self.cost = 0.0
        self.unpriced = 0
        self.exemplars: list[Exemplar | None] = [None] * (len(DURATION) + 1)

    def count(self, ended: Outcome, *, is_stream: bool) -> int:
        return self.requests[_INDEX[ended] + is_stream]

    def copy(self) -> "Cell":
        twin = Cell()
        twin.requests, twin.tokens = self.requests[:], self.tokens[:]
        twin.duration, twin.first_token, twin.per_token = self.duration[:], self.first_token[:], self.per_token[:]
        twin.cost, twin.unpriced, twin.exemplars = self.cost, self.unpriced, self.exemplars[:]
        return twin

    def state(self) -> dict[str, Any]:
        counts = {f"{name} {at}": self.requests[_INDEX[name] + at] for name in OUTCOMES for at in (0, 1)}
        return {
            "requests": {name: count for name, count in counts.items() if count},
            "duration": self.duration[:],
            "first_token": self.first_token[:],
            "per_token": self.per_token[:],
            "tokens": self.tokens[:],
            "cost": self.cost,
            "unpriced": self.unpriced,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], usable: Mapping[str, bool]) -> "Cell":
        cell = cls()
        for name, at in _INDEX.items():
            for is_stream in (0, 1):
                cell.requests[at + is_stream] = int(state["requests"].get(f"{name} {is_stream}", 0))
        for name in _BOUNDS:
            if usable[name]:
                setattr(cell, name, list(state[name]))
        cell.tokens = [int(count) for count in state["tokens"]]
        cell.cost, cell.unpriced = float(state["cost"]), int(state["unpriced"])
        return cell


class Upstream:
    """The figures of one backend. `attempts` is keyed by result and kind, both from closed sets."""

    __slots__ = ("attempts", "duration")

    def __init__(self) -> None:
        self.attempts: dict[tuple[str, str], int] = {("ok", "first"): 0}
        self.duration = empty(DURATION)

    def copy(self) -> "Upstream":
        twin = Upstream()
        twin.attempts, twin.duration = dict(self.attempts), self.duration[:]
        return twin


@dataclass(frozen=True, slots=True)
class View:
    """What was committed, as a copy that nobody changes: any thread may read it."""

    cells: dict[CellKey, Cell]
    overhead: dict[str, list[float]]
    upstreams: dict[str, Upstream]
    overflow: int
    unreadable: int


class Ledger:
    """Bounded by the configuration's names: at most routes x versions, plus `none`, `other` and a few retired ones."""

    def __init__(self, labels: Labels | None = None) -> None:
        self._labels = labels or Labels()
        self.is_restored = False  # until then nobody knows what was counted before, and zeros would be wrong
        self._cells: dict[CellKey, Cell]
        self._overhead: dict[str, list[float]]
        self._upstreams: dict[str, Upstream]
        self.unreadable: int  # rows with a field of the wrong type
        self._seen = View({}, {}, {}, 0, 0)
        self._reset()

    def configure(self, labels: Labels) -> None:
        """Make room for a configuration's names, at zero, and let go of those retired longest."""
        self._labels = labels
        wanted = {(route, version) for route, versions in labels.routes.items() for version in versions}
        retired = [key for key in self._cells if key not in wanted and not _is_catch_all(key)]
        kept = [*retired[-MAX_RETIRED:], *sorted(wanted)]  # this order tells the next call who was retired first
        routes = {route for route, _ in kept} | {OTHER}
        kept += [key for key in self._cells if _is_catch_all(key) and key[0] in routes]
        self._cells = {key: self._cells.get(key) or Cell() for key in kept}
        self._overhead = {route: self._overhead.get(route) or empty(OVERHEAD) for route in sorted(routes)}
        self._upstreams = {name: self._upstreams.get(name) or Upstream() for name in (*labels.backends, OTHER)}
        seen = self._seen  # new names appear at once; figures only with the next commit
        self._seen = View(
            {key: seen.cells.get(key) or Cell() for key in self._cells},
            {route: seen.overhead.get(route) or empty(OVERHEAD) for route in self._overhead},
            {name: seen.upstreams.get(name) or Upstream() for name in self._upstreams},
            labels.overflow,
            seen.unreadable,
        )

    def observe(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count rows that are being inserted. A row that can't be read is counted as such and never stops the rest."""
        for row in rows:
            try:
                self._observe(row)
            except (TypeError, ValueError, KeyError, AttributeError):
                self.unreadable += 1

    def _observe(self, row: Mapping[str, Any]) -> None:
        key = (row.get("route"), row.get("assigned_version") or row.get("served_version"))
        cell = self._cells.get(key)  # type: ignore[arg-type]  # a key with None in it finds nothing, as it should
        if cell is None:
            key = self._labels.cell(row)
            cell = self._cells.setdefault(key, Cell())
        is_stream = bool(row.get("stream"))
        ended = outcome(row.get("end"), row.get("status") or 0, row.get("error_code"))
        cell.requests[_INDEX[ended] + is_stream] += 1
        duration = row.get("duration_s")
        if duration is not None:
            _time(cell, row, duration, is_stream=is_stream)
        _spend(cell, row)
        overhead = row.get("overhead_s")
        if overhead is not None and row.get("attempts"):
            hist = self._overhead.setdefault(key[0] or OTHER, empty(OVERHEAD))
            observe(hist, OVERHEAD, overhead)
        for attempt in row.get("attempts") or ():
            self._attempt(attempt)

    def _attempt(self, attempt: Mapping[str, Any]) -> None:
        upstream = self._upstreams.get(attempt["backend"]) or self._upstreams[OTHER]
        result = attempt["result"] if attempt["result"] in RESULTS else OTHER
        kind = attempt["kind"] if attempt["kind"] in KINDS else OTHER
        upstream.attempts[result, kind] = upstream.attempts.get((result, kind), 0) + 1
        if attempt.get("total_s") is not None:
            observe(upstream.duration, DURATION, attempt["total_s"])

    def view(self) -> View:
        """What has been committed. Figures of a transaction under way are left out: if it failed, they would fall."""
        return self._seen

    def commit(self) -> None:
        """Show what `observe` has counted: its transaction is through."""
        self._seen = View(
            {key: cell.copy() for key, cell in self._cells.items()},
            {route: counts[:] for route, counts in self._overhead.items()},
            {name: upstream.copy() for name, upstream in self._upstreams.items()},
            self._labels.overflow,
            self.unreadable,
        )

    def state(self) -> dict[str, Any]:
        """Everything that must survive, JSON-able, sharing nothing with the ledger."""
        return {
            "format": FORMAT,
            "bounds": {name: list(bounds) for name, bounds in (*_BOUNDS.items(), ("overhead", OVERHEAD))},
            "cells": [[route, version, cell.state()] for (route, version), cell in self._cells.items()],
            "overhead": {route: counts[:] for route, counts in self._overhead.items()},
            "upstreams": {
                name: {"attempts": [[*key, n] for key, n in up.attempts.items()], "duration": up.duration[:]}
                for name, up in self._upstreams.items()
            },
            "unreadable": self.unreadable,
        }

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Become what `state()` described; None starts at zero. A state that can't be read does too, with a warning:
        losing figures is better than losing the ingester.
        """
        self._reset()
        try:
            if state is not None:
                self._load(state)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            log.warning("the saved counters can't be read and start at zero: %s", type(error).__name__)
            self._reset()
        self.is_restored = True
        self.commit()

    def _reset(self) -> None:
        self._cells, self._overhead, self._upstreams = {}, {}, {}
        self.unreadable = 0
        self.configure(self._labels)

    def _load(self, state: Mapping[str, Any]) -> None:
        if state["format"] != FORMAT:
            raise ValueError("format")
        bounds = state["bounds"]
        usable = {name: bounds.get(name) == list(ours) for name, ours in _BOUNDS.items()}
        saved = {(route, version): Cell.restored(cell, usable) for route, version, cell in state["cells"]}
        self._cells = saved  # in the saved order: configure lets go of the oldest
        if bounds.get("overhead") == list(OVERHEAD):
            self._overhead = {route: list(counts) for route, counts in state["overhead"].items()}
        for name, figures in state["upstreams"].items():
            upstream = self._upstreams.setdefault(name, Upstream())
            upstream.attempts.update({(result, kind): int(n) for result, kind, n in figures["attempts"]})
            if usable["duration"]:
                upstream.duration = list(figures["duration"])
        self.unreadable = int(state["unreadable"])
        self.configure(self._labels)


def _is_catch_all(key: CellKey) -> bool:
    return key[1] in (NONE, OTHER)


def _time(cell: Cell, row: Mapping[str, Any], duration: float, *, is_stream: bool) -> None:
    at = observe(cell.duration, DURATION, duration)
    cell.exemplars[at] = (row["id"], duration, row["at"] + duration)
    first_token = row.get("first_token_s")
    if first_token is None or not is_stream:
        return
    observe(cell.first_token, FIRST_TOKEN, first_token)
    tokens = row.get("output_tokens")
    if tokens is not None and tokens > 1:
        observe(cell.per_token, PER_TOKEN, max(0.0, duration - first_token) / (tokens - 1))


def _spend(cell: Cell, row: Mapping[str, Any]) -> None:
    is_used = False
    for at, name in enumerate(_TOKEN_FIELDS):
        count = row.get(name)
        if count:
            cell.tokens[at] += count
            is_used = True
    cost = row.get("cost_usd")
    if cost is not None:
        cell.cost += cost
    elif is_used:
        cell.unpriced += 1
