"""What a batch adds to the pairs of a rollout that is in its shadow: a caller's exchange and its copy, judged alike.

Either may come first, also in another batch: each leaves marks of how it was, and whoever comes second finds them. A
pair is lost by the version of which a critical metric says bad, and says good of the other's; the rest are ties.
"""

from collections.abc import Collection, Iterable, Mapping

from llmgateway.controlplane.rollouts.judging import bad_events
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.controlplane.rollouts.tally import SPLIT
from llmgateway.ports.rollouts import Added, EpochCount, Tally, UnitMark
from llmgateway.ports.store import Entry, Row
from llmgateway.rollout.evidence import PAIRS
from llmgateway.rollout.rollout import State
from llmgateway.routing.shadow import is_chosen

Bad = Mapping[str, bool]  # by metric


class PairTally:
    """One rollout's part of a batch (ports.rollouts.Tally). `share`: of the exchanges that are copied."""

    def __init__(self, running: Running, share: float) -> None:
        self.rollout = running.record.id
        self._running = running
        self._share = share
        self._critical = frozenset(metric.name for metric in running.rollout.plan.critical())
        self._sides: list[tuple[str, str, Bad]] = []  # the primary's id, arm, what was bad
        self._at = 0.0

    @property
    def units(self) -> Collection[str]:
        return {unit for unit, _, _ in self._sides}

    def add(self, entry: Entry) -> None:
        """Take an exchange, if it is one side of a pair."""
        row, running = entry.row, self._running
        arm = self._arm(row)
        if arm is None or (row.get("at") or 0.0) < running.rollout.since:
            return
        judged = bad_events(row, entry.bodies, running.policy.slow, self._critical)
        if judged:
            self._sides.append((row.get("shadow_of") or row["id"], arm, judged))
            self._at = max(self._at, row.get("ended_at") or 0.0)

    def count(self, marked: Collection[UnitMark]) -> Added:
        known: dict[str, dict[str, dict[str, bool]]] = {}
        for metric, unit, arm in marked:
            if (read := _read(metric)) is not None:
                known.setdefault(unit, {}).setdefault(arm, {})[read[0]] = read[1]
        marks: set[UnitMark] = set()
        pairs = stable = candidate = 0
        for unit, arm, judged in self._sides:
            sides = known.setdefault(unit, {})
            if arm in sides:
                continue
            sides[arm] = dict(judged)
            marks |= {(_mark(metric, is_bad=bad), unit, arm) for metric, bad in judged.items()}
            both = {*sides.get("stable", ())} & {*sides.get("candidate", ())}
            if both:
                bad_stable, bad_candidate = (any(sides[each][m] for m in both) for each in ("stable", "candidate"))
                pairs += 1
                stable += bad_stable and not bad_candidate
                candidate += bad_candidate and not bad_stable
        if not pairs:
            return Added(marks)
        epoch, at = self._running.rollout.epoch, self._at
        return Added(marks, [EpochCount(epoch, PAIRS, pairs, pairs, stable, candidate, at, at)])

    def _arm(self, row: Row) -> str | None:
        """Which side of a pair it is: the copy at the candidate, or what a caller had of the stable version."""
        record, assigned = self._running.record, row.get("assigned_version")
        if row.get("shadow_of") is not None:
            return "candidate" if (row.get("route"), assigned) == (record.route, record.candidate) else None
        is_ours = row.get("rollout") == record.id and row.get("assigned_by") == SPLIT
        is_ours = is_ours and assigned == record.stable and is_chosen(row["id"], self._share)
        return "stable" if is_ours else None


def pair_tallies(entries: Iterable[Entry], shadowing: Iterable[tuple[Running, float]]) -> list[Tally]:
    """Sort a batch by the rollouts that are in their shadow, each with the share that is copied."""
    made = [PairTally(running, share) for running, share in shadowing if running.rollout.state is State.SHADOW]
    if not made:
        return []
    for entry in entries:
        for each in made:
            each.add(entry)
    return [each for each in made if each.units]


def _mark(metric: str, *, is_bad: bool) -> str:
    return f"{PAIRS}/{metric}/{int(is_bad)}"


def _read(mark: str) -> tuple[str, bool] | None:
    """The metric of a mark, and whether it was bad; None for a mark of something else."""
    kind, _, rest = mark.partition("/")
    metric, _, bad = rest.rpartition("/")
    return (metric, bad == "1") if kind == PAIRS else None
