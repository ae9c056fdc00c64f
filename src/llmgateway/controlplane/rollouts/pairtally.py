"""What a batch adds to the pairs of a rollout that is in its shadow: a caller's exchange and its copy, judged alike.

Either may come first, also in another batch: it leaves marks of how it was; whoever comes second finds them, and they
are forgotten. A pair is lost by the version whose answer was bad in a critical metric that could judge both, where the
other's was not; the rest are ties.
"""

from collections.abc import Collection, Iterable, Mapping

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.rollouts.judging import bad_events
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.controlplane.rollouts.tally import SPLIT
from llmgateway.ports.rollouts import Added, EpochCount, Tally, UnitMark
from llmgateway.ports.store import Entry, Row
from llmgateway.rollout.counts import NOTHING, Arms
from llmgateway.rollout.evidence import PAIRS
from llmgateway.rollout.rollout import State
from llmgateway.routing.shadow import is_chosen

Bad = Mapping[str, bool]  # by metric


class PairTally:
    """One rollout's part of a batch (ports.rollouts.Tally). `share`: of the exchanges that are copied. `at`, `ahead`:
    as below.
    """

    def __init__(self, running: Running, share: float, at: float, ahead: float) -> None:
        self.rollout = running.record.id
        self._running = running
        self._share = share
        self._critical = frozenset(metric.name for metric in running.rollout.plan.critical())
        self._sides: list[tuple[str, str, Bad]] = []  # the primary's id, arm, what was bad
        self._at, self._ahead = at, ahead

    @property
    def units(self) -> Collection[str]:
        return {unit for unit, _, _ in self._sides}

    def add(self, entry: Entry) -> None:
        """Take an exchange, if it is one side of a pair."""
        row, running = entry.row, self._running
        arm = self._arm(row)
        if arm is None or (row.get("at") or 0.0) + self._ahead < running.rollout.since:
            return
        judged = bad_events(row, entry.bodies, running.policy.slow, self._critical)
        if judged:
            self._sides.append((row.get("shadow_of") or row["id"], arm, judged))

    def count(self, marked: Collection[UnitMark]) -> Added:
        known, marks, spent = _sides(marked), set[UnitMark](), set[str]()
        pairs, lost = 0, NOTHING
        for unit, arm, judged in self._sides:
            sides = known.setdefault(unit, {})
            if arm in sides:
                continue
            sides[arm] = judged
            if len(sides) == 1:
                marks |= {(_mark(metric, is_bad=bad), unit, arm) for metric, bad in judged.items()}
                continue
            spent.add(unit)
            if (loser := _loser(sides["stable"], sides["candidate"])) is not None:
                pairs, lost = pairs + 1, lost.plus(loser)
        epoch, at = self._running.rollout.epoch, self._at
        counts = [EpochCount(epoch, PAIRS, pairs, pairs, *lost, at, at)] if pairs else []
        return Added({each for each in marks if each[1] not in spent}, counts, spent=spent)

    def _arm(self, row: Row) -> str | None:
        """Which side of a pair it is: the copy at the candidate, or what a caller had of the stable version."""
        record, assigned = self._running.record, row.get("assigned_version")
        if "shadow_left_out" in row:
            return None
        if row.get("shadow_of") is not None:
            return "candidate" if (row.get("route"), assigned) == (record.route, record.candidate) else None
        is_ours = row.get("rollout") == record.id and row.get("assigned_by") == SPLIT
        is_ours = is_ours and assigned == record.stable and is_chosen(row["id"], self._share)
        return "stable" if is_ours else None


def pair_tallies(
    entries: Iterable[Entry], running: Iterable[Running], snapshot: Snapshot, at: float, ahead: float = 0.0
) -> list[Tally]:
    """Sort a batch by the rollouts that are in their shadow, whose routes copy to their candidates.

    `at`: when it is counted, in the rollouts' time; `ahead`: by how much that is before the workers' clocks.
    """
    shadowing = [each for each in running if each.rollout.state is State.SHADOW]
    made = [PairTally(each, _share(each, snapshot), at, ahead) for each in shadowing]
    if not made:
        return []
    for entry in entries:
        for each in made:
            each.add(entry)
    return [each for each in made if each.units]


def _share(running: Running, snapshot: Snapshot) -> float:
    """Which share of its route's exchanges is copied to the candidate."""
    route = snapshot.routes.get(running.route)
    if route is None or route.shadow is None or route.shadow.version.name != running.record.candidate:
        return 0.0
    return route.shadow.share


def _sides(marked: Iterable[UnitMark]) -> dict[str, dict[str, Bad]]:
    """What is known of pairs of which one side has come: by the primary's id and arm."""
    known: dict[str, dict[str, dict[str, bool]]] = {}
    for metric, unit, arm in marked:
        if (read := _read(metric)) is not None:
            known.setdefault(unit, {}).setdefault(arm, {})[read[0]] = read[1]
    return {unit: dict(sides) for unit, sides in known.items()}


def _loser(stable: Bad, candidate: Bad) -> Arms | None:
    """Who loses the pair, as a count; NOTHING for a tie, None where no metric could judge both."""
    both = stable.keys() & candidate.keys()
    if not both:
        return None
    bad_stable, bad_candidate = (any(side[metric] for metric in both) for side in (stable, candidate))
    return Arms(int(bad_stable and not bad_candidate), int(bad_candidate and not bad_stable))


def _mark(metric: str, *, is_bad: bool) -> str:
    return f"{PAIRS}/{metric}/{int(is_bad)}"


def _read(mark: str) -> tuple[str, bool] | None:
    """The metric of a mark, and whether it was bad; None for a mark of something else."""
    kind, _, rest = mark.partition("/")
    metric, _, bad = rest.rpartition("/")
    return (metric, bad == "1") if kind == PAIRS else None
