"""One event a second for everybody who watches: made once, handed to each, never kept for anyone who is behind."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

from llmgateway.wire.jsoncodec import encode

EVERY_S: Final = 1.0
MAX_SUBSCRIBERS: Final = 16
MAX_BEHIND: Final = 3  # events that wait for one subscriber; one more, and it is dropped
MAX_UNREAD: Final = 10  # events in a row before which something of the last ones had still not been taken: it is, too

log = logging.getLogger(__name__)


class FullError(Exception):
    """No further subscriber is taken."""


class Subscriber:
    """One who watches. A context manager, which ends the subscription.

    `cut` breaks the connection: whoever hands events on may be waiting for a reader who never reads. `unread`: how many
    bytes of earlier events it has not taken; systems take in a lot for programs that stand still.
    """

    def __init__(
        self, leave: Callable[["Subscriber"], None], cut: Callable[[], None], unread: Callable[[], int]
    ) -> None:
        self._leave = leave
        self._cut = cut
        self._unread = unread
        self._times_unread = 0
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_BEHIND + 1)
        self.is_dropped = False

    def offer(self, event: bytes) -> None:
        """Hand an event over, or drop the subscriber if it has too many already, or does not read."""
        self._times_unread = self._times_unread + 1 if self._unread() else 0
        if self._events.qsize() >= MAX_BEHIND or self._times_unread >= MAX_UNREAD:
            self.drop()
        elif not self.is_dropped:
            self._events.put_nowait(event)

    def drop(self) -> None:
        if not self.is_dropped:
            self.is_dropped = True
            while not self._events.empty():
                self._events.get_nowait()
            self._events.put_nowait(None)
            self._cut()

    async def event(self) -> bytes | None:
        """The next event, or None: there will be no more."""
        return await self._events.get()

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._leave(self)


class Feed:
    """Looks once a second while somebody watches. `view` gives what they see."""

    def __init__(self, view: Callable[[], Mapping[str, Any]], every_s: float = EVERY_S) -> None:
        self._view = view
        self._every_s = every_s
        self._subscribers: set[Subscriber] = set()
        self._ticking: asyncio.Task[None] | None = None

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def subscribe(self, cut: Callable[[], None] = lambda: None, unread: Callable[[], int] = lambda: 0) -> Subscriber:
        """Take a subscriber, who gets the first event at once; raises FullError. See Subscriber."""
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            raise FullError
        subscriber = Subscriber(self._left, cut, unread)
        subscriber.offer(self._event())
        self._subscribers.add(subscriber)
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.get_running_loop().create_task(self._tick(), name="live feed")
        return subscriber

    def close(self) -> None:
        """Drop everybody: the gateway stops, or who may watch has changed."""
        self._drop()
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def _drop(self) -> None:
        for subscriber in tuple(self._subscribers):
            subscriber.drop()

    def _left(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    async def _tick(self) -> None:
        while self._subscribers:
            await asyncio.sleep(self._every_s)
            try:
                event = self._event()
            except Exception:
                log.exception("the live view can't be made; whoever watches it is hung up on")
                self._drop()
                return
            for subscriber in tuple(self._subscribers):
                subscriber.offer(event)

    def _event(self) -> bytes:
        return b"event: live\ndata: " + encode(self._view()) + b"\n\n"
