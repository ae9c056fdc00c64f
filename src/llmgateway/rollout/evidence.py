"""All that decisions rest on: counts by metric and weight epoch. They add up, are written as JSON, and have a hash."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from llmgateway.rollout.counts import NOTHING, Arms, Draw, Epochs, added, checked, draws
from llmgateway.rollout.hardstop import Failing
from llmgateway.rollout.trust import Standing, Standings

MAX_METRICS: Final = 32
MAX_EPOCHS: Final = 256
PAIRS: Final = "!pairs"  # in `heard`: when a pair was compared last; no metric is called so

ByMetric = Mapping[str, Epochs]
NEVER: Final = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts of everything that was seen in a rollout, or of a part of it: parts add up with `plus`, in any order.

    `weights`: the candidate's share of assignments in each epoch. `assigned`: units by arm at their first assignment.
    `units`, `bad`: of each metric, units that it could judge and those that had a bad event (see `units`). `pairs`:
    discordant pairs lost. `failing`: requests lately. `heard`: Unix times at which a metric last judged a stable and
    a candidate unit. `trust`: of metrics that a model judges, how far people agree with it. `said`: of
    metrics that read what users say, units by arm at their first word. ValueError for an epoch with two weights, or
    more metrics or epochs than fit.
    """

    weights: Mapping[int, float] = field(default_factory=dict)
    assigned: Epochs = field(default_factory=dict)
    units: ByMetric = field(default_factory=dict)
    bad: ByMetric = field(default_factory=dict)
    pairs: Arms = NOTHING
    failing: Failing = field(default_factory=Failing)
    heard: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    trust: Standings = field(default_factory=dict)
    said: ByMetric = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.weights) > MAX_EPOCHS:
            raise ValueError(f"more than {MAX_EPOCHS} weight epochs")
        if len({*self.units, *self.bad, *self.heard} - {PAIRS}) > MAX_METRICS:
            raise ValueError(f"more than {MAX_METRICS} metrics")
        counted = {epoch for each in (self.assigned, *_every(self)) for epoch in each}
        if unknown := counted - set(self.weights):
            raise ValueError(f"no weight is known for epoch {min(unknown)}")

    def plus(self, other: Self) -> "Evidence":
        """Both together."""
        for epoch in self.weights.keys() & other.weights.keys():
            if self.weights[epoch] != other.weights[epoch]:
                raise ValueError(f"epoch {epoch} has two weights")
        return Evidence(
            weights={**self.weights, **other.weights},
            assigned=added(self.assigned, other.assigned),
            units=_merged(self.units, other.units),
            bad=_merged(self.bad, other.bad),
            pairs=self.pairs.plus(other.pairs),
            failing=self.failing.plus(other.failing),
            heard={name: _later(self, other, name) for name in sorted({*self.heard, *other.heard})},
            trust={**self.trust, **other.trust},
            said=_merged(self.said, other.said),
        )

    def bad_draws(self, metric: str) -> list[Draw]:
        """What the test of `metric` takes."""
        return draws(self.bad.get(metric, {}), self.weights)

    def assigned_draws(self, since: int = 0) -> list[Draw]:
        """What the sample-ratio test takes, from epoch `since` on."""
        return draws(self.assigned, self.weights, since)

    def said_draws(self, metric: str) -> list[Draw]:
        """What the test of who is heard takes, of a metric that reads what users say."""
        return draws(self.said.get(metric, {}), self.weights)

    def candidate_units(self, metric: str, epoch: int | None = None) -> int:
        """How many units of the candidate `metric` has judged, in one epoch or in all."""
        epochs = self.units.get(metric, {})
        if epoch is not None:
            return epochs.get(epoch, NOTHING).candidate
        return sum(each.candidate for each in epochs.values())

    def written(self) -> dict[str, Any]:
        """JSON-able, and the same for the same evidence."""
        failing = self.failing
        written = {
            "weights": {str(epoch): self.weights[epoch] for epoch in sorted(self.weights)},
            "assigned": _written(self.assigned),
            "units": {name: _written(self.units[name]) for name in sorted(self.units)},
            "bad": {name: _written(self.bad[name]) for name in sorted(self.bad)},
            "pairs": list(self.pairs),
            "failing": [list(each) for each in (failing.requests, failing.failed, failing.run)],
            "heard": {name: list(self.heard[name]) for name in sorted(self.heard)},
        }
        trust = {name: [each.labels, each.kappa] for name, each in sorted(self.trust.items())}
        said = {name: _written(self.said[name]) for name in sorted(self.said)}
        return written | ({"trust": trust} if trust else {}) | ({"said": said} if said else {})

    def hash(self) -> str:
        """What an approval of this evidence is bound to: SHA-256 of the written form, in hex."""
        text = json.dumps(self.written(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read(written: Mapping[str, Any]) -> Evidence:
    """The evidence that was `written`. ValueError, KeyError or TypeError where it was not."""
    requests, failed, run = (checked(each) for each in written["failing"])
    return Evidence(
        weights={int(epoch): float(weight) for epoch, weight in written["weights"].items()},
        assigned=_read(written["assigned"]),
        units={name: _read(each) for name, each in written["units"].items()},
        bad={name: _read(each) for name, each in written["bad"].items()},
        pairs=checked(written["pairs"]),
        failing=Failing(requests, failed, run),
        heard={name: (float(stable), float(candidate)) for name, (stable, candidate) in written["heard"].items()},
        trust={name: Standing(int(labels), kappa) for name, (labels, kappa) in written.get("trust", {}).items()},
        said={name: _read(each) for name, each in written.get("said", {}).items()},
    )


def _every(of: Evidence) -> Iterator[Epochs]:
    for each in (of.units, of.bad, of.said):
        yield from each.values()


def _merged(one: ByMetric, other: ByMetric) -> dict[str, Epochs]:
    return {name: added(one.get(name, {}), other.get(name, {})) for name in sorted({*one, *other})}


def _later(one: Evidence, other: Evidence, name: str) -> tuple[float, float]:
    (stable, candidate), (stable_too, candidate_too) = one.heard.get(name, NEVER), other.heard.get(name, NEVER)
    return max(stable, stable_too), max(candidate, candidate_too)


def _written(epochs: Epochs) -> dict[str, list[int]]:
    return {str(epoch): list(epochs[epoch]) for epoch in sorted(epochs)}


def _read(written: Mapping[str, Any]) -> dict[int, Arms]:
    return {int(epoch): checked(counts) for epoch, counts in written.items()}
