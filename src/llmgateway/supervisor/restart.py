"""When a child that ended is started again: at once the first time, later and later while it keeps crashing."""

from dataclasses import dataclass
from typing import Final

FIRST_WAIT_S: Final = 0.05
MAX_WAIT_S: Final = 10.0
HEALTHY_S: Final = 5.0  # who lived this long has served callers: starting it again at once costs little


@dataclass(slots=True)
class Restart:
    """One child's history of crashes in a row."""

    crashes: int = 0

    def wait_s(self, lived_s: float) -> float:
        """Note that the child ended after `lived_s` seconds; how long to wait before the next start."""
        self.crashes = 1 if lived_s >= HEALTHY_S else self.crashes + 1
        return min(MAX_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self.crashes - 1, 20))
