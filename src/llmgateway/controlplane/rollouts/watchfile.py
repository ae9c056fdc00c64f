"""When rollouts were last watched, told by a file's time: it outlives a control that is killed."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from llmgateway.domain.clock import Clock

LOST_S: Final = 60.0  # nobody watched for longer: a person has to look


class Watchfile:
    """`path` None: nothing is remembered."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def tick(self) -> None:
        """Note that somebody watches now. A disk that is full is no reason not to watch."""
        if self._path is None:
            return
        now = self._clock.time()
        with suppress(OSError):
            self._path.touch()
            os.utime(self._path, (now, now))

    def was_lost(self) -> bool:
        """Whether the last who watched neither does now, nor said goodbye."""
        if self._path is None:
            return False
        try:
            return self._clock.time() - self._path.stat().st_mtime > LOST_S
        except OSError:
            return False

    def close(self) -> None:
        """Say goodbye: whoever comes next is not late."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
