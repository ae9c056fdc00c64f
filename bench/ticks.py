"""A timer that is right to some microseconds. uvloop's own timers count whole milliseconds, longer than a gateway takes
for a request; and waiting in a busy loop would take the core that is being measured.
"""

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable
from typing import Final

_CLOCK_MONOTONIC: Final = 1
_ABSOLUTE: Final = 1
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_SPEC: Final = struct.Struct("@qqqq")  # struct itimerspec: interval and first expiry, seconds and nanoseconds each


class Ticks:
    """Call `on_tick` at `start` (of time.monotonic) and every `interval` seconds from then on, in the running loop,
    until `close`. Ticks that the loop was too late for are not made up for. Linux only.
    """

    def __init__(self, start: float, interval: float, on_tick: Callable[[], None]) -> None:
        self._on_tick = on_tick
        self._loop = asyncio.get_running_loop()
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        spec = _SPEC.pack(*_split(interval), *_split(start))
        if libc.timerfd_settime(self._fd, _ABSOLUTE, spec, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._loop.add_reader(self._fd, self._ready)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _ready(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        self._on_tick()


def _split(seconds: float) -> tuple[int, int]:
    return divmod(max(1, round(seconds * 1e9)), 10**9)
