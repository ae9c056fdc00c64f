"""The two rollouts of the demo, and what its people do when: decided from how a rollout is, without a clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

ENGINEER: Final = "Carol (a pretend engineer)"
REVIEWER: Final = "Ann (a pretend reviewer)"
RATIONALE: Final = (
    "Read ten random answers of v2: right, and half the price. No more errors or cut-off answers than v1."
)
ENDS: Final = frozenset({"succeeded", "rolled_back", "aborted", "superseded"})


class Deed(StrEnum):
    """What somebody does with a rollout that has been started."""

    BREAK = "break"  # its model begins to fail
    READ = "read"  # ten of its answers are read
    APPROVE = "approve"
    PROMOTE = "promote"


@dataclass(frozen=True, slots=True)
class Scene:
    """One rollout: who is to take over from whom, why, and how it is to end. `breaks_at`: the step, counted from 0, at
    which the candidate begins to fail.
    """

    number: int
    title: str
    candidate: str
    stable: str
    reason: str
    ends: str
    breaks_at: int | None = None


SCENES: Final = (
    Scene(1, "a candidate that is fine", "v2", "v1", "as good, and half the price", "succeeded"),
    Scene(2, "a candidate that begins to fail", "v3", "v2", "the newest model", "rolled_back", breaks_at=1),
)


@dataclass(frozen=True, slots=True)
class Tempo:
    """How fast it all goes, in seconds: at least so long at each step and while the promotion bakes; to read answers;
    and from a step's begin to the first fault there.
    """

    step_s: float
    reading_s: float
    fault_s: float


WATCHED: Final = Tempo(step_s=8.0, reading_s=5.0, fault_s=2.0)
UNWATCHED: Final = Tempo(step_s=3.0, reading_s=0.0, fault_s=0.5)


@dataclass(slots=True)
class Doings:
    """What has been done in a scene, and when (seconds of any clock)."""

    scene: Scene
    tempo: Tempo
    times: dict[Deed, float] = field(default_factory=dict)
    _stepped_at: float | None = None  # when the step was reached where it breaks

    def due(self, rollout: Mapping[str, Any], now: float) -> Deed | None:
        """What is to be done now, if anything."""
        state = rollout.get("state")
        if state == "canary":
            return Deed.BREAK if self._breaks(rollout, now) else None
        if state != "awaiting_approval":
            return None
        if Deed.READ in self.times and now < self.times[Deed.READ] + self.tempo.reading_s:
            return None
        return next((deed for deed in (Deed.READ, Deed.APPROVE, Deed.PROMOTE) if deed not in self.times), None)

    def done(self, deed: Deed, now: float) -> None:
        """Note that it is done."""
        self.times[deed] = now

    def refused(self) -> None:
        """Note that the gateway would not have it: the evidence is another by now, so people look again."""
        for deed in (Deed.READ, Deed.APPROVE):
            self.times.pop(deed, None)

    def _breaks(self, rollout: Mapping[str, Any], now: float) -> bool:
        step = self.scene.breaks_at
        if step is None or rollout["step"] < step or Deed.BREAK in self.times:
            return False
        if self._stepped_at is None:
            self._stepped_at = now
        return now >= self._stepped_at + self.tempo.fault_s


def is_over(rollout: Mapping[str, Any]) -> bool:
    """It has ended, and the configuration's file says what came of it."""
    return rollout.get("state") in ENDS and not rollout.get("running", True)
