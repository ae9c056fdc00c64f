"""When things are due: requests of an open loop, and the chunks of many streams. Pure: the clock is the caller's."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Schedule:
    """The due times of an open loop: `rate` a second from `start` on for `seconds`, whether answers come or not.

    Latency counts from the due time. A generator that waited for an answer before it sent the next request would not
    see what the requests it held back had suffered (coordinated omission).
    """

    def __init__(self, rate: float, seconds: float, start: float) -> None:
        if rate <= 0 or seconds <= 0:
            raise ValueError("a schedule needs a rate and a duration")
        self.count = max(1, round(rate * seconds))
        self.interval = 1.0 / rate
        self.start = start
        self._next = 0

    @property
    def is_over(self) -> bool:
        return self._next >= self.count

    def due(self, now: float) -> Iterator[float]:
        """Yield the times of all that have become due by `now`, each once."""
        while self._next < self.count:
            moment = self.start + self._next * self.interval
            if moment > now:
                return
            self._next += 1
            yield moment


class Wheel(Generic[Item]):
    """Items that are each due once a period, spread over it by slots, so that one timer serves any number of them."""

    def __init__(self, period: float, slots: int, start: float) -> None:
        self._slots: list[list[Item]] = [[] for _ in range(slots)]
        self._width = period / slots
        self._start = start
        self._turned = 0  # slots passed since the start

    def __len__(self) -> int:
        return sum(map(len, self._slots))

    def add(self, item: Item) -> list[Item]:
        """Put an item in the emptiest slot; keep what this returns, to `remove` it from."""
        slot = min(self._slots, key=len)
        slot.append(item)
        return slot

    def turn(self, now: float) -> Iterator[Item]:
        """Yield what has become due; an item whose time passed twice comes twice. Items may leave meanwhile."""
        passed = int((now - self._start) / self._width)
        while self._turned < passed:
            slot = self._slots[self._turned % len(self._slots)]
            self._turned += 1
            yield from tuple(slot)
