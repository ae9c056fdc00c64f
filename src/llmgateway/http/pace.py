"""When a slow caller is too slow: two small clocks without timers, asked when a deadline may have passed."""


class BodyPace:
    """How fast a request's body must come: after `grace_s`, `min_rate` bytes a second on average. Pauses are free."""

    __slots__ = ("_grace_s", "_min_rate", "_paused_at", "_started")

    def __init__(self, grace_s: float, min_rate: int) -> None:
        self._grace_s = grace_s
        self._min_rate = max(1, min_rate)
        self._started: float | None = None  # None: nobody waits for a body
        self._paused_at: float | None = None

    def start(self, now: float, *, is_paused: bool) -> None:
        self._started = now
        self._paused_at = now if is_paused else None

    def stop(self) -> None:
        self._started = None

    def pause(self, now: float) -> None:
        if self._paused_at is None:
            self._paused_at = now

    def resume(self, now: float) -> None:
        if self._paused_at is not None and self._started is not None:
            self._started += now - self._paused_at
        self._paused_at = None

    def due(self, received: int) -> float | None:
        """When the caller is too slow if no byte follows the `received` ones; None while no time runs."""
        if self._started is None or self._paused_at is not None:
            return None
        return self._started + max(self._grace_s, received / self._min_rate)


class SendProgress:
    """Whether a caller still takes bytes. Looked at twenty times in `stall_s`, so it is late by at most that much."""

    __slots__ = ("_flushed", "_since", "_stall_s", "is_watching")

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._since = 0.0
        self._flushed = 0
        self.is_watching = False

    def start(self, now: float, flushed: int) -> None:
        self._since = now
        self._flushed = flushed
        self.is_watching = True

    def stop(self) -> None:
        self.is_watching = False

    def is_stalled(self, now: float, flushed: int) -> bool:
        """Note that `flushed` bytes have left so far; tell whether none has for too long."""
        if flushed > self._flushed:
            self._flushed = flushed
            self._since = now
        return self.is_watching and now - self._since >= self._stall_s

    def due(self, now: float) -> float | None:
        """When to look next."""
        if not self.is_watching:
            return None
        return max(now, min(now + self._stall_s / 20, self._since + self._stall_s))
