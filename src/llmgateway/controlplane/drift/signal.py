"""One yes/no signal of one version: what was usual in the frozen window, the e-CUSUM against it, and its alarm.

Events are numbered by whoever counts them; a signal hears of the bad ones alone, and makes up for the good ones since.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from llmgateway.rollout.drift import LARGEST_RATE, Watch, upper_bound

CONFIDENCE: Final = 0.95
EXEMPLARS: Final = 5  # exchanges to look at


class Turn(StrEnum):
    """What an event changed."""

    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(slots=True)
class Signal:
    """`bad`: of the frozen window, which has `window` events; `later`: since then. `seen`: the last event looked at.

    `watch` None: the window is not over, or so much was bad in it that no rise could be told. `run_from`, `run_bad`:
    since when there is evidence, and how many were bad since. `alarm`: what it was raised with. `exchanges`: the last
    that were bad since the window.
    """

    bad: int = 0
    window: int = 0
    seen: int = 0
    watch: Watch | None = None
    run_from: int = 0
    run_bad: int = 0
    alarm: Mapping[str, Any] | None = None
    later: int = 0
    exchanges: list[str] = field(default_factory=list)

    @property
    def is_frozen(self) -> bool:
        return self.window > 0

    @property
    def reference(self) -> float | None:
        """The rate that the watch compares with; None while there is none, or it is too high to be watched."""
        return None if self.watch is None else self.watch.reference

    def freeze(self, events: int) -> None:
        """The window is over: what it showed is the reference from now on."""
        self.window = self.seen = events
        rate = upper_bound(self.bad, events, CONFIDENCE) if events else 1.0
        self.watch = Watch(rate) if rate < LARGEST_RATE else None

    def went_bad(self, event: int, exchange: str) -> list[Turn]:
        """Take a bad event, by its number from 1, and the id of its exchange."""
        if not self.is_frozen:
            self.bad += 1
            return []
        self.later += 1
        self.exchanges = [*self.exchanges[1 - EXEMPLARS :], exchange]
        if self.watch is None:
            return []
        turns = self.look(event - 1)
        if self.watch.is_calm:
            self.run_from, self.run_bad = event - 1, 0
        self.run_bad += 1
        self.watch, self.seen = self.watch.seen(is_bad=True).held(), event
        if self.watch.is_alarmed and self.alarm is None:
            turns.append(Turn.RAISED)
        return turns

    def look(self, event: int) -> list[Turn]:
        """Make up for the good events up to this one. An alarm clears when all that was held against it is gone."""
        if self.watch is None or (good := event - self.seen) <= 0:
            return []
        self.watch, self.seen = self.watch.ran(good, is_bad=False), event
        return [Turn.CLEARED] if self.alarm is not None and self.watch.is_calm else []

    def share(self, event: int) -> tuple[int, int]:
        """Bad events and events since evidence began to gather."""
        return self.run_bad, event - self.run_from

    def state(self) -> dict[str, Any]:
        """As JSON."""
        watch = None if self.watch is None else [self.watch.reference, *self.watch.logs]
        run = [self.run_from, self.run_bad]
        return {
            "bad": self.bad,
            "window": self.window,
            "seen": self.seen,
            "watch": watch,
            "run": run,
            "later": self.later,
            "exchanges": self.exchanges,
        } | ({} if self.alarm is None else {"alarm": dict(self.alarm)})

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        """What `state()` described; raises what malformed JSON makes it raise."""
        watch = None if state["watch"] is None else Watch(state["watch"][0], tuple(map(float, state["watch"][1:])))
        run_from, run_bad = map(int, state["run"])
        bad, window, seen = (int(state[name]) for name in ("bad", "window", "seen"))
        exchanges = list(map(str, state["exchanges"]))
        return cls(bad, window, seen, watch, run_from, run_bad, state.get("alarm"), int(state["later"]), exchanges)
