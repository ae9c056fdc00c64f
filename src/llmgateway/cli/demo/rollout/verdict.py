"""What the demo can prove: figures of both rollouts from the log, and whether everything was as promised."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from llmgateway.cli.demo.rollout.crowd import Seen
from llmgateway.cli.demo.rollout.scenes import Scene
from llmgateway.ports.store import Row
from llmgateway.rollout.rollout import MUST_SEE

WITHIN_S: Final = 2.0
GATEWAY: Final = "the gateway"
_BACK: Final = "rolling_back"


@dataclass(frozen=True, slots=True)
class Played:
    """A scene as it was played. `read`: answers that the reviewer saw. `broke_at`: Unix time."""

    scene: Scene
    rollout: str
    state: str
    moves: Sequence[Mapping[str, Any]]
    seconds: float
    read: int = 0
    broke_at: float | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """One rollout in figures. Of a candidate that was withdrawn: seconds from when it began to fail to the decision,
    and from the fault that decided to the decision and to the last request it was given (0: none came after it).
    """

    candidate: str
    state: str
    is_as_meant: bool
    seconds: float
    read: int
    assigned: int
    users: int
    failed: int
    rescued: int
    to_decision_s: float | None = None
    decided_in_s: float | None = None
    to_last_s: float | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that has to be so."""

    words: str
    is_kept: bool


def ending(played: Played, rows: Sequence[Row]) -> Ending:
    """Work out a rollout's figures from the log."""
    scene = played.scene
    own = [row for row in rows if row["rollout"] == played.rollout and row["assigned_version"] == scene.candidate]
    failed = [row for row in own if _has_failed(row)]
    back = next((move for move in played.moves if move["to"] == _BACK), None)
    decisive = None if back is None else _decisive(failed, back["at"])
    return Ending(
        candidate=scene.candidate,
        state=played.state,
        is_as_meant=played.state == scene.ends,
        seconds=played.seconds,
        read=played.read,
        assigned=len(own),
        users=len({row["user"] for row in own}),
        failed=len(failed),
        rescued=sum(row["status"] == 200 for row in failed),
        to_decision_s=None if back is None or played.broke_at is None else back["at"] - played.broke_at,
        decided_in_s=None if back is None or decisive is None else back["at"] - decisive,
        to_last_s=None if decisive is None else max(0.0, *(row["at"] - decisive for row in own)),
        by=None if back is None else back["actor"] or GATEWAY,
    )


def _has_failed(row: Row) -> bool:
    return row["served_version"] != row["assigned_version"] or (row["status"] or 0) >= 400


def _decisive(failed: Sequence[Row], decided_at: float) -> float | None:
    """When the fault ended that was the last before the decision."""
    return max((row["ended_at"] for row in failed if row["ended_at"] <= decided_at), default=None)


@dataclass(frozen=True, slots=True)
class Closing:
    """What came of the whole demo."""

    seconds: float
    asked: int
    errors: int
    streams: int
    cut: int
    logged: int
    good: Ending
    bad: Ending
    promises: Sequence[Promise]

    @property
    def is_sound(self) -> bool:
        return all(promise.is_kept for promise in self.promises)

    def shown(self) -> dict[str, Any]:
        """The same for programs."""
        return {**asdict(self), "is_sound": self.is_sound}


def closing(played: Sequence[Played], rows: Sequence[Row], seen: Seen, seconds: float) -> Closing:
    """Put the figures together: of the one that went right, and of the one that went wrong."""
    good, bad = (ending(each, rows) for each in played)
    return Closing(
        seconds=seconds,
        asked=seen.asked,
        errors=seen.asked - seen.answered,
        streams=seen.streams,
        cut=seen.cut,
        logged=len(rows),
        good=good,
        bad=bad,
        promises=_promises(good, bad, seen, len(rows)),
    )


def _promises(good: Ending, bad: Ending, seen: Seen, logged: int) -> list[Promise]:
    late = bad.to_last_s is None or bad.to_last_s > WITHIN_S
    is_withdrawn = bad.is_as_meant and bad.by == GATEWAY
    return [
        Promise(f"{good.candidate} went through every step: {_told(good)}", good.is_as_meant),
        Promise(f"{good.read} of its answers were read before", good.read >= MUST_SEE),
        Promise(f"{bad.candidate} began to fail: {_told(bad)}", is_withdrawn),
        Promise(f"after the fault too many: {_after(bad)}", not late),
        Promise(f"callers: {seen.asked:,} requests, {seen.asked - seen.answered} errors", not seen.errors),
        Promise(f"{seen.streams:,} streams, {seen.cut} cut", not seen.cut),
        Promise(f"{logged:,} exchanges in the log", logged >= seen.asked),
    ]


def _told(each: Ending) -> str:
    return each.state.replace("_", " ") + (f" by {each.by}" if each.by else "")


def _after(each: Ending) -> str:
    if each.decided_in_s is None or each.to_last_s is None:
        return "no decision"
    return f"decision {each.decided_in_s:.2f} s, last request to {each.candidate} {each.to_last_s:.2f} s"
