"""What a batch of exchanges adds to the evidence of one rollout, counted in the transaction that stores them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from llmgateway.controlplane.rollouts.judging import bad_events, has_failed
from llmgateway.controlplane.rollouts.records import REQUESTS, Running
from llmgateway.ports.rollouts import Added, EpochCount, RolloutRecord, Tally, UnitMark
from llmgateway.ports.store import Entry
from llmgateway.rollout.counts import NOTHING, Arms
from llmgateway.rollout.units import MAX_BATCH, Counted, Mark, Seen, count

SPLIT = "split"
_ARMS: Final = ("stable", "candidate")


class RolloutTally:
    """One rollout's part of a batch (ports.rollouts.Tally), counted `at` a Unix time. Holds plain values: the store's
    thread may count.
    """

    def __init__(self, running: Running, at: float) -> None:
        self.rollout = running.record.id
        self._running = running
        self._sticky: list[Seen] = []  # of units that may come back
        self._once: list[Seen] = []
        self._requests: list[tuple[int, bool, bool]] = []  # epoch, is the candidate's, has failed
        self._at = at

    @property
    def units(self) -> Collection[str]:
        return {seen.unit for seen in self._sticky}

    def add(self, entry: Entry) -> None:
        """Take an exchange, if it is one that counts."""
        row = entry.row
        if (arm := assigned_arm(row, self._running.record)) is None:
            return
        policy = self._running.policy
        bad = bad_events(row, entry.bodies, policy.slow, policy.metrics)
        (epoch, is_candidate), unit = arm, row.get("unit")
        seen = Seen(unit or row["id"], epoch, is_candidate, bad)
        (self._once if unit is None else self._sticky).append(seen)
        if bad:
            self._requests.append((epoch, is_candidate, has_failed(row)))

    def count(self, marked: Collection[UnitMark]) -> Added:
        marks, sticky = counted(self._sticky, marked)
        _, once = counted(self._once, ())
        counts = sums_of((*sticky, *once), (*self._sticky, *self._once), self._at)
        runs, broken = _runs(self._requests)
        return Added({(mark.metric, mark.unit, mark.arm) for mark in marks}, [*counts, *runs], broken)


def assigned_arm(row: Mapping[str, Any], record: RolloutRecord) -> tuple[int, bool] | None:
    """The epoch, and whether it is the candidate's, of an exchange that a rollout's weights assigned. None before
    the first step, when none had a choice, and for all others.
    """
    epoch, assigned = row.get("epoch"), row.get("assigned_version")
    if type(epoch) is not int or epoch < 1 or assigned not in (record.candidate, record.stable):
        return None
    if row.get("shadow_of") is not None or row.get("assigned_by") != SPLIT:
        return None
    return epoch, assigned == record.candidate


def counted(
    seen: Sequence[Seen], marked: Collection[UnitMark], *, assigns: bool = True
) -> tuple[list[Mark], list[Counted]]:
    """Count them in their order, however many there are: new marks, and what is counted, part by part."""
    known, marks, parts = set(marked), list[Mark](), []  # a Mark is one of these
    for start in range(0, len(seen), MAX_BATCH):
        part = count(seen[start : start + MAX_BATCH], known.__contains__, assigns=assigns)
        known.update(part.marks)
        marks += part.marks
        parts.append(part)
    return marks, parts


def sums_of(every: Iterable[Counted], seen: Sequence[Seen], at: float) -> list[EpochCount]:
    """What was counted, as sums; `seen`: all that was looked at, at the Unix time `at`."""
    sums: dict[tuple[str, int], tuple[Arms, Arms]] = {}
    for counted in every:
        for key in {*counted.units, *counted.bad}:
            units, bad = sums.get(key, (NOTHING, NOTHING))
            sums[key] = units.plus(counted.units.get(key, NOTHING)), bad.plus(counted.bad.get(key, NOTHING))
    heard = {(name, each.epoch, each.arm) for each in seen for name in each.bad}
    for name, epoch, _ in heard:
        sums.setdefault((name, epoch), (NOTHING, NOTHING))  # heard of, though nobody new was judged
    counts = []
    for (name, epoch), (units, bad) in sums.items():
        stable, candidate = (at if (name, epoch, arm) in heard else 0.0 for arm in _ARMS)
        counts.append(EpochCount(epoch, name, *units, *bad, stable, candidate))
    return counts


def tallies(entries: Iterable[Entry], running: Mapping[str, Running], at: float) -> list[Tally]:
    """Sort a batch by rollout (`running`: by id); what belongs to none that runs is passed over.

    `at`: when it is counted. When its metrics were heard of goes by that, and not by clocks of workers and callers.
    """
    made: dict[str, RolloutTally] = {}
    if not running:
        return []
    for entry in entries:
        name = entry.row.get("rollout")
        if isinstance(name, str) and name in running:
            if name not in made:
                made[name] = RolloutTally(running[name], at)
            made[name].add(entry)
    return list(made.values())


def _runs(requests: Sequence[tuple[int, bool, bool]]) -> tuple[list[EpochCount], set[tuple[int, str, str]]]:
    """Requests by epoch, those that failed, and the failures in a row at the end; where a run was ended in between."""
    sums: dict[int, list[int]] = {}
    broken: set[tuple[int, str, str]] = set()
    for epoch, is_candidate, failed in requests:
        each = sums.setdefault(epoch, [0, 0, 0, 0, 0, 0])  # requests, failed, run; of stable and candidate each
        each[is_candidate] += 1
        if failed:
            each[2 + is_candidate] += 1
            each[4 + is_candidate] += 1
        else:
            each[4 + is_candidate] = 0
            broken.add((epoch, REQUESTS, "candidate" if is_candidate else "stable"))
    return [
        EpochCount(epoch, REQUESTS, each[0], each[1], each[2], each[3], 0.0, 0.0, each[4], each[5])
        for epoch, each in sums.items()
    ], broken
