"""Every counter and histogram that can be derived from the journal, as plain arithmetic over exchange rows.

The ingester calls `observe` with the rows it inserts and saves `state()` in the same transaction; so a figure moves
exactly when its row is stored, and neither falls nor doubles when a process is killed. If the transaction fails, the
ingester calls `restore` with the state it saved last; `commit` makes visible what it saved. No metrics library, no I/O,
no clock in here.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from llmgateway.controlplane.labels import ATTEMPT_RESULTS, KINDS, NONE, OTHER, OUTCOMES, Labels, Outcome, outcome
from llmgateway.controlplane.shadows import ShadowFigures
from llmgateway.controlplane.verdicts import VerdictFigures
from llmgateway.domain.exchange import End
from llmgateway.telemetry.histogram import DURATION, FIRST_TOKEN, OVERHEAD, PER_TOKEN, Bounds, empty, observe

log = logging.getLogger(__name__)

FORMAT: Final = 1
TOKEN_KINDS: Final = ("input", "output", "cache_read", "cache_write", "reasoning")
MAX_RETIRED: Final = 10  # versions out of the configuration whose series go on, so that the last rows still count
_TOKEN_FIELDS: Final = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
_FIELDS: Final = (
    "route", "assigned_version", "served_version", "stream", "end", "status", "error_code", "duration_s", "overhead_s",
    "attempts", "shadow_of",
)  # fmt: skip
_fields_of: Final = itemgetter(*_FIELDS)
_SPENT: Final = ("cost_usd", *_TOKEN_FIELDS)
_spent_of: Final = itemgetter(*_SPENT)
_BOUNDS: Final[dict[str, Bounds]] = {"duration": DURATION, "first_token": FIRST_TOKEN, "per_token": PER_TOKEN}
_INDEX: Final[dict[str, int]] = {name: 2 * at for at, name in enumerate(OUTCOMES)}
_REQUESTS: Final = tuple(f"{name} {is_stream}" for name in OUTCOMES for is_stream in (0, 1))
_OK: Final = _INDEX[Outcome.OK]
_COMPLETED: Final = End.COMPLETED.value

Exemplar = tuple[str, float, float]  # exchange id, seconds, Unix time
CellKey = tuple[str, str]


class Cell:
    """The figures of one version of one route. `requests` is indexed by 2 x outcome + is-stream.

    Copies and states are made anew only after `changing`: most of a configuration's cells have no traffic just now.
    """

    __slots__ = (
        "_copy", "_state", "cost", "duration", "exemplars", "first_token", "per_token", "requests", "tokens",
        "unpriced",
    )  # fmt: skip

    def __init__(self) -> None:
        self.requests = [0] * (2 * len(OUTCOMES))
        self.duration = empty(DURATION)
        self.first_token = empty(FIRST_TOKEN)
        self.per_token = empty(PER_TOKEN)
        self.tokens = [0] * len(TOKEN_KINDS)
        self.cost = 0.0
        self.unpriced = 0
        self.exemplars: list[Exemplar | None] = [None] * (len(DURATION) + 1)
        self.changing()

    def changing(self) -> None:
        """Say that the figures will not be what they were when they were told last."""
        self._copy: Cell | None = None
        self._state: dict[str, Any] | None = None

    def count(self, ended: Outcome, *, is_stream: bool) -> int:
        return self.requests[_INDEX[ended] + is_stream]

    def copy(self) -> "Cell":
        """Copy the figures as they are now; the copy is for reading."""
        if self._copy is None:
            twin = self._copy = Cell()
            twin.requests, twin.tokens = self.requests[:], self.tokens[:]
            twin.duration, twin.first_token, twin.per_token = self.duration[:], self.first_token[:], self.per_token[:]
            twin.cost, twin.unpriced, twin.exemplars = self.cost, self.unpriced, self.exemplars[:]
        return self._copy

    def state(self) -> dict[str, Any]:
        if self._state is None:
            self._state = {
                "requests": {name: count for name, count in zip(_REQUESTS, self.requests, strict=True) if count},
                "duration": self.duration[:],
                "first_token": self.first_token[:],
                "per_token": self.per_token[:],
                "tokens": self.tokens[:],
                "cost": self.cost,
                "unpriced": self.unpriced,
            }
        return self._state

    @classmethod
    def restored(cls, state: Mapping[str, Any], usable: Mapping[str, bool]) -> "Cell":
        cell = cls()
        cell.requests = [int(state["requests"].get(name, 0)) for name in _REQUESTS]
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
    shadows: ShadowFigures = field(default_factory=ShadowFigures)
    verdicts: VerdictFigures = field(default_factory=VerdictFigures)


class Ledger:
    """Bounded by the configuration's names: at most routes x versions, plus `none`, `other` and a few retired ones."""

    def __init__(self, labels: Labels | None = None) -> None:
        self._labels = labels or Labels()
        self.is_restored = False  # until then nobody knows what was counted before, and zeros would be wrong
        self._cells: dict[CellKey, Cell]
        self._overhead: dict[str, list[float]]
        self._upstreams: dict[str, Upstream]
        self._shadows: ShadowFigures
        self._verdicts: VerdictFigures
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
        self._shadows.configure(labels)
        self._verdicts.configure(labels)
        seen = self._seen  # new names appear at once; figures only with the next commit
        seen_shadows, seen_verdicts = seen.shadows.copy(), seen.verdicts.copy()
        seen_shadows.configure(labels)
        seen_verdicts.configure(labels)
        self._seen = View(
            {key: seen.cells.get(key) or Cell() for key in self._cells},
            {route: seen.overhead.get(route) or empty(OVERHEAD) for route in self._overhead},
            {name: seen.upstreams.get(name) or Upstream() for name in self._upstreams},
            labels.overflow,
            seen.unreadable,
            seen_shadows,
            seen_verdicts,
        )

    def observe(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count rows that are being inserted. A row that can't be read is counted as such and never stops the rest."""
        for row in rows:
            try:
                self._observe(row)
            except (TypeError, ValueError, KeyError, AttributeError):
                self.unreadable += 1

    def _observe(self, row: Mapping[str, Any]) -> None:
        try:
            fields = _fields_of(row)
        except KeyError:  # an interrupted exchange, or a record from another version of this program
            fields = tuple(map(row.get, _FIELDS))
        route, assigned, served, stream, end, status, code, duration, overhead, attempts, shadow_of = fields
        for attempt in attempts or ():
            self._attempt(attempt)
        if shadow_of is not None:  # nobody waited for it
            self._shadows.copied(row, self._labels)
            return
        if "shadow_left_out" in row:
            self._shadows.omitted(row["shadow_left_out"], row, self._labels)
        if "verdicts" in row:
            self._judged(row)
        key = (route, assigned or served)
        cell = self._cells.get(key)
        if cell is None:
            key = self._labels.cell(row)
            cell = self._cells.setdefault(key, Cell())
        cell.changing()
        status = status or 0
        at = _OK if status < 400 and end == _COMPLETED else _INDEX[outcome(end, status, code)]
        cell.requests[at + 1 if stream else at] += 1
        if duration is not None:
            _time(cell, row, duration, is_stream=stream)
        _spend(cell, row)
        if attempts and overhead is not None:
            observe(self._overhead_of(key[0]), OVERHEAD, overhead)

    def _judged(self, row: Mapping[str, Any]) -> None:
        self._verdicts.given(row["verdicts"], self._labels)
        if row.get("verdicts_left_out"):
            self.unreadable += 1

    def _overhead_of(self, route: str) -> list[float]:
        found = self._overhead.get(route)
        if found is None:
            found = self._overhead[route] = empty(OVERHEAD)
        return found

    def _attempt(self, attempt: Mapping[str, Any]) -> None:
        upstream = self._upstreams.get(attempt["backend"]) or self._upstreams[OTHER]
        made, total_s = (attempt["result"], attempt["kind"]), attempt.get("total_s")
        count = upstream.attempts.get(made)
        if count is None:
            made = (made[0] if made[0] in ATTEMPT_RESULTS else OTHER, made[1] if made[1] in KINDS else OTHER)
            count = upstream.attempts.get(made, 0)
        upstream.attempts[made] = count + 1
        if total_s is not None:
            observe(upstream.duration, DURATION, total_s)

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
            self._shadows.copy(),
            self._verdicts.copy(),
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
            "shadows": self._shadows.state(),
            "verdicts": self._verdicts.state(),
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
        self._shadows = ShadowFigures()
        self._verdicts = VerdictFigures()
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
        self._shadows = ShadowFigures.restored(state.get("shadows"))
        self._verdicts = VerdictFigures.restored(state.get("verdicts"))
        self.unreadable = int(state["unreadable"])
        self.configure(self._labels)


def _is_catch_all(key: CellKey) -> bool:
    return key[1] in (NONE, OTHER)


def _time(cell: Cell, row: Mapping[str, Any], duration: float, *, is_stream: bool) -> None:
    at = observe(cell.duration, DURATION, duration)
    cell.exemplars[at] = (row["id"], duration, row["at"] + duration)
    if not is_stream:
        return
    first_token = row.get("first_token_s")
    if first_token is None:
        return
    observe(cell.first_token, FIRST_TOKEN, first_token)
    tokens = row.get("output_tokens")
    if tokens is not None and tokens > 1:
        observe(cell.per_token, PER_TOKEN, max(0.0, duration - first_token) / (tokens - 1))


def _spend(cell: Cell, row: Mapping[str, Any]) -> None:
    try:
        spent = _spent_of(row)
    except KeyError:
        spent = tuple(map(row.get, _SPENT))
    cost, prompt, output, cached, written, reasoning = spent
    tokens = cell.tokens
    if prompt:
        tokens[0] += prompt
    if output:
        tokens[1] += output
    if cached:
        tokens[2] += cached
    if written:
        tokens[3] += written
    if reasoning:
        tokens[4] += reasoning
    if cost is not None:
        cell.cost += cost
    elif prompt or output or cached or written or reasoning:
        cell.unpriced += 1
