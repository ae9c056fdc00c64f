"""What a worker gives up, step by step, when memory runs out or its event loop can't keep up. Pure.

Up at once, as far as the level says; down one step at a time, each after the level has been clearly below for `HOLD_S`.
So a level that swings around a threshold changes nothing, and a crowd that was told to come back is not let in whole.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple, TypeVar

HOLD_S: Final = 2.0
LASTING: Final = 3  # looks in a row in which the loop must lag: one slow moment is no overload
PRIORITIES: Final = 3
CUT_SHARE: Final = 4  # of the streams, at most one in so many is cut at a time
TREND: Final = 4  # looks over which growth is taken: a second
AHEAD_S: Final = 1.0  # how far it is looked ahead: a small container fills up in seconds
MOST_AHEAD: Final = 0.10  # of the memory; more would be guessing


class Step(IntEnum):
    """In the order in which they are taken; each includes those before it that are due to memory."""

    CALM = 0
    CLOSE = 1  # every reply is its connection's last
    SHED_LOW = 2  # new work of keys with low priority is refused
    SHED_NORMAL = 3
    SHED_ALL = 4
    CUT = 5  # the largest streams are ended


class Rung(NamedTuple):
    """Where a step is entered, and below which level it is left again."""

    step: Step
    at: float
    leave: float


# Shares of the memory that may be used.
MEMORY: Final = (
    Rung(Step.CLOSE, 0.85, 0.82),
    Rung(Step.SHED_LOW, 0.92, 0.89),
    Rung(Step.SHED_NORMAL, 0.93, 0.90),
    Rung(Step.SHED_ALL, 0.94, 0.91),
    Rung(Step.CUT, 0.95, 0.92),
)
# Multiples of the lag that is put up with. Closing connections would cost more time than it saves, and a stream that is
# cut frees little of it.
LAG: Final = (
    Rung(Step.SHED_LOW, 1.0, 0.5),
    Rung(Step.SHED_NORMAL, 2.0, 1.0),
    Rung(Step.SHED_ALL, 4.0, 2.0),
)


class Climb:
    """The steps that one pressure asks for."""

    __slots__ = ("_below_since", "_height", "_rungs")

    def __init__(self, rungs: Sequence[Rung]) -> None:
        self._rungs = rungs
        self._height = 0  # rungs climbed
        self._below_since: float | None = None

    @property
    def step(self) -> Step:
        return self._rungs[self._height - 1].step if self._height else Step.CALM

    def look(self, lasting: float, worst: float, now: float) -> Step:
        """Take the level that has lasted a while and the worst of that while (monotonic `now`); gives the step."""
        asked = sum(lasting >= rung.at for rung in self._rungs)
        if asked > self._height:
            self._height = asked
            self._below_since = None
        elif not self._height or worst >= self._rungs[self._height - 1].leave:
            self._below_since = None
        elif self._below_since is None:
            self._below_since = now
        elif now - self._below_since >= HOLD_S:
            self._height -= 1
            self._below_since = now
        return self.step


class Trend:
    """Where memory will be in a moment, if it goes on growing as it does.

    Growth counts as far as it is steady: the smallest of the last steps is taken for all of them. What comes and goes
    is no trend.
    """

    __slots__ = ("_rates", "_share", "_when")

    def __init__(self) -> None:
        self._rates: deque[float] = deque([0.0] * TREND, maxlen=TREND)  # shares a second
        self._share = self._when = float("inf")

    def look(self, share: float, now: float) -> float:
        """Take the share in use now; gives the greater one to reckon with, never a smaller one."""
        passed = now - self._when
        self._rates.append((share - self._share) / passed if passed > 0 else 0.0)
        self._share, self._when = share, now
        return share + min(MOST_AHEAD, max(0.0, min(self._rates)) * AHEAD_S)


class Ladder:
    """Memory and lag together: the higher step counts. `projected`: the share of memory that the last look went by."""

    __slots__ = ("_lag", "_lags", "_memory", "_trend", "projected")

    def __init__(self) -> None:
        self.projected = 0.0
        self._trend = Trend()
        self._memory = Climb(MEMORY)
        self._lag = Climb(LAG)
        self._lags: deque[float] = deque([0.0] * LASTING, maxlen=LASTING)

    def look(self, memory: float, lag: float, now: float) -> Step:
        """Take the share of memory in use and the loop's lag as a multiple of what is put up with."""
        self._lags.append(lag)
        self.projected = level = self._trend.look(memory, now)
        self._memory.look(level, level, now)
        self._lag.look(min(self._lags), max(self._lags), now)
        return self.step

    @property
    def step(self) -> Step:
        return max(self._memory.step, self._lag.step)

    @property
    def cause(self) -> str:
        """Which pressure asks for the step: `memory` or `lag`; empty while there is none."""
        if self.step is Step.CALM:
            return ""
        return "memory" if self._memory.step >= self._lag.step else "lag"

    @property
    def closes(self) -> bool:
        return self._memory.step >= Step.CLOSE

    @property
    def shed(self) -> int:
        """How many of the three priorities are refused, from the lowest on."""
        return min(PRIORITIES, max(0, self.step - Step.CLOSE))


Thing = TypeVar("Thing")


def largest(held: Iterable[tuple[int, Thing]], excess: float) -> list[Thing]:
    """Choose what to cut: the largest first, until `excess` bytes are freed or a quarter of them (one at least) is cut.

    What holds nothing is left alone.
    """
    ordered = sorted(held, key=lambda each: each[0], reverse=True)
    chosen: list[Thing] = []
    freed = 0
    for size, thing in ordered[: max(1, len(ordered) // CUT_SHARE)]:
        if freed >= excess or size <= 0:
            break
        chosen.append(thing)
        freed += size
    return chosen
