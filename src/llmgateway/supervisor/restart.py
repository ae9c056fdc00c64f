"""When a child that ended is started again: at once the first time, later and later while it keeps crashing."""

from dataclasses import dataclass
from typing import Final

FIRST_WAIT_S: Final = 0.05
MAX_WAIT_S: Final = 10.0
HEALTHY_S: Final = 30.0  # a child that lived this long starts with a clean slate


@dataclass(slots=True)
class Restart:
    """One child's history of crashes. Times are monotonic seconds."""

    crashes: int = 0

    def wait_s(self, lived_s: float) -> float:
        """Note that the child ended after `lived_s` seconds; how long to wait before the next start."""
        if lived_s >= HEALTHY_S:
            self.crashes = 0
        self.crashes += 1
        return min(MAX_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self.crashes - 1, 20))
