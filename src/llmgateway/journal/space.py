"""Whether there is room for a record: the disk's, the operator's `max_bytes`, and who may dip into the reserve."""

from pathlib import Path

from llmgateway.config.snapshot import Journal
from llmgateway.journal.layout import used_bytes
from llmgateway.journal.reserve import Reserve


class Space:
    """Knows whether new exchanges may be let in. `is_full` is cheap to read and set by whoever meets a full disk."""

    __slots__ = ("_max", "_max_with_reserve", "_reserve", "_root", "_used", "is_full")

    def __init__(self, root: Path, settings: Journal, reserve: Reserve) -> None:
        self._root = root
        self._reserve = reserve
        self._max = settings.max_bytes
        self._max_with_reserve = (settings.max_bytes or 0) + settings.reserve_bytes
        self._used = 0
        self.is_full = True
        self.refresh()

    def admits(self, size: int, *, may_use_reserve: bool) -> bool:
        """Tell whether a record of `size` bytes may be tried, and count it as if it went in.

        One that then fails is counted too much only until the next `refresh`.
        """
        if self.is_full and not may_use_reserve:
            return False
        if self._max is None:
            return True
        if self._used + size > self._max:
            self.is_full = True
            if not may_use_reserve or self._used + size > self._max_with_reserve:
                return False
        self._used += size
        return True

    def make(self, size: int) -> bool:
        """Free space for a record that may use the reserve. False once there is none left."""
        return self._reserve.release(size)

    def refresh(self) -> None:
        """Look again, about once a second: count the journal, and open up if there is space and a whole reserve."""
        if self._max is not None:
            self._used = used_bytes(self._root)
        if self.is_full and (self._max is None or self._used < self._max):
            self.is_full = not self._reserve.refill()
