"""The child's end of its line to the supervisor: beats while the event loop turns, notices when it is orphaned."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from llmgateway.supervisor.child import BEAT, BEAT_EVERY_S, READY


class Tether:
    """Holds on to the supervisor. `on_orphaned` is called once when the supervisor is gone, however it went."""

    def __init__(self, line: socket.socket, on_orphaned: Callable[[], None]) -> None:
        self._line = line
        self._on_orphaned = on_orphaned
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        line.setblocking(False)

    def start(self) -> None:
        """Begin to beat and to listen."""
        self._loop.add_reader(self._line, self._heard)
        self._beat()

    def ready(self) -> None:
        """Tell the supervisor that this child does its work now."""
        self._say(READY)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.remove_reader(self._line)

    def _beat(self) -> None:
        self._say(BEAT)
        self._timer = self._loop.call_later(BEAT_EVERY_S, self._beat)

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # orphaned: the reader tells
            self._line.send(word)

    def _heard(self) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                if self._line.recv(64):
                    return
            except ConnectionError:
                pass
            self.close()
            self._on_orphaned()
