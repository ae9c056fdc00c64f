"""The last minute, by route and version: what `top` shows and what readiness of a human eye needs.

Rings of small histograms over committed rows. Lost when the process ends, on purpose: it is a view, not a record.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from llmgateway.controlplane.labels import Labels, outcome
from llmgateway.domain.clock import Clock
from llmgateway.domain.exchange import End

SLOT_S: Final = 5
SLOTS: Final = 12
WINDOW_S: Final = SLOT_S * SLOTS
_STEPS: Final = 8  # buckets a doubling: a percentile is right to 9 %
_FLOOR_S: Final = 0.001
_TOP: Final = 20 * _STEPS  # 1 ms x 2**20: a quarter of an hour and more
_COMPLETED: Final = End.COMPLETED.value
BLOCKED: Final = "guardrail_blocked"
_FIELDS: Final = (
    "at", "duration_s", "end", "status", "input_tokens", "output_tokens", "cost_usd", "stream", "first_token_s",
    "shadow_of",
)  # fmt: skip
_fields_of: Final = itemgetter(*_FIELDS)

Sparse = dict[int, int]


@dataclass(slots=True)
class Slot:
    """Five seconds of one version."""

    epoch: int = -1
    requests: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    blocked: int = 0  # by guardrails; in `bad`, too
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    duration: Sparse = field(default_factory=dict)
    first_token: Sparse = field(default_factory=dict)


class Recent:
    """What ended in the last minute. Memory: cells x 12 slots x at most 2 x 161 buckets, cells as in the ledger."""

    def __init__(self, clock: Clock, labels: Labels | None = None) -> None:
        self._clock = clock
        self._labels = labels or Labels()
        self._rings: dict[tuple[str, str], list[Slot]] = {}

    def configure(self, labels: Labels) -> None:
        """Take a configuration's names, and forget the versions that are gone."""
        self._labels = labels
        self._rings = {key: ring for key, ring in self._rings.items() if labels.has(*key)}

    def observe(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count rows that have been committed; those that ended over a minute ago (a backlog) are left out."""
        now = self._clock.time()
        for row in rows:
            try:
                self._observe(row, now)
            except (TypeError, ValueError, KeyError):
                continue  # the ledger counts what can't be read

    def _observe(self, row: Mapping[str, Any], now: float) -> None:
        try:
            fields = _fields_of(row)
        except KeyError:  # an interrupted exchange, or a record from another version of this program
            fields = tuple(map(row.get, _FIELDS))
        at, duration, end, status, prompt, output, cost, stream, first_token, shadow_of = fields
        ended = at + (duration or 0.0)
        if ended <= now - WINDOW_S or shadow_of is not None:  # for a copy nobody waited
            return
        slot = self._slot(row, int(min(ended, now) // SLOT_S))
        if duration is not None:
            _add(slot.duration, duration)
        if stream and first_token is not None:
            _add(slot.first_token, first_token)
        slot.requests += 1
        slot.input_tokens += prompt or 0
        slot.output_tokens += output or 0
        slot.cost_usd += cost or 0.0
        if end != _COMPLETED or (status and status >= 400):
            code = row.get("error_code")
            slot.blocked += code == BLOCKED
            went = outcome(end, status or 0, code).value  # JSON takes no enum for a name
            slot.bad[went] = slot.bad.get(went, 0) + 1

    def _slot(self, row: Mapping[str, Any], epoch: int) -> Slot:
        # Most rows bear a key's very words; the others are told theirs.
        ring = self._rings.get((row.get("route"), row.get("assigned_version") or row.get("served_version")))  # type: ignore[arg-type]  # with None in it: finds nothing, as it should
        if ring is None:
            key = self._labels.cell(row)
            ring = self._rings.get(key)
            if ring is None:
                ring = self._rings[key] = [Slot() for _ in range(SLOTS)]
        slot = ring[epoch % SLOTS]
        if slot.epoch != epoch:
            slot = ring[epoch % SLOTS] = Slot(epoch)
        return slot

    def versions(self) -> list[dict[str, Any]]:
        """One line a route and version that had traffic in the last minute."""
        oldest = int(self._clock.time() // SLOT_S) - SLOTS
        lines = []
        for (route, version), ring in sorted(self._rings.items()):
            slots = [slot for slot in ring if slot.epoch > oldest]
            if any(slot.requests for slot in slots):
                lines.append({"route": route, "version": version} | _line(slots))
        return lines

    def whole(self) -> dict[str, Any]:
        """The same figures over all routes together."""
        oldest = int(self._clock.time() // SLOT_S) - SLOTS
        return _line([slot for ring in self._rings.values() for slot in ring if slot.epoch > oldest])


def _line(slots: list[Slot]) -> dict[str, Any]:
    requests = sum(slot.requests for slot in slots)
    bad: dict[str, int] = {}
    for slot in slots:
        for name, count in slot.bad.items():
            bad[name] = bad.get(name, 0) + count
    return {
        "requests": requests,
        "rate": requests / WINDOW_S,
        "bad": bad,
        "blocked": sum(slot.blocked for slot in slots),
        "input_tokens_s": sum(slot.input_tokens for slot in slots) / WINDOW_S,
        "output_tokens_s": sum(slot.output_tokens for slot in slots) / WINDOW_S,
        "cost_usd": sum(slot.cost_usd for slot in slots),
        "duration_s": percentiles(slot.duration for slot in slots),
        "first_token_s": percentiles(slot.first_token for slot in slots),
    }


def _add(sparse: Sparse, seconds: float) -> None:
    at = 0 if seconds <= _FLOOR_S else min(_TOP, math.ceil(math.log2(seconds / _FLOOR_S) * _STEPS))
    sparse[at] = sparse.get(at, 0) + 1


def percentiles(parts: Iterable[Sparse]) -> dict[str, float] | None:
    """p50, p95 and p99 in seconds, each the upper bound of its bucket; None without observations."""
    merged: Sparse = {}
    for part in parts:
        for at, count in part.items():
            merged[at] = merged.get(at, 0) + count
    total = sum(merged.values())
    if not total:
        return None
    return {name: _quantile(merged, total * share) for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99))}


def _quantile(merged: Sparse, rank: float) -> float:
    seen = 0
    for at in sorted(merged):
        seen += merged[at]
        if seen >= rank:
            return float(_FLOOR_S * 2 ** (at / _STEPS))
    return float(_FLOOR_S * 2 ** (max(merged) / _STEPS))
