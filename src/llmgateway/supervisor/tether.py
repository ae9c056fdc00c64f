"""The child's end of its line to the supervisor: beats while the event loop turns, hears words, notices its end."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from llmgateway.supervisor.child import BEAT, BEAT_EVERY_S, READY

Action = Callable[[], object]


class Tether:
    """Holds on to the supervisor. `on_orphaned` is called once when the supervisor is gone, however it went."""

    def __init__(self, line: socket.socket, on_orphaned: Action) -> None:
        self._line = line
        self._on_orphaned = on_orphaned
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._actions: dict[int, Action] = {}
        self._unheeded: dict[int, None] = {}  # words, each once and in order, until somebody heeds them
        line.setblocking(False)

    def start(self) -> None:
        """Begin to beat and to listen."""
        self._loop.add_reader(self._line, self._heard)
        self._beat()

    def ready(self) -> None:
        """Tell the supervisor that this child does its work now."""
        self._say(READY)

    def heed(self, word: bytes, action: Action) -> None:
        """Do `action` whenever the supervisor says `word`; at once if it has said it before."""
        (number,) = word
        self._actions[number] = action
        if number in self._unheeded:
            del self._unheeded[number]
            action()

    def close(self) -> None:
        """Fall silent and deaf; the line itself goes with the process."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.remove_reader(self._line)

    def _beat(self) -> None:
        self._say(BEAT)
        self._timer = self._loop.call_later(BEAT_EVERY_S, self._beat)

    def _say(self, word: bytes) -> None:
        with suppress(OSError):  # orphaned: the reader tells
            self._line.send(word)

    def _heard(self) -> None:
        try:
            words = self._line.recv(64)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words:
            self.close()
            self._on_orphaned()
        for word in words:
            action = self._actions.get(word)
            if action is not None:
                action()
            else:
                self._unheeded[word] = None
