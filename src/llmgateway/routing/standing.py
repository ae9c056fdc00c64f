"""What one worker knows of one backend: whether it is in, how busy it is, and how quick.

The fields are read and counted on the request's path, so they are plain; what an outcome means is decided here and in
`health`, what follows for the others in `standings`.
"""

import math
from collections import deque
from hashlib import blake2b
from statistics import median
from typing import Final, Protocol

from llmgateway.config.snapshot import Backend
from llmgateway.routing.health import IN, Blame, Health, Reason, Record, blame, cool_s, verdict
from llmgateway.routing.places import Places, Share

DECAY_S: Final = (
    2.5  # how long a slow answer is remembered: one ten times as slow as its peers is looked at again in 10 s
)
REMEMBERED: Final = 32  # first-token times for the comparison with peers
REMEMBERED_S: Final = 60.0
ENOUGH: Final = 5  # of them


class Court(Protocol):
    """Who decides what follows from evidence; see `standings`."""

    share: Share
    sheds: dict[str, int]

    def against(self, standing: "Standing", reason: Reason, now: float) -> None:
        """The evidence says that it should be out."""
        ...

    def in_favour(self, standing: "Standing", started: float, now: float) -> None:
        """It has answered well although something speaks against it. `started`: when that attempt began."""
        ...


class Standing:
    """One backend. `is_open`: nothing at all speaks against it, so it may be chosen without another look.

    `is_suspect`: the evidence would take it out, were it not needed. `is_gone`: an operator's word, which is final.
    """

    __slots__ = (
        "_latencies",
        "_seen",
        "_speed",
        "asked_at",
        "attempts",
        "backend",
        "cool_until",
        "court",
        "drained_by_hand",
        "faults",
        "gone_until",
        "health",
        "in_flight",
        "is_mine",
        "is_open",
        "is_probing",
        "is_suspect",
        "places",
        "record",
        "seed",
        "suspected_of",
    )

    def __init__(self, backend: Backend, court: Court) -> None:
        self.health = Health()
        self.record = Record(backend.health.window_s)
        self.in_flight = 0
        self.attempts = 0  # ever, and those of them that were its fault
        self.faults = 0
        self.places: Places | None = None
        self.is_open = True
        self.is_suspect = False
        self.suspected_of: Reason | None = None  # kept when the suspicion is over
        self.is_probing = False  # the one attempt that decides is under way
        self.is_mine = False  # half open, and this worker may make that attempt
        self.drained_by_hand = False
        self.gone_until = 0.0  # ejected by hand
        self.cool_until = 0.0
        self.asked_at = 0.0  # when control was asked for leave to try it again
        self.court = court
        self._speed = 0.0  # peak-EWMA of the first-token time, seconds; 0: not known
        self._seen = 0.0
        self._latencies: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self.configure(backend)

    def __repr__(self) -> str:
        return f"<Standing {self.backend.name}: {self.health.state}, {self.in_flight} in flight>"

    def configure(self, backend: Backend) -> None:
        """Take a backend's settings anew; what is known about it stays."""
        self.backend = backend
        self.seed = int.from_bytes(blake2b(backend.name.encode(), digest_size=8).digest(), "big")
        if backend.max_concurrent is None:
            if self.places is not None:
                self.places.open_wide()
            self.places = None
        else:
            share = self.court.share
            limits = max(1, share.of(backend.max_concurrent)), share.of(backend.queue), backend.queue_wait_s
            if self.places is None:
                self.places = Places(*limits, self.court.sheds)  # those that are there need none
            else:
                self.places.configure(*limits)
        self.is_open = False  # until somebody looks

    # --- what the choice asks

    def look(self, now: float) -> None:
        """Find out anew whether nothing speaks against it."""
        self.is_open = (
            self.health.state is IN and not self.is_suspect and self.cool_until <= now and not self.is_gone(now)
        )

    def is_gone(self, now: float) -> bool:
        return self.drained_by_hand or self.backend.is_drained or self.gone_until > now

    def is_cool(self, now: float) -> bool:
        return self.cool_until > now

    def speed(self, now: float) -> float:
        """The first-token time to reckon with, in seconds; 0 while it is not known. It fades, to be looked at again."""
        return self._speed * math.exp((self._seen - now) / DECAY_S) if self._speed else 0.0

    def median_s(self, now: float) -> float | None:
        """The median of the latest first-token times; None if they are too few."""
        recent = [seconds for at, seconds in self._latencies if at > now - REMEMBERED_S]
        return median(recent) if len(recent) >= ENOUGH else None

    def figures(self, now: float) -> dict[str, float]:
        """What a worker tells of it each second; counters are since the worker's start."""
        figures = {"up": float(self.health.state is IN and not self.is_gone(now))}
        if self.in_flight:
            figures["in_flight"] = self.in_flight
        if self.places is not None and self.places.waiting:
            figures["queued"] = self.places.waiting
        if self.attempts:
            figures |= {"attempts": self.attempts, "faults": self.faults, "ewma_s": round(self.speed(now), 6)}
        if self.is_suspect and self.suspected_of is not None:
            figures["suspect"] = self.suspected_of.number
        if self.is_probing:
            figures["trial"] = 1
        return figures

    # --- what attempts report

    def ok(self, started: float, now: float) -> None:
        """An answer that holds up, `now` that its first content has come."""
        self.attempts += 1
        self.record.ok(now)
        waited, speed = now - started, self._speed
        if speed:
            kept = math.exp((self._seen - now) / DECAY_S)
            faded = kept * speed
            self._speed = waited if waited > faded else faded + (1.0 - kept) * waited
        else:
            self._speed = waited
        self._seen = now
        self._latencies.append((now, waited))
        if not self.is_open:
            self.court.in_favour(self, started, now)

    def was_left(self, started: float, now: float) -> None:
        """Somebody has stopped waiting for it: it takes at least as long as that."""
        if now - started > self.speed(now):
            self._speed, self._seen = now - started, now

    def fault(self, code: str, retry_after_s: float | None, now: float) -> None:
        """An attempt that failed, by error code."""
        what = blame(code)
        if what is Blame.COOLS:
            self.cool_until = max(self.cool_until, now + cool_s(retry_after_s))
            self.is_open = False
        if what is Blame.NONE or what is Blame.COOLS:
            return
        self.attempts += 1
        self.faults += 1
        self.record.fault(now)
        if what is Blame.AT_ONCE and self.health.state is IN:
            self.court.against(self, Reason.AUTH, now)
        else:
            self._judge(now)

    def broke_off(self, code: str, faults_before: int, now: float) -> None:
        """What `ok` was said of did not hold up. `faults_before`: how many in a row there were before that."""
        if blame(code) is Blame.COUNTS:
            self.faults += 1
            self.record.broke_off(faults_before, now)
            self._judge(now)

    def _judge(self, now: float) -> None:
        reason = verdict(self.record, self.backend.health, now)
        if reason is not None and self.health.state is IN:
            self.court.against(self, reason, now)

    def forget(self) -> None:
        """A new beginning: what it did before has been answered for."""
        self.record.clear()
        self._latencies.clear()
        self._speed = 0.0
        self.is_suspect = self.is_probing = self.is_mine = False
        self.asked_at = 0.0

    def suspect(self, reason: Reason) -> None:
        """It should be out and is needed."""
        self.is_suspect = True
        self.suspected_of = reason
        self.is_open = False

    def reconsider(self, now: float) -> None:
        """See whether the evidence still stands."""
        rules = self.backend.health
        if verdict(self.record, rules, now) is None and (
            not self.record.consecutive or now - self.record.last_fault > rules.window_s
        ):
            self.is_suspect = False
        self.look(now)
