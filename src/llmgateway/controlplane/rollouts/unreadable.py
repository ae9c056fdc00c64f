"""Rollouts whose record in the store can't be read, or whose evidence can't be decided on: nobody moves them, and their
weights stay what they were, until a person files them away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from llmgateway.controlplane.events import Events
from llmgateway.controlplane.rollouts.records import Running, running
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.rollouts import EpochCount, RolloutRecord, TransitionRecord
from llmgateway.rollout.rollout import State
from llmgateway.rollout.states import Event
from llmgateway.routing.staged import StagedWeight

ACTION: Final = "unreadable"
MAX_WHY: Final = 300  # characters
UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError)


class Weights(Protocol):
    """The part of the store that is needed here."""

    async def epoch_counts(self, rollout: str) -> tuple[list[EpochCount], dict[int, float]]: ...


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One of them, found at the Unix time `at`. `weight`: what workers were told last, and go on by; None: nobody has
    had the candidate, or that can't be read either.
    """

    record: RolloutRecord
    why: str
    weight: StagedWeight | None
    at: float

    @property
    def route(self) -> str:
        return self.record.route

    @property
    def share(self) -> float:
        """Of the assignments, the candidate's."""
        return 0.0 if self.weight is None else self.weight.weight

    @property
    def told(self) -> str:
        """What people are told, with the way out."""
        record = self.record
        return (
            f"The rollout {record.id} of {record.candidate} on {record.route} can't be read or decided on "
            f"({self.why}). Nobody moves it, and its candidate keeps {100 * self.share:.3g} % of assignments. To give "
            f"nobody the candidate any more and file it away: llmgateway rollout discard {record.route} --reason …"
        )

    def event(self) -> GatewayEvent:
        """The alarm; it lasts until the rollout is filed away, or can be read again."""
        record = self.record
        return GatewayEvent(
            id=f"rollout-{record.id}-unreadable-{round(1_000 * self.at):x}",
            at=self.at,
            kind=EventKind.ROLLOUT,
            action=ACTION,
            severity=EventSeverity.ALARM,
            text=self.told,
            route=record.route,
            version=record.candidate,
            figures={"rollout": record.id, "revision": record.revision, "state": record.state, "weight": self.share},
        )

    def discarded(self, at: float, actor: str, reason: str, generation: int) -> TransitionRecord:
        """The row that says that a person has filed it away."""
        record = self.record
        revision = record.revision + 1
        return TransitionRecord(
            rollout=record.id,
            revision=revision,
            key=f"{record.id}:{revision}:{Event.ABORT}",
            at=at,
            event=Event.ABORT.value,
            from_state=record.state,
            to_state=State.ABORTED.value,
            pause=None,
            step=0,
            epoch=0 if self.weight is None else self.weight.epoch + 1,
            weight=0.0,
            actor=actor,
            reason=f"{reason} (it could not be read)".strip(),
            evidence={},
            evidence_hash="",
            generation=generation,
        )


def why_of(error: Exception) -> str:
    """What is wrong, in some words."""
    return f"{type(error).__name__}: {error}"[:MAX_WHY]


def alarm(lost: Mapping[str, Unreadable], events: Events, now: float) -> None:
    """Have it told which are lost, by route, and which are no more. Called now and then."""
    if events.open is None:
        return  # the store could not be read yet
    told = {
        event.route: event.id
        for event in events.open.values()
        if (event.kind, event.action) == (EventKind.ROLLOUT, ACTION) and not events.is_ending(event.id)
    }
    for each in lost.values():
        if each.route not in told:
            events.note(each.event())
    for route, event_id in told.items():
        if route not in lost:
            events.clear(event_id, now)


async def read(record: RolloutRecord, store: Weights, now: float) -> Running | Unreadable:
    """Read a record, so that nothing of it is in doubt later. StoreError."""
    try:
        made = running(record)
        made.weight()
    except UNREADABLE as error:
        return Unreadable(record, why_of(error), await _frozen(record, store), now)
    return made


async def _frozen(record: RolloutRecord, store: Weights) -> StagedWeight | None:
    """The weight that its last move has set, which is a column of its own."""
    _, weights = await store.epoch_counts(record.id)
    epoch = max(weights, default=0)
    if epoch < 1:
        return None
    told = {"rollout": record.id, "epoch": epoch, "candidate": record.candidate, "weight": weights[epoch]}
    return StagedWeight.read(told | {"key": record.unit_key, "version": record.version_hash})
