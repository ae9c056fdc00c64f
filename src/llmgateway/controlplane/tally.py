"""Counters that only the workers know, added up over every incarnation so that they never fall.

A worker counts from zero; what a dead incarnation reported last goes into a base. The sums are saved before they are
shown (`save` in the render path), so a figure somebody has seen survives the control process too.
"""

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from llmgateway.controlplane.labels import OTHER, RESULTS
from llmgateway.guarding.trust import Said
from llmgateway.routing.places import Shed
from llmgateway.telemetry.histogram import LAG, WAIT, Bounds
from llmgateway.telemetry.wholefile import write_whole
from llmgateway.wire.jsoncodec import decode, encode

log = logging.getLogger(__name__)

FORMAT: Final = "tally-1"
MAX_SLOTS: Final = 256
JOURNAL: Final = frozenset({"records", "bytes", "writes", "write_s", "refused", "faults", "unlogged"})
OVERLOAD: Final = frozenset({"shed", "body", "cut", "trim"})
FAMILIES: Final[Mapping[str, frozenset[str]]] = {
    "refused": RESULTS - {"ok"},
    "journal": JOURNAL,
    "sheds": frozenset(Shed),
    "overload": OVERLOAD,
    "guardrail_answers": frozenset(Said),
}
HISTOGRAMS: Final[Mapping[str, Bounds]] = {"loop_lag": LAG, "queue_wait": WAIT, "guardrail_answer": WAIT}
_REMEMBERED: Final = 8  # incarnations of a slot whose late frames are recognised

Counts = dict[tuple[str, str], float]


@dataclass(slots=True)
class Figures:
    """Counters by (family, label) and histograms by name. Adding two gives a third of the same shape."""

    counters: Counts = field(default_factory=dict)
    histograms: dict[str, list[float]] = field(default_factory=dict)

    def add(self, other: "Figures") -> None:
        for key, count in other.counters.items():
            self.counters[key] = self.counters.get(key, 0) + count
        for name, counts in other.histograms.items():
            mine = self.histograms.get(name)
            self.histograms[name] = counts[:] if mine is None else [a + b for a, b in zip(mine, counts, strict=True)]

    def state(self) -> dict[str, Any]:
        return {"counters": [[*key, count] for key, count in self.counters.items()], "histograms": self.histograms}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "Figures":
        counters = {(family, label): float(count) for family, label, count in state["counters"]}
        return cls(counters, _histograms(state["histograms"]))


@dataclass(slots=True)
class _Slot:
    incarnation: str
    last: Figures
    starts: int = 1
    past: deque[str] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Tally:
    """Sums over workers, bounded by slots x closed label sets."""

    def __init__(self) -> None:
        self._base = Figures()
        self._slots: dict[int, _Slot] = {}
        self._is_changed = False

    def update(self, slot: int, incarnation: str, status: Mapping[str, Any]) -> None:
        """Take a worker's latest cumulative figures. A late frame of a dead incarnation changes nothing."""
        figures = read_figures(status)
        held = self._slots.get(slot)
        if held is None:
            if len(self._slots) < MAX_SLOTS:
                self._slots[slot] = _Slot(incarnation, figures)
                self._is_changed = True
            return
        if incarnation in held.past:
            return
        if incarnation != held.incarnation:
            self._base.add(held.last)
            held.past.append(held.incarnation)
            held.incarnation = incarnation
            held.starts += 1
            self._is_changed = True
        self._is_changed = self._is_changed or figures != held.last
        held.last = figures

    def totals(self) -> Figures:
        """Base and living incarnations together."""
        sums = Figures()
        sums.add(self._base)
        for held in self._slots.values():
            sums.add(held.last)
        return sums

    def starts(self) -> dict[int, int]:
        """How many incarnations each slot has had."""
        return {slot: held.starts for slot, held in sorted(self._slots.items())}

    def save(self, path: Path) -> None:
        """Write the sums beside the socket, whole or not at all, if they changed; raises OSError."""
        if not self._is_changed:
            return
        slots = [[slot, held.incarnation, held.starts, held.last.state()] for slot, held in self._slots.items()]
        write_whole(path, encode({FORMAT: {"base": self._base.state(), "slots": slots}}))
        self._is_changed = False

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote. No file, or one that can't be read: from zero."""
        try:
            state = decode(path.read_bytes())[FORMAT]
            base = Figures.restored(state["base"])
            slots = {
                int(n): _Slot(str(name), Figures.restored(last), int(starts))
                for n, name, starts, last in state["slots"]
            }
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("the workers' saved counters can't be read and start at zero: %s", type(error).__name__)
            return
        self._base, self._slots = base, slots


def read_figures(status: Mapping[str, Any]) -> Figures:
    """Take the counters out of a status, label by label: a value outside its closed set is `other`."""
    figures = Figures(histograms=_histograms(status.get("histograms")))
    given = status.get("counters")
    for family, labels in FAMILIES.items():
        counts = given.get(family) if isinstance(given, dict) else None
        for label, count in counts.items() if isinstance(counts, dict) else ():
            key = (family, label if label in labels else OTHER)
            figures.counters[key] = figures.counters.get(key, 0) + number(count)
    return figures


def number(value: object) -> float:
    """A count or gauge as it came over the wire; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return 0
    return value


def _histograms(given: object) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name, bounds in HISTOGRAMS.items():
        counts = given.get(name) if isinstance(given, dict) else None
        if isinstance(counts, list) and len(counts) == len(bounds) + 2:
            found[name] = [number(count) for count in counts]
    return found
