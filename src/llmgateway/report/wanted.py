"""What a report is asked to be about, and the periods that its figures over time are told by."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from llmgateway.ports.report import Kept, Window

MAX_PERIODS: Final = 60
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_LENGTHS: Final = (
    1, 2, 5, 10, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, _DAY,
    7 * _DAY, 30 * _DAY, 365 * _DAY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WantedReport:
    """From `since` to `until`, Unix seconds, of one route or of all. `made_at`: now."""

    since: float
    until: float
    made_at: float
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Periods:
    """`count` periods of `length_s`, the first of which begins at `origin`."""

    origin: float
    length_s: float
    count: int

    def begins(self, number: float) -> float:
        """When a period begins."""
        return self.origin + number * self.length_s

    @property
    def end(self) -> float:
        return self.begins(self.count)


def periods_of(wanted: WantedReport, kept: Kept) -> Periods:
    """As few as tell enough, from where the log begins. Days begin at midnight, hours at the full hour."""
    since = wanted.since if kept.oldest_at is None else min(wanted.until, max(wanted.since, kept.oldest_at))
    length = next((each for each in _LENGTHS if (wanted.until - since) / each <= MAX_PERIODS - 1), _LENGTHS[-1])
    offset = _offset(since)
    origin = (since + offset) // length * length - offset
    return Periods(origin, length, min(MAX_PERIODS, int((wanted.until - origin) / length) + 1))


def window_of(wanted: WantedReport, periods: Periods) -> Window:
    """The same as the store is asked."""
    return Window(wanted.since, wanted.until, periods.origin, periods.length_s, wanted.route)


def _offset(moment: float) -> float:
    """How far this machine's time is ahead of UTC, in seconds."""
    ahead = datetime.fromtimestamp(moment, UTC).astimezone().utcoffset()
    return ahead.total_seconds() if ahead else 0.0
