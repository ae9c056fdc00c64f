"""When rollouts were last watched, told by a small file: it outlives a control that is killed."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from llmgateway.domain.clock import Clock

LOST_S: Final = 60.0  # nobody watched for longer: a person has to look
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Watchfile:
    """`path` None: nothing is remembered. The file's time is the date; in it are this boot's name and the monotonic
    clock, which goes on from process to process and can't be set.
    """

    def __init__(self, path: Path | None, clock: Clock, boot: Path = BOOT) -> None:
        self._path = path
        self._clock = clock
        self._boot = _text(boot)

    def tick(self) -> None:
        """Note that somebody watches now. A disk that is full is no reason not to watch."""
        if self._path is None:
            return
        now = self._clock.time()
        with suppress(OSError):
            self._path.write_text(f"{self._boot} {self._clock.monotonic()}", "utf-8")
            os.utime(self._path, (now, now))

    def was_lost(self) -> bool:
        """Whether the last who watched neither does now, nor said goodbye."""
        if self._path is None:
            return False
        try:
            return self._away(self._path) > LOST_S
        except OSError:
            return False

    def close(self) -> None:
        """Say goodbye: whoever comes next is not late."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def _away(self, path: Path) -> float:
        """For how many seconds nobody has watched; by date where the machine was started anew, or nobody knows."""
        by_date = self._clock.time() - path.stat().st_mtime
        boot, _, then = _text(path).rpartition(" ")
        if not boot or boot != self._boot:
            return by_date
        try:
            return self._clock.monotonic() - float(then)
        except ValueError:
            return by_date


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
