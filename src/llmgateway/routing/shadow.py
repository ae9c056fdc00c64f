"""Whether an exchange is copied to its route's shadow version, and why not. Pure: what is asked goes in, a verdict out.

The choice falls by a hash of the exchange's id, so it is the same whenever and wherever it is made again, and has
nothing to do with how the exchange's own version was chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from llmgateway.config.snapshot import Shadow
from llmgateway.domain.clock import Clock
from llmgateway.domain.exchange import AttemptKind
from llmgateway.domain.operation import BodyKind
from llmgateway.routing.plan import Target
from llmgateway.routing.standing import Standing

WINDOW_S: Final = 60
MAX_HELD_BYTES: Final = 64 * 1024 * 1024  # request bodies of a worker's running copies together
_SCALE: Final = 2.0**-64


class LeftOut(StrEnum):
    """Why an exchange that its share had chosen was not copied; the closed set behind the metric's label."""

    BUDGET = "budget"  # max_per_minute is used up
    CONCURRENCY = "concurrency"  # max_concurrent copies are under way
    MEMORY = "memory"  # the running copies' bodies take all the room there is for them
    UPLOAD = "upload"  # its body is no JSON and was passed on without being kept
    STATEFUL = "stateful"  # a second one would have effects: files, batches, and what is not known
    DRAINING = "draining"  # the worker is about to leave
    OVERLOADED = "overloaded"  # the worker has no memory or time to spare for copies
    LOG_FULL = "log_full"  # what could not be written down is not sent
    BACKEND = "backend"  # every backend of the shadow's version is out, or has no place free


@dataclass(frozen=True, slots=True)
class Question:
    """What the verdict is made of, beside the route's settings. `held_bytes`: bodies of the copies under way."""

    exchange_id: str
    kind: BodyKind
    is_stateful: bool
    body_bytes: int
    held_bytes: int = 0
    is_draining: bool = False


class ShadowBudget:
    """How many copies a route has under way, and how many it made within the last minute. One a route and worker."""

    __slots__ = ("_clock", "_made", "_second", "made", "running")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made = [0] * WINDOW_S  # by second
        self._second = int(clock.monotonic())
        self.made = 0  # their sum
        self.running = 0

    def __repr__(self) -> str:
        return f"<ShadowBudget {self.running} running, {self.made} made>"

    def has_room(self, max_per_minute: int) -> bool:
        self._move()
        return self.made < max_per_minute

    def begin(self) -> None:
        """Note a copy that starts; `end` follows it."""
        self._move()
        self._made[self._second % WINDOW_S] += 1
        self.made += 1
        self.running += 1

    def end(self) -> None:
        self.running -= 1

    def _move(self) -> None:
        """Forget the seconds that have left the window."""
        second = int(self._clock.monotonic())
        for passed in range(self._second + 1, min(second, self._second + WINDOW_S) + 1):
            self.made -= self._made[passed % WINDOW_S]
            self._made[passed % WINDOW_S] = 0
        self._second = second


def is_chosen(exchange_id: str, share: float) -> bool:
    """Whether `share` of all exchanges has this one in it. A larger share has all of a smaller one's."""
    if share <= 0.0:
        return False
    digest = blake2b(exchange_id.encode(), digest_size=8, person=b"shadow").digest()
    return int.from_bytes(digest, "big") * _SCALE < share


def verdict(shadow: Shadow, asked: Question, budget: ShadowBudget) -> bool | LeftOut:
    """True: copy it. False: the share does not have it. Else why it is left out."""
    if not is_chosen(asked.exchange_id, shadow.share):
        return False
    unfit = _unfit(asked)
    if unfit is not None:
        return unfit
    if budget.running >= shadow.max_concurrent:
        return LeftOut.CONCURRENCY
    if asked.held_bytes + asked.body_bytes > MAX_HELD_BYTES:
        return LeftOut.MEMORY
    return True if budget.has_room(shadow.max_per_minute) else LeftOut.BUDGET


def _unfit(asked: Question) -> LeftOut | None:
    """What rules a copy out whatever room there is."""
    if asked.is_stateful:
        return LeftOut.STATEFUL
    if asked.kind is not BodyKind.JSON:
        return LeftOut.UPLOAD
    return LeftOut.DRAINING if asked.is_draining else None


def shadow_target(shadow: Shadow, standings: Mapping[str, Standing], draw: float, now: float) -> Target | None:
    """The one attempt a copy has: at a backend of its version that is in and has a place free, picked by `draw` in
    [0, 1). None if there is none: a copy waits in no queue, and tries nobody who may be sick.
    """
    members = [standings[backend.name] for backend in shadow.version.backends]
    for each in members:
        each.look(now)
    fit = [each for each in members if each.is_open and (each.places is None or each.places.is_free)]
    return Target(shadow.version, fit[int(draw * len(fit))], AttemptKind.SHADOW) if fit else None
