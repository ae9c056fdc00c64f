"""How a rollout went: its evidence and weight over time, kept for the plot, and its moves in sentences."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmgateway.cli.demo.rollout.scenes import Scene

MOST_POINTS: Final = 2_000
EVERY_S: Final = 3.0  # between two lines about figures, where no screen shows them
_MOVES: Final = {
    "canary": "step {step} of {steps}: {weight:.0%} of new users get {candidate}",
    "paused": "paused ({pause}): a person has to look",
    "awaiting_approval": "the tests have shown no harm; the rollout waits for people at the gate",
    "promoting": "promoted: the workers are being told",
    "bake": "baking: {candidate} has {weight:.0%}, the rest stays with {stable} to compare",
    "succeeded": "succeeded: {candidate} is the route's version, and the file says so",
    "rolling_back": "harm is proven: rolled back, nobody was asked",
    "rolled_back": "rolled back: no worker gives anybody {candidate}, and the file says so",
    "inconclusive": "the deadline passed without proof of anything: a person has to decide",
    "aborted": "given up by a person",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One look. `at`: seconds since the scene began; `harm`: E of all critical metrics; `safe`: the smallest E of no
    harm, for every metric has to show it. Both logarithms, natural.
    """

    at: float
    weight: float
    harm: float
    safe: float


@dataclass(slots=True)
class Course:
    """What has been seen of one scene. `latest`: the rollout as it was when it last had figures."""

    scene: Scene
    points: deque[Point] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))
    latest: Mapping[str, Any] = field(default_factory=dict)
    _place: tuple[object, ...] = ()
    _told_at: float = 0.0

    def note(self, rollout: Mapping[str, Any], at: float) -> list[str]:
        """Take in how it is; returns what there is to tell of moves."""
        if "metrics" in rollout:
            self.latest = rollout
            safe = min(each["safe"]["log_e"] for each in rollout["metrics"])
            self.points.append(Point(at, rollout["weight"], rollout["harm"]["log_e"], safe))
        place = (rollout["state"], rollout.get("step"), rollout.get("pause"))
        is_same_end = "metrics" not in rollout and place[:1] == self._place[:1]
        if is_same_end or place == self._place:
            return []
        self._place = place
        return [line] if (line := self._said(rollout)) else []

    def figures(self, at: float) -> list[str]:
        """Where the evidence is, in a line, now and then."""
        if not self.points or at < self._told_at + EVERY_S:
            return []
        self._told_at = at
        seen = self.latest
        counts = " · ".join(
            f"{each['name']} {each['bad']['candidate']}/{each['units']['candidate']}"
            f" vs {each['bad']['stable']}/{each['units']['stable']}"
            for each in seen["metrics"]
        )
        harm = seen["harm"]
        return [f"{counts} · harm E {harm['e']:.3g}/{harm['needed']:.3g}"]

    def _said(self, rollout: Mapping[str, Any]) -> str:
        words = _MOVES.get(rollout["state"])
        if words is None:
            return ""
        scene, known = self.scene, {**self.latest, **rollout}
        return words.format(
            candidate=scene.candidate,
            stable=scene.stable,
            step=known.get("step", 0) + 1,
            steps=len(known.get("steps", ())),
            weight=known.get("weight", 0.0),
            pause=known.get("pause"),
        )
