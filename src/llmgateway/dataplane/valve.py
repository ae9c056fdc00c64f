"""Back-pressure with more than one reason for it."""

from typing import Protocol


class Source(Protocol):
    """What bytes come from. Both do no harm twice."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Valve:
    """Keeps a source paused for as long as there is any reason."""

    __slots__ = ("_source", "reasons")

    def __init__(self, source: Source) -> None:
        self._source = source
        self.reasons: set[str] = set()

    def turn(self, why: str, *, is_shut: bool) -> None:
        """Let this be a reason, or be none any more."""
        (self.reasons.add if is_shut else self.reasons.discard)(why)
        if self.reasons:
            self._source.pause()
        else:
            self._source.resume()
