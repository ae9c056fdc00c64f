"""How often somebody may do something: token buckets, one a name. Pure counting."""

from collections import OrderedDict
from typing import Final

from llmgateway.domain.errors import GatewayError

MAX_NAMES: Final = 10_000


class Buckets:
    """A bucket each for the names seen lately. Of more than `most` the one unused longest is forgotten."""

    __slots__ = ("_levels", "_most")

    def __init__(self, most: int = MAX_NAMES) -> None:
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is in it, and when that was
        self._most = most

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, name: str, now: float, *, rate: float, burst: float) -> None:
        """Take one out of a bucket that holds `burst` and gains `rate` a second; GatewayError rate_limited."""
        level, at = self._levels.get(name, (float(burst), now))
        level = min(float(burst), level + max(0.0, now - at) * rate)
        is_empty = level < 1.0
        self._levels[name] = (level if is_empty else level - 1.0, now)
        self._levels.move_to_end(name)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        if is_empty:
            raise GatewayError("rate_limited", retry_after_s=(1.0 - level) / rate)
