"""Whether a replay that has ended lets its candidate into a rollout, by what that rollout looks at. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from llmgateway.config.rollouts import MetricName, RolloutPolicy
from llmgateway.ports.datasets import Dataset, ReplayRecord
from llmgateway.replaying import gates
from llmgateway.replaying.figures import Figures, figures_of
from llmgateway.replaying.gates import Gate
from llmgateway.replaying.pairs import Bad, Pair, Side
from llmgateway.replaying.people import Compared
from llmgateway.replaying.stopping import Ended
from llmgateway.rollout.pairs import Verdict

LEAST_SLOW_S: Final = 0.001  # that the command takes
_OF_METRICS: Final[Mapping[str, tuple[str, ...]]] = {
    MetricName.ERROR: ("errors",),
    MetricName.SLOW: ("slow",),
    MetricName.REFUSAL: ("refusals",),
    MetricName.TRUNCATED: ("truncated", "empty"),
    MetricName.BLOCKED: ("blocked",),
}
_OF_EVALUATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "error": ("errors",),
    "refusal": ("refusals",),
    "empty_or_truncated": ("truncated", "empty"),
    "invalid_json": ("schema",),
}


@dataclass(frozen=True, slots=True)
class Demand:
    """What a rollout holds a replay to. `first_token_s`, `total_s`: above which an answer is slow; None: never."""

    gates: tuple[Gate, ...] = ()
    first_token_s: float | None = None
    total_s: float | None = None

    def is_slow(self, side: Side) -> bool:
        """Whether an answer took longer than the rollout allows."""
        figures = side.figures
        first, whole = figures.get("first_token_s"), figures.get("duration_s", 0.0)
        is_late = self.first_token_s is not None and first is not None and first > self.first_token_s
        return is_late or (self.total_s is not None and whole > self.total_s)

    def options(self) -> list[str]:
        """How the command is told the same, so that its exit code says what `rollout start` will."""
        slow = [] if self.total_s is None else ["--slow", f"{max(self.total_s, LEAST_SLOW_S):g}"]
        return [*slow, *(word for gate in self.gates for word in ("--gate", str(gate)))]


def gates_of(policy: RolloutPolicy, plugins: Mapping[str, str]) -> tuple[Gate, ...]:
    """The rollout's metrics, as far as a replay can see them: each may be at most `r_m` times as often bad, which is
    what the rollout itself takes for harmless. Where it can see none of them, what the command looks at by itself, or
    the replay would ask for nothing. `plugins`: what each evaluator uses, by name.
    """
    found: list[str] = []
    for metric in policy.metrics:
        if metric.reads is None:
            found += _OF_METRICS[metric.name]
        else:
            found += _OF_EVALUATORS.get(plugins.get(metric.reads.source_id or "", ""), ())
    seen = found or [gate.what for gate in gates.DEFAULTS]
    return tuple(Gate(what, policy.r_m, "x") for what in dict.fromkeys(seen))


def is_finished(replay: ReplayRecord, dataset: Dataset) -> bool:
    """Whether it says all it can about this version of a dataset: every item was asked, or it is clear already."""
    if replay.ended == Ended.WORSE:
        return True
    return replay.ended == Ended.DONE and replay.pairs >= dataset.items - dataset.erased


def failing(replay: ReplayRecord, pairs: Iterable[Pair], demand: Demand, people: Compared) -> list[str]:
    """What speaks against the candidate: the verdicts of rules and people, and the rollout's gates. Takes a while."""
    every = list(pairs)
    found = []
    if Verdict.WORSE in {replay.verdict, replay.ended}:
        found.append(f"the verdict is worse{_most(figures_of(every, {}))}")
    if people.verdict is Verdict.WORSE:
        found.append(f"to people who compared {people.pairs:,} pairs the candidate is the worse one")
    outcomes = gates.judged(demand.gates, figures_of(_by_its_own_clock(every, demand), {}))
    return found + [f"{each.gate} fails, {each.said}" for each in outcomes if each.is_passed is False]


def _most(figures: Figures) -> str:
    """In what the candidate is worse than the baseline, most of all."""
    what = max(Bad, key=lambda bad: figures.rates[bad].candidate - figures.rates[bad].baseline)
    rate = figures.rates[what]
    if rate.candidate <= rate.baseline:
        return ""
    return f", most of all by {what.value}: {rate.candidate} against {rate.baseline} of {rate.of} items"


def _by_its_own_clock(pairs: Iterable[Pair], demand: Demand) -> list[Pair]:
    """The pairs with what is slow in the rollout, whatever was slow in the replay."""
    return [
        replace(pair, baseline=_timed(pair.baseline, demand), candidate=_timed(pair.candidate, demand))
        for pair in pairs
    ]


def _timed(side: Side, demand: Demand) -> Side:
    others = tuple(bad for bad in side.bad if bad is not Bad.SLOW)
    return replace(side, bad=(*others, Bad.SLOW) if demand.is_slow(side) else others)
