"""What is counted once: with sticky routing a unit (a user, a session) repeats itself, and repeats are no evidence.

The rule, for whoever ingests exchanges. It needs one thing from the store: `unit_event`, a table of marks with a
unique key, inserted in the transaction that adds to the counts. Whether a mark was new says whether to count:

| mark | when | counts |
|---|---|---|
| (ASSIGNED, unit) | the unit's first eligible exchange | one assignment on its arm, for the sample-ratio test |
| (metric, unit, arm) | its first exchange on that arm that the metric judged, unless it was bad before | one unit |
| (metric, unit) | its first bad event | one bad unit on the arm assigned *then* |
| (SAID + metric, unit) | its first word in a metric that reads what users say | one word: the test of who is heard |

Units move from stable to candidate once, as weights rise, and never back. A unit that had its bad event is out of the
metric on both arms, so a mover is not counted twice. A unit counts from its first exchange and may turn bad at a
later one, which makes the absolute test stricter than its words: "one exchange is bad with probability at least the
ceiling". Without sticky routing each exchange is its own unit, no marks are needed, and `exchange id` stands for the
unit. Scores of exchanges come later, and several may say the same: they always leave marks, and assign nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from llmgateway.rollout.counts import NOTHING, Arms

ASSIGNED: Final = ""  # stands where a metric's name would
SAID: Final = "!said:"  # before a metric's name
MAX_BATCH: Final = 10_000


class Mark(NamedTuple):
    """A unique row of `unit_event`, within a rollout. `arm`: `stable`, `candidate`, or empty for either."""

    metric: str
    unit: str
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One eligible exchange: its unit, where it was assigned, and for each metric that could judge it whether it was
    bad. `said`: the metrics in which a user has spoken.
    """

    unit: str
    epoch: int
    is_candidate: bool
    bad: dict[str, bool]
    said: tuple[str, ...] = ()

    @property
    def arm(self) -> str:
        return "candidate" if self.is_candidate else "stable"


@dataclass(slots=True)
class Counted:
    """What a batch adds. Keys are (metric, epoch); `marks` are to be inserted with it, in one transaction."""

    marks: set[Mark]
    units: dict[tuple[str, int], Arms]
    bad: dict[tuple[str, int], Arms]


def count(batch: Iterable[Seen], is_marked: Callable[[Mark], bool], *, assigns: bool = True) -> Counted:
    """Count a batch of exchanges in the order in which they were settled; `is_marked` asks the store. `assigns` False:
    their assignments have been counted before.

    ValueError where the batch is longer than `MAX_BATCH`.
    """
    counted = Counted(set(), {}, {})
    for number, seen in enumerate(batch):
        if number >= MAX_BATCH:
            raise ValueError(f"more than {MAX_BATCH} exchanges in a batch")
        if assigns:
            _first(ASSIGNED, seen, counted, lambda mark: mark in counted.marks or is_marked(mark))
        for metric in seen.said:
            _first(SAID + metric, seen, counted, lambda mark: mark in counted.marks or is_marked(mark))
        _judged(seen, counted, lambda mark: mark in counted.marks or is_marked(mark))
    return counted


def _first(name: str, seen: Seen, counted: Counted, is_marked: Callable[[Mark], bool]) -> None:
    """Count a unit under a name once, on whichever arm it is then."""
    if not is_marked(first := Mark(name, seen.unit)):
        counted.marks.add(first)
        _add(counted.units, name, seen)


def _judged(seen: Seen, counted: Counted, is_marked: Callable[[Mark], bool]) -> None:
    for metric, is_bad in seen.bad.items():
        was_bad = Mark(metric, seen.unit)
        if is_marked(was_bad):
            continue
        if not is_marked(here := Mark(metric, seen.unit, seen.arm)):
            counted.marks.add(here)
            _add(counted.units, metric, seen)
        if is_bad:
            counted.marks.add(was_bad)
            _add(counted.bad, metric, seen)


def _add(counts: dict[tuple[str, int], Arms], metric: str, seen: Seen) -> None:
    key = (metric, seen.epoch)
    one = Arms(candidate=1) if seen.is_candidate else Arms(stable=1)
    counts[key] = counts.get(key, NOTHING).plus(one)
