"""Places at a backend: how many exchanges may be there at once, and who waits for one in which order.

A queue that nobody in it survives helps nobody: who can't be served in time, by what an exchange takes here, is refused
at once. All limits are of the whole gateway; each worker has its share of them.
"""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from llmgateway.config.snapshot import Priority
from llmgateway.domain.errors import GatewayError

RANK: Final[Mapping[Priority, int]] = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}
MIN_RETRY_S: Final = 1.0
_LEARN: Final = 0.1  # a new measurement's share of the service time


class Shed(StrEnum):
    """Why somebody got no place."""

    FULL = "full"
    TOO_LONG = "too_long"  # the wait could not have been met
    TIMEOUT = "timeout"
    DISPLACED = "displaced"  # somebody more important came


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of a limit is this worker's: the `slot`th of `count`."""

    slot: int = 0
    count: int = 1

    def of(self, total: int) -> int:
        """The parts add up to `total`."""
        return total // self.count + (self.slot < total % self.count)


@dataclass(slots=True, eq=False)
class Waiter:
    """One exchange in the queue. `on_turn` is called once: with None when it has its place, else with the refusal."""

    rank: int
    since: float
    deadline: float
    on_turn: Callable[[GatewayError | None], None]
    is_waiting: bool = field(default=True, init=False)


class Places:
    """The places of one worker at one backend. Whoever got one calls `leave`, whoever stops waiting `give_up`."""

    __slots__ = ("_arrivals", "_heap", "_limit", "_max_wait_s", "_queue", "in_use", "service_s", "sheds", "waiting")

    def __init__(self, limit: int, queue: int, max_wait_s: float, sheds: dict[str, int]) -> None:
        self.sheds = sheds  # counted here, by reason
        self.in_use = 0
        self.waiting = 0
        self.service_s = 0.0  # how long a place is held; 0: not known yet
        self._heap: list[tuple[int, int, Waiter]] = []  # those who gave up are dropped when they come to the front
        self._arrivals = 0
        self._limit, self._queue, self._max_wait_s = limit, queue, max_wait_s

    def __repr__(self) -> str:
        return f"<Places {self.in_use}/{self._limit}, {self.waiting}/{self._queue} waiting>"

    def configure(self, limit: int, queue: int, max_wait_s: float) -> None:
        """Take new limits. Nobody who has a place loses it, and nobody who waits is turned away."""
        self._limit, self._queue, self._max_wait_s = limit, queue, max_wait_s
        self.admit(0.0)

    def open_wide(self) -> None:
        """There is no limit any more: whoever waits may go."""
        self.configure(self.in_use + self.waiting + 1, 0, self._max_wait_s)

    @property
    def is_free(self) -> bool:
        """Whether somebody who comes now has a place at once."""
        return self.in_use < self._limit and not self.waiting

    def take(self) -> bool:
        """Take a free place, if there is one."""
        if not self.is_free:
            return False
        self.in_use += 1
        return True

    def expected_wait_s(self, rank: int) -> float:
        """How long somebody of that rank would wait, by what places were held for up to now."""
        ahead = sum(entry[0] <= rank and entry[2].is_waiting for entry in self._heap)
        return (ahead + 1) * self.service_s / self._limit

    def wait(self, rank: int, now: float, on_turn: Callable[[GatewayError | None], None]) -> Waiter:
        """Stand in the queue; GatewayError `overloaded` where that makes no sense."""
        expected = self.expected_wait_s(rank)
        if expected > self._max_wait_s:
            raise self._refusal(Shed.TOO_LONG, expected)
        if self.waiting >= self._queue and not self._displace(rank):
            raise self._refusal(Shed.FULL, expected)
        waiter = Waiter(rank, now, now + self._max_wait_s, on_turn)
        self._arrivals += 1
        self.waiting += 1
        if len(self._heap) > 2 * self._queue + 16:  # mostly people who have left
            self._heap = [entry for entry in self._heap if entry[2].is_waiting]
            heapq.heapify(self._heap)
        heapq.heappush(self._heap, (rank, self._arrivals, waiter))
        return waiter

    def time_out(self, waiter: Waiter) -> GatewayError:
        """Its deadline has passed: the refusal."""
        self._remove(waiter)
        return self._refusal(Shed.TIMEOUT, self.expected_wait_s(waiter.rank))

    def give_up(self, waiter: Waiter) -> None:
        """Its caller has left."""
        self._remove(waiter)

    def leave(self, held_s: float | None, now: float) -> None:
        """Give a place back, to the next in the queue where there is one. `held_s` is for the service time."""
        if held_s is not None:
            known = self.service_s
            self.service_s = held_s if not known else known + _LEARN * (held_s - known)
        self.in_use -= 1
        self.admit(now)

    def admit(self, now: float) -> None:
        """Hand out places while there are both places and people; who is late by now is refused."""
        while self.waiting and self.in_use < self._limit:
            waiter = heapq.heappop(self._heap)[2]
            if not waiter.is_waiting:
                continue
            self._remove(waiter)
            if waiter.deadline < now:
                waiter.on_turn(self._refusal(Shed.TIMEOUT, self.expected_wait_s(waiter.rank)))
                continue
            self.in_use += 1
            waiter.on_turn(None)

    def _displace(self, rank: int) -> bool:
        """Make room for `rank` by refusing the last of the least important, if that one is less important."""
        last = max((entry for entry in self._heap if entry[2].is_waiting), default=None, key=lambda entry: entry[:2])
        if last is None or last[0] <= rank:
            return False
        self._remove(last[2])
        last[2].on_turn(self._refusal(Shed.DISPLACED, self.expected_wait_s(last[0])))
        return True

    def _remove(self, waiter: Waiter) -> None:
        if waiter.is_waiting:
            waiter.is_waiting = False
            self.waiting -= 1

    def _refusal(self, why: Shed, wait_s: float) -> GatewayError:
        self.sheds[why] = self.sheds.get(why, 0) + 1
        text = "The backend is busy, and the queue before it too long."
        return GatewayError("overloaded", text, retry_after_s=max(MIN_RETRY_S, wait_s))
