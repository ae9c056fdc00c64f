"""One rollout as it is played: somebody starts it, its people do what is theirs, and it is watched to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from llmgateway.cli.demo.rollout import screen
from llmgateway.cli.demo.rollout.configuration import FAULTY
from llmgateway.cli.demo.rollout.course import Course
from llmgateway.cli.demo.rollout.crowd import Seen
from llmgateway.cli.demo.rollout.desk import Answer, Desk, RefusedError
from llmgateway.cli.demo.rollout.scenes import (
    ENGINEER,
    RATIONALE,
    REVIEWER,
    Deed,
    Doings,
    Scene,
    Tempo,
    is_over,
)
from llmgateway.cli.demo.rollout.telling import Telling
from llmgateway.cli.demo.rollout.verdict import Played
from llmgateway.domain.clock import Clock, SystemClock

LOOK_S: Final = 0.2
LONGEST_S: Final = 90.0  # for one rollout, on a machine that is busy with something else


@dataclass(slots=True)
class Play:
    """Plays scenes. `faulty`: the address of the pretend model that can be made to fail."""

    desk: Desk
    telling: Telling
    seen: Seen
    faulty: str
    tempo: Tempo
    clock: Clock = field(default_factory=SystemClock)
    _read: int = 0
    _broke_at: float | None = None

    async def scene(self, scene: Scene) -> Played:
        """Start a rollout and see it to its end, or until it has taken too long."""
        began, course, doings = self.clock.monotonic(), Course(scene), Doings(scene, self.tempo)
        self._read, self._broke_at = 0, None
        with self.telling.scene(course, self.seen):
            self.telling.say(f"{ENGINEER} starts it: “{scene.reason}”")
            rollout = (await self.desk.act("start", ENGINEER, reason=scene.reason))["rollout"]
            while not self._look(course, rollout, self.clock.monotonic() - began):
                await self._do(doings, rollout)
                await asyncio.sleep(LOOK_S)
                rollout = await self.desk.rollout()
        return Played(
            scene=scene,
            rollout=rollout["id"],
            state=rollout["state"],
            moves=await self.desk.history(rollout["id"]),
            seconds=self.clock.monotonic() - began,
            read=self._read,
            broke_at=self._broke_at,
        )

    def _look(self, course: Course, rollout: Answer, at: float) -> bool:
        """Tell how it is; returns whether there is nothing more to come."""
        for line in course.note(rollout, at):
            self.telling.say(line, "bold")
        self.telling.look(course, self.seen, at)
        if at > LONGEST_S:
            self.telling.say(f"it is not over after {at:.0f} s", "bold red")
        return is_over(rollout) or at > LONGEST_S

    async def _do(self, doings: Doings, rollout: Answer) -> None:
        now = self.clock.monotonic()
        deed = doings.due(rollout, now)
        if deed is None:
            return
        try:
            await self._deed(deed)(rollout)
        except RefusedError as refused:
            self.telling.say(str(refused), "yellow")
            doings.refused()
        else:
            doings.done(deed, now)

    def _deed(self, deed: Deed) -> Callable[[Answer], Awaitable[None]]:
        return {
            Deed.BREAK: self._break,
            Deed.READ: self._read_answers,
            Deed.APPROVE: self._approve,
            Deed.PROMOTE: self._promote,
        }[deed]

    async def _break(self, rollout: Answer) -> None:
        share = f"{FAULTY['error_rate']:.0%}"
        self.telling.say(f"now the model of {rollout['candidate']} begins to fail: {share} of its answers", "bold red")
        self._broke_at = self.clock.time()
        await self.desk.turn(self.faulty, FAULTY)

    async def _read_answers(self, rollout: Answer) -> None:
        shown: list[Any] = (await self.desk.act("exemplars", REVIEWER))["exemplars"]
        self._read = len(shown)
        told = f"{REVIEWER} reads {len(shown)} random answers of {rollout['candidate']}, as who promotes it has to:"
        self.telling.say(told)
        self.telling.show(screen.exemplars(shown))

    async def _approve(self, rollout: Answer) -> None:
        await self.desk.act("approve", REVIEWER, {"evidence_hash": rollout["evidence_hash"]})
        self.telling.say(f"{REVIEWER} approves of this version on evidence {rollout['evidence_hash'][:12]}")

    async def _promote(self, _: Answer) -> None:
        self.telling.say(f"{REVIEWER} promotes it: “{RATIONALE}”")
        await self.desk.act("promote", REVIEWER, reason=RATIONALE)
