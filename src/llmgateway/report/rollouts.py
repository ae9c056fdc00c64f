"""The rollouts of a time: what was to be brought in, every move with who and why, and who approved. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from llmgateway.ports.rollouts import ApprovalRecord, EpochCount, RolloutRecord, TransitionRecord
from llmgateway.report.figures import Share

MAX_ROLLOUTS: Final = 20  # of one route, the newest
MAX_MOVES: Final = 60  # of one rollout, the last ones


@dataclass(frozen=True, slots=True)
class Move:
    """`actor` empty: the gateway did it by itself. `reason`: what was written down then, if anything was."""

    at: float
    event: str
    from_state: str
    to_state: str
    pause: str | None
    weight: float
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody approved of the version `content` and the evidence that there was then."""

    at: float
    by: str
    content: str


@dataclass(frozen=True, slots=True)
class Judged:
    """By one metric: how many of each version's units were bad, of those that were judged."""

    metric: str
    stable: Share
    candidate: Share


@dataclass(frozen=True, slots=True)
class RolloutStory:
    """One rollout, from its beginning on. `moves_left_out`: earlier ones that are not told."""

    id: str
    candidate: str
    stable: str
    content: str
    creator: str
    created_at: float
    state: str
    is_running: bool
    moves: Sequence[Move]
    moves_left_out: int
    approvals: Sequence[Approval]
    judged: Sequence[Judged]

    @property
    def ended_at(self) -> float | None:
        """When it moved last, if it runs no more."""
        return None if self.is_running or not self.moves else self.moves[-1].at


def story_of(
    record: RolloutRecord,
    transitions: Sequence[TransitionRecord],
    approvals: Iterable[ApprovalRecord],
    counts: Iterable[EpochCount] = (),
) -> RolloutStory:
    """Put together what the store has of one rollout."""
    told = transitions[-MAX_MOVES:]
    return RolloutStory(
        id=record.id,
        candidate=record.candidate,
        stable=record.stable,
        content=record.version_hash,
        creator=record.creator,
        created_at=record.created_at,
        state=record.state,
        is_running=record.filed is None,
        moves=[
            Move(each.at, each.event, each.from_state, each.to_state, each.pause, each.weight, each.actor, each.reason)
            for each in told
        ],
        moves_left_out=len(transitions) - len(told),
        approvals=[Approval(each.at, each.by, each.version_hash) for each in approvals],
        judged=_judged(counts),
    )


def _judged(counts: Iterable[EpochCount]) -> list[Judged]:
    """Sums over all weights. Rows whose name is no metric's count something else."""
    ordered = sorted((each for each in counts if each.metric[:1].isalnum()), key=lambda each: each.metric)
    found = []
    for metric, same in groupby(ordered, key=lambda each: each.metric):
        rows = list(same)
        stable = Share(sum(each.stable_bad for each in rows), sum(each.stable_units for each in rows))
        candidate = Share(sum(each.candidate_bad for each in rows), sum(each.candidate_units for each in rows))
        found.append(Judged(metric, stable, candidate))
    return found


def belongs(story: RolloutStory, since: float, until: float) -> bool:
    """Whether any of it was in the time."""
    ended = story.ended_at
    return story.created_at < until and (ended is None or ended >= since)
