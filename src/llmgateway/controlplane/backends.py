"""How the backends are, over all workers: what one of them finds out, every one knows. Pure; `link` carries it.

Workers act first and tell at once. Here their news are put together: never more out than may be, one attempt at a time
at a half-open backend, errors that are few at each worker and many in all. An operator's word and control's own
probes come in here as well. Times are monotonic seconds.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from llmgateway.config.snapshot import Backend, Snapshot
from llmgateway.controlplane.tally import number
from llmgateway.controlplane.worker import WorkerState
from llmgateway.routing.health import HALF_OPEN, IN, Health, Reason, Record, Step, verdict
from llmgateway.routing.peers import Peers

PROBES_THAT_EJECT: Final = 3  # failures in a row
MAX_OUTAGES: Final = 256
UNUSED_GRANT_S: Final = 3.0  # a worker that may try a backend and does not: the next one may


@dataclass(slots=True)
class Probed:
    """What control's own probes have found. `at` is monotonic."""

    is_ok: bool | None = None
    at: float = 0.0
    failures: int = 0  # in a row
    detail: str = ""


@dataclass(slots=True)
class Entry:
    """One backend."""

    backend: Backend
    record: Record
    health: Health = field(default_factory=Health)
    probed: Probed = field(default_factory=Probed)
    is_drained: bool = False  # by hand
    gone_until: float = 0.0  # ejected by hand
    is_told: bool = False  # an operator has spoken since we started: older words don't count
    cool_until: float = 0.0
    granted: int | None = None  # the worker whose attempt decides
    granted_at: float = 0.0
    seen: dict[int, tuple[str, float, float]] = field(default_factory=dict)  # slot → incarnation, attempts, faults

    def is_gone(self, now: float) -> bool:
        return self.is_drained or self.backend.is_drained or self.gone_until > now


class Outage(NamedTuple):
    """A backend was in and is out. `at` is monotonic; `seconds`: until it is tried again; `attempts` and `faults` of
    the window, as far as the workers have told them; `detail`: what the last probe found, where probes put it out.
    """

    backend: str
    reason: Reason
    at: float
    seconds: float
    ejections: int
    attempts: int
    faults: int
    detail: str


class Backends:
    """By name. What changes here, whoever calls shares (`Links.share`). `epoch` tells this control from the last.

    `outages`: those that began since somebody took them from there, the last `MAX_OUTAGES`.
    """

    def __init__(self, snapshot: Snapshot, epoch: str) -> None:
        self._epoch = epoch
        self._entries: dict[str, Entry] = {}
        self.ejections: dict[tuple[str, str], int] = {}  # by backend and reason
        self.outages: deque[Outage] = deque(maxlen=MAX_OUTAGES)
        self.configure(snapshot)

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def configure(self, snapshot: Snapshot) -> None:
        """Take a configuration. What is known of an endpoint that stays the same is kept."""
        before, self._entries = self._entries, {}
        self._peers = Peers(snapshot)
        for name, backend in snapshot.backends.items():
            kept = before.get(name)
            if kept is not None and kept.backend.is_same_endpoint(backend):
                kept.backend = backend
            else:
                kept = Entry(backend, Record(backend.health.window_s))
            self._entries[name] = kept
        self.ejections = {key: count for key, count in self.ejections.items() if key[0] in self._entries}

    # --- what workers say

    def hear(self, slot: int, news: Mapping[str, Any], now: float) -> None:
        """Take one worker's news of a backend. What makes no sense is passed over."""
        entry = self._entries.get(str(news.get("backend")))
        if entry is None:
            return
        match news.get("what"):
            case "eject":
                self._ejected(entry, news, now)
            case "heal":
                self._heal(entry, Step.PASS if entry.health.state is HALF_OPEN else Step.HEAL, now)
            case "ask":
                _grant(entry, slot, now)
            case "cool":
                entry.cool_until = max(entry.cool_until, min(number(news.get("cool_until")), now + 60.0))
            case "gone" if news.get("epoch") != self._epoch and not entry.is_told:
                # An operator told the control before us.
                entry.is_drained = entry.is_drained or news.get("drained") is True
                entry.gone_until = max(entry.gone_until, number(news.get("gone_until")))

    def count(self, worker: WorkerState, now: float) -> bool:
        """Add up what the workers have counted: errors that are few for each of them may be many in all.

        Tells whether that took a backend out.
        """
        is_out = False
        for name, figures in worker.pools().items():
            entry = self._entries.get(name)
            if entry is None or "attempts" not in figures:
                continue
            attempts, faults = figures["attempts"], figures.get("faults", 0.0)
            incarnation, old_attempts, old_faults = entry.seen.get(worker.slot, ("", 0.0, 0.0))
            entry.seen[worker.slot] = (worker.incarnation, attempts, faults)
            if incarnation != worker.incarnation:
                continue  # what it has counted up to now may be of any age
            if entry.health.state is IN and attempts >= old_attempts and faults >= old_faults:
                entry.record.add(int(attempts - old_attempts), int(faults - old_faults), now)
                if verdict(entry.record, entry.backend.health, now) is Reason.ERROR_SHARE:
                    is_out = self._eject(entry, Reason.ERROR_SHARE, now) or is_out
        return is_out

    def left(self, slot: int) -> None:
        """A worker is gone; what it was to find out, another one may."""
        for entry in self:
            if entry.granted == slot:
                entry.granted = None

    def tick(self, workers: Mapping[int, WorkerState], now: float) -> None:
        """Take back leave that is not used."""
        for name, entry in self._entries.items():
            if entry.granted is None or now - entry.granted_at < UNUSED_GRANT_S:
                continue
            worker = workers.get(entry.granted)
            if worker is None or not worker.pools().get(name, {}).get("trial"):
                entry.granted = None

    # --- what control's own probes say

    def probed(self, name: str, detail: str, now: float, *, is_ok: bool) -> None:
        """Failures in a row eject. A success ends what such failures began, never what traffic has proved."""
        entry = self._entries.get(name)
        if entry is None:
            return
        failures = 0 if is_ok else entry.probed.failures + 1
        entry.probed = Probed(is_ok, now, failures, detail)
        if is_ok and entry.health.reason is Reason.PROBE:
            self._heal(entry, Step.HEAL, now)
        elif failures >= PROBES_THAT_EJECT and entry.health.state is IN:
            self._eject(entry, Reason.PROBE, now)

    # --- what an operator says; KeyError for a name that is not configured

    def drain(self, name: str, *, is_drained: bool) -> None:
        """Take no new exchanges, until told otherwise."""
        entry = self._entries[name]
        entry.is_drained, entry.is_told = is_drained, True

    def eject(self, name: str, seconds: float, now: float) -> None:
        """Take no new exchanges for a time."""
        entry = self._entries[name]
        entry.gone_until, entry.is_told = now + seconds, True
        self._counted(name, Reason.HAND)

    def heal(self, name: str, now: float) -> None:
        """End whatever ejection there is, and forget what led to it. Draining is another matter."""
        entry = self._entries[name]
        entry.gone_until, entry.cool_until, entry.is_told = 0.0, 0.0, True
        entry.probed.failures = 0
        self._heal(entry, Step.HEAL, now)
        entry.health.count = 0

    # --- what workers are told

    def view(self, slot: int, heard: int, now: float) -> dict[str, Any]:
        """The fields of a `backends` frame for one worker: every backend that is not simply in."""
        out = {name: _told(entry, slot) for name, entry in self._entries.items() if _is_news(entry, now)}
        return {"epoch": self._epoch, "heard": heard, "out": out}

    def _ejected(self, entry: Entry, news: Mapping[str, Any], now: float) -> None:
        reason = _reason(news.get("reason"))
        if entry.health.state is HALF_OPEN:
            if entry.health.fail(reason, now, entry.backend.health):
                self._out(entry, reason)
        elif entry.health.state is IN and self._eject(entry, reason, now) and news.get("epoch") != self._epoch:
            until = number(news.get("until"))  # it goes back to before our time: the rest of it is left
            entry.health.until = min(max(until, now), now + entry.backend.health.eject_max_s)
            entry.health.count = max(entry.health.count, int(number(news.get("count"))))

    def _eject(self, entry: Entry, reason: Reason, now: float) -> bool:
        if not self._peers.may_go(entry.backend.name, self._entries, now):
            return False
        counted = entry.record.attempts, entry.record.faults
        entry.health.eject(reason, now, entry.backend.health)
        self._out(entry, reason)
        detail = entry.probed.detail if reason is Reason.PROBE else ""
        until, count = entry.health.until - now, entry.health.count
        self.outages.append(Outage(entry.backend.name, reason, now, until, count, *counted, detail))
        return True

    def _out(self, entry: Entry, reason: Reason) -> None:
        entry.granted = None
        entry.record.clear()
        self._counted(entry.backend.name, reason)

    def _heal(self, entry: Entry, step: Step, now: float) -> None:
        if entry.health.back_in(step, now):
            entry.granted = None
            entry.record.clear()

    def _counted(self, name: str, reason: Reason) -> None:
        self.ejections[name, reason] = self.ejections.get((name, reason), 0) + 1


def _grant(entry: Entry, slot: int, now: float) -> None:
    if entry.health.is_over(now):
        entry.health.step(Step.LAPSE)
        entry.granted = None
    if entry.health.state is HALF_OPEN and entry.granted is None:
        entry.granted, entry.granted_at = slot, now


def _is_news(entry: Entry, now: float) -> bool:
    return entry.health.state is not IN or entry.is_drained or entry.gone_until > now or entry.cool_until > now


def _told(entry: Entry, slot: int) -> dict[str, Any]:
    health = entry.health
    return {
        "state": health.state,
        "reason": health.reason,
        "since": health.since,
        "until": health.until,
        "count": health.count,
        "mine": entry.granted == slot,
        "drained": entry.is_drained,
        "gone_until": entry.gone_until,
        "cool_until": entry.cool_until,
    }


def _reason(value: object) -> Reason:
    return Reason(value) if isinstance(value, str) and value in set(Reason) else Reason.CONSECUTIVE
