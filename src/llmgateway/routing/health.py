"""When a backend is taken out, for how long, and how it comes back. A state table and the counters that drive it.

IN → EJECTED on evidence, EJECTED → HALF_OPEN once the ejection's time is over, and from there one attempt decides:
back IN, or EJECTED for twice as long. Who may be taken out without harm to the others is decided in `peers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from llmgateway.config.snapshot import HealthRules

SLOTS: Final = 10  # a window's resolution
MAX_DOUBLINGS: Final = 30
MAX_COOL_S: Final = 60.0  # of what a Retry-After may ask
COOL_S: Final = 1.0  # where a backend at its limit names no time


class State(StrEnum):
    IN = "in"
    EJECTED = "ejected"
    HALF_OPEN = "half_open"


class Step(StrEnum):
    """What can happen to a backend."""

    EJECT = "eject"
    LAPSE = "lapse"  # the ejection's time is over
    PASS = "pass"  # noqa: S105 - the attempt that decides went well; no password
    FAIL = "fail"
    HEAL = "heal"  # by hand, or by other evidence


class Reason(StrEnum):
    """Why a backend is out."""

    CONSECUTIVE = "consecutive"
    ERROR_SHARE = "error_share"
    SLOW = "slow"
    AUTH = "auth"  # it refuses our credential: no second opinion needed
    PROBE = "probe"  # control's own probes failed
    HAND = "hand"  # an operator said so

    @property
    def number(self) -> int:
        """From 1 on, for gauges, which are numbers."""
        return _REASONS.index(self) + 1

    @classmethod
    def numbered(cls, number: float) -> "Reason | None":
        """The reason of that number; None where there is none, as another version of the program may say."""
        return _REASONS[int(number) - 1] if 1 <= number <= len(_REASONS) else None


_REASONS: Final = tuple(Reason)


class Blame(StrEnum):
    """What an attempt's failure says about the backend."""

    NONE = "none"
    COUNTS = "counts"
    AT_ONCE = "at_once"
    COOLS = "cools"


IN, EJECTED, HALF_OPEN = State.IN, State.EJECTED, State.HALF_OPEN

TABLE: Final[Mapping[tuple[State, Step], State]] = {
    (IN, Step.EJECT): EJECTED,
    (EJECTED, Step.LAPSE): HALF_OPEN,
    (EJECTED, Step.HEAL): IN,
    (HALF_OPEN, Step.PASS): IN,
    (HALF_OPEN, Step.FAIL): EJECTED,
    (HALF_OPEN, Step.HEAL): IN,
}

_BLAME: Final[Mapping[str, Blame]] = {
    "upstream_unreachable": Blame.COUNTS,
    "upstream_timeout": Blame.COUNTS,
    "upstream_tls": Blame.COUNTS,
    "upstream_error": Blame.COUNTS,
    "upstream_overloaded": Blame.COUNTS,
    "upstream_truncated": Blame.COUNTS,
    "upstream_protocol": Blame.COUNTS,
    "upstream_encoding": Blame.COUNTS,
    "unexpected_redirect": Blame.COUNTS,
    "upstream_auth": Blame.AT_ONCE,
    "upstream_rate_limited": Blame.COOLS,
}


def blame(code: str) -> Blame:
    """What error `code` says about the backend: nothing where the caller, or this gateway, is at fault."""
    return _BLAME.get(code, Blame.NONE)


def cool_s(retry_after_s: float | None) -> float:
    """For how long a backend at its limit gets nothing from others while another one is there."""
    return COOL_S if retry_after_s is None else min(max(retry_after_s, 0.0), MAX_COOL_S)


@dataclass(slots=True)
class Health:
    """One backend's state. Times are monotonic seconds; `count`: how many ejections the back-off has come to."""

    state: State = IN
    reason: Reason | None = None
    since: float = 0.0
    until: float = 0.0
    count: int = 0

    def step(self, step: Step) -> bool:
        """Go along the table; False where that step leads nowhere from here."""
        after = TABLE.get((self.state, step))
        if after is None:
            return False
        self.state = after
        return True

    def eject(self, reason: Reason, now: float, rules: HealthRules) -> bool:
        """Take it out; the time doubles with each ejection, and has fallen for each such time that all was well."""
        was_well_s = now - self.since
        if not self.step(Step.EJECT):
            return False
        if self.count:
            self.count = max(0, self.count - int(was_well_s / length_s(self.count, rules)))
        self._out(reason, now, rules)
        return True

    def fail(self, reason: Reason, now: float, rules: HealthRules) -> bool:
        """The one attempt of a half-open backend went wrong."""
        if not self.step(Step.FAIL):
            return False
        self._out(reason, now, rules)
        return True

    def back_in(self, step: Step, now: float) -> bool:
        """PASS or HEAL: it takes traffic again."""
        if not self.step(step):
            return False
        self.reason, self.since, self.until = None, now, 0.0
        return True

    def is_over(self, now: float) -> bool:
        """Whether it is ejected and its time is up."""
        return self.state is EJECTED and now >= self.until

    def _out(self, reason: Reason, now: float, rules: HealthRules) -> None:
        self.count += 1
        self.reason, self.since = reason, now
        self.until = now + length_s(self.count, rules)


def length_s(count: int, rules: HealthRules) -> float:
    """How long ejection number `count` (from 1) lasts."""
    return min(rules.eject_max_s, rules.eject_s * 2.0 ** min(count - 1, MAX_DOUBLINGS))


class Record:
    """Attempts and faults of the last window, in slots, and the faults in a row."""

    __slots__ = ("_attempts", "_faults", "_slot_s", "_start", "attempts", "consecutive", "faults", "last_fault")

    def __init__(self, window_s: float) -> None:
        self._slot_s = window_s / SLOTS
        self._attempts = [0] * SLOTS
        self._faults = [0] * SLOTS
        self._start = 0  # number of the slot that is filled
        self.attempts = 0
        self.faults = 0
        self.consecutive = 0
        self.last_fault = 0.0

    def ok(self, now: float) -> None:
        at = int(now / self._slot_s)
        if at != self._start:
            self._roll(at)
        self._attempts[at % SLOTS] += 1
        self.attempts += 1
        self.consecutive = 0

    def fault(self, now: float) -> None:
        self.consecutive += 1
        self.last_fault = now
        self.add(1, 1, now)

    def broke_off(self, faults_before: int, now: float) -> None:
        """An attempt that counted as ok was none; before it there had been `faults_before` faults in a row."""
        self.consecutive += faults_before + 1
        self.last_fault = now
        self.add(0, 1, now)

    def add(self, attempts: int, faults: int, now: float) -> None:
        """Count what others have seen; says nothing about faults in a row."""
        self.roll(now)
        self._attempts[self._start % SLOTS] += attempts
        self._faults[self._start % SLOTS] += faults
        self.attempts += attempts
        self.faults += faults

    def roll(self, now: float) -> None:
        """Forget what is older than the window."""
        at = int(now / self._slot_s)
        if at != self._start:
            self._roll(at)

    def clear(self) -> None:
        """A new beginning: what came before has been answered for."""
        self._attempts, self._faults = [0] * SLOTS, [0] * SLOTS
        self.attempts = self.faults = self.consecutive = 0

    def _roll(self, at: int) -> None:
        for slot in range(max(self._start + 1, at - SLOTS + 1), at + 1):
            self.attempts -= self._attempts[slot % SLOTS]
            self.faults -= self._faults[slot % SLOTS]
            self._attempts[slot % SLOTS] = self._faults[slot % SLOTS] = 0
        self._start = at


def verdict(record: Record, rules: HealthRules, now: float) -> Reason | None:
    """Whether the counters say that a backend should be out."""
    record.roll(now)
    if record.consecutive >= rules.consecutive and now - record.last_fault <= max(rules.window_s, rules.eject_s):
        return Reason.CONSECUTIVE
    if record.attempts >= rules.min_attempts and record.faults >= rules.error_share * record.attempts:
        return Reason.ERROR_SHARE
    return None
