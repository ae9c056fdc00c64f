"""Evaluators that have stopped judging, as alarms: a figure that nobody adds to looks just like one that is fine.

One is silent when exchanges were due and none was judged for a while. That nothing is due is no silence. A judge whose
money for the day is used up has stopped by its operator's word: that is a warning, once a day.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.controlplane.evaluation.figures import Figures, Result
from llmgateway.controlplane.events import Events
from llmgateway.domain.clock import Clock
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.evaluator import Why

SILENT_S: Final = 900.0
MIN_MISSED: Final = 3
LOOK_S: Final = 15.0

Misses = Mapping[str, int]
"""Exchanges that were due and not judged, by what came instead."""


class Quiet(NamedTuple):
    """One that is silent: since when exchanges were due, when it last judged (None: not as far as is known), and what
    came instead since then. Unix seconds.
    """

    name: str
    since: float
    judged_at: float | None
    missed: Misses


@dataclass(slots=True)
class _Heard:
    """What was known of one when it last judged. `since`: when an exchange was first missed after that."""

    judged_at: float
    missed: Misses
    since: float | None = None


class Silence:
    """Compares figures from look to look; begins anew with each start, and then takes SILENT_S to notice."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}

    def look(self, figures: Figures, names: Sequence[str], now: float) -> list[Quiet]:
        """Who of these is silent now."""
        self._heard = {name: each for name, each in self._heard.items() if name in names}
        return [quiet for name in names if (quiet := self._one(figures, name, now)) is not None]

    def _one(self, figures: Figures, name: str, now: float) -> Quiet | None:
        judged_at, missed = figures.last_success.get(name, 0.0), misses(figures, name)
        heard = self._heard.get(name)
        if heard is None or heard.judged_at != judged_at:
            heard = self._heard[name] = _Heard(judged_at, missed)
        new = {what: count - heard.missed[what] for what, count in missed.items() if count > heard.missed[what]}
        if new and heard.since is None:
            heard.since = now
        if heard.since is None or now - heard.since < SILENT_S or sum(new.values()) < MIN_MISSED:
            return None
        return Quiet(name, heard.since, judged_at or None, new)


class Silences:
    """Notes who falls silent, and who judges again. `run` looks now and then."""

    def __init__(self, events: Events, evaluation: Evaluation, clock: Clock) -> None:
        self._events = events
        self._evaluation = evaluation
        self._clock = clock
        self._silence = Silence()
        self._capped: dict[str, int] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Look once."""
        figures, known = self._evaluation.figures, self._events.open
        if figures is None or known is None:
            return  # the store could not be read yet
        now, names = self._clock.time(), [each.name for each in self._evaluation.members]
        alarms = {str(each.figures.get("evaluator")): each for each in known.values() if each.kind is EventKind.JUDGE}
        for quiet in self._silence.look(figures, names, now):
            if quiet.name not in alarms:
                self._events.note(silent(quiet, now))
        for name, event in alarms.items():
            # by the value, not by which is later: clocks are set back
            if name not in names or figures.last_success.get(name) != event.figures.get("judged_at"):
                self._events.clear(event.id, now)
        for name in names:
            self._look_at_money(figures, name, now)

    def _look_at_money(self, figures: Figures, name: str, now: float) -> None:
        count = figures.skipped.get((name, Why.COST_CAP.value), 0)
        before = self._capped.get(name, count)
        self._capped[name] = count
        if count > before:
            self._events.note(capped(name, figures.today(name, now).day, now))


def misses(figures: Figures, name: str) -> dict[str, int]:
    """How often one was due and did not judge, so far."""
    runs = {each.value: figures.runs.get((name, each.value), 0) for each in (Result.FAILED, Result.JUDGE_ERROR)}
    return runs | {Why.BACKLOG.value: figures.skipped.get((name, Why.BACKLOG.value), 0)}


def silent(quiet: Quiet, now: float) -> GatewayEvent:
    """The alarm that one has stopped judging."""
    total, minutes = sum(quiet.missed.values()), (now - quiet.since) / 60
    what = ", ".join(f"{count} {name}" for name, count in quiet.missed.items())
    return GatewayEvent(
        id=f"judge-{quiet.name}-{round(1_000 * quiet.since):x}",
        at=now,
        kind=EventKind.JUDGE,
        action="silent",
        severity=EventSeverity.ALARM,
        text=f"The evaluator {quiet.name} has judged none of {total} exchanges in {minutes:.0f} minutes: {what}.",
        figures={
            "evaluator": quiet.name,
            "since": quiet.since,
            "judged_at": quiet.judged_at,
            "missed": dict(quiet.missed),
        },
    )


def capped(name: str, day: str, now: float) -> GatewayEvent:
    """The warning that one judges no more today."""
    return GatewayEvent(
        id=f"judge-{name}-capped-{day}",
        at=now,
        kind=EventKind.JUDGE,
        action="capped",
        severity=EventSeverity.WARNING,
        text=f"The evaluator {name} has used up its money or its questions for {day} (UTC), and judges on tomorrow.",
        figures={"evaluator": name, "day": day},
    )
