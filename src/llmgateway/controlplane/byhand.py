"""The backends as an operator sees them, and what an operator may do to them. `Control.backends`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.backends import Backends, Entry
from llmgateway.controlplane.link import Links
from llmgateway.domain.clock import Clock
from llmgateway.routing.health import IN, Reason
from llmgateway.routing.standings import Standings

NO_WORKER: Final = -1  # is granted no attempt that decides
MAX_EJECT_S: Final = 7 * 86_400.0

Shown = dict[str, Any]


class ByHand:
    """Each change is with the workers as soon as its coroutine returns, and is kept by them if control dies.

    KeyError for a name that is not configured, ValueError (with a sentence for the operator) for what can't be done.
    """

    def __init__(self, backends: Backends, links: Links, clock: Clock) -> None:
        self._backends = backends
        self._links = links
        self._clock = clock

    def shown(self) -> list[Shown]:
        """Every backend, in the configuration's order. Times are Unix seconds, None where there is none.

        `state`: `in`, `ejected`, `half_open` or `drained`; `why` says it in words; `faults`: of `attempts`, since the
        workers' start; `probe`: None, or what control's own probes have found.
        """
        now = self._clock.monotonic()
        pools = [worker.pools() for worker in self._links.live() if not worker.is_stale(now)]
        return [
            self._shown(entry, [each.get(entry.backend.name, {}) for each in pools], now) for entry in self._backends
        ]

    def standings(self, snapshot: Snapshot) -> Standings:
        """The backends of `snapshot` as a worker that started now would have them; nobody else's, to look at."""
        now, known = self._clock.monotonic(), Standings(snapshot)
        known.take(self._backends.view(NO_WORKER, 0, now), now)
        return known

    async def drain(self, name: str) -> Shown:
        """Send it no new exchanges until `undrain`; those under way finish."""
        self._backends.drain(name, is_drained=True)
        return self._share(name)

    async def undrain(self, name: str) -> Shown:
        """Send it exchanges again."""
        if self._backends[name].backend.is_drained:
            raise ValueError(f"the configuration drains {name}: set drained = false there")
        self._backends.drain(name, is_drained=False)
        return self._share(name)

    async def eject(self, name: str, seconds: float) -> Shown:
        """Send it no new exchanges for so long."""
        if not 0 < seconds <= MAX_EJECT_S:
            raise ValueError(f"an ejection by hand lasts up to {MAX_EJECT_S:.0f} seconds")
        self._backends.eject(name, seconds, self._clock.monotonic())
        return self._share(name)

    async def heal(self, name: str) -> Shown:
        """End its ejection, whoever or whatever caused it."""
        self._backends.heal(name, self._clock.monotonic())
        return self._share(name)

    def _share(self, name: str) -> Shown:
        self._links.share()
        return next(shown for shown in self.shown() if shown["name"] == name)

    def _shown(self, entry: Entry, figures: Sequence[Mapping[str, float]], now: float) -> Shown:
        since, until = _times(entry, now)
        return {
            "name": entry.backend.name,
            "state": state_of(entry, now),
            "why": why(entry, now, suspected=suspicion(figures)),
            "since": self._unix(since, now),
            "until": self._unix(until, now),
            "in_flight": int(_sum(figures, "in_flight")),
            "queued": int(_sum(figures, "queued")),
            "ewma_s": max((each.get("ewma_s", 0.0) for each in figures), default=0.0) or None,
            "attempts": int(_sum(figures, "attempts")),
            "faults": int(_sum(figures, "faults")),
            "ejections": entry.health.count,
            "probe": self._probe(entry, now),
        }

    def _probe(self, entry: Entry, now: float) -> dict[str, Any] | None:
        probed = entry.probed
        if probed.is_ok is None:
            return None
        return {
            "ok": probed.is_ok,
            "at": self._unix(probed.at, now),
            "failures": probed.failures,
            "detail": probed.detail,
        }

    def _unix(self, at: float, now: float) -> float | None:
        return self._clock.time() + at - now if at else None


def state_of(entry: Entry, now: float) -> str:
    """One word for how it is."""
    if entry.is_drained or entry.backend.is_drained:
        return "drained"
    if entry.gone_until > now:
        return "ejected"
    return entry.health.state.value


def suspicion(figures: Iterable[Mapping[str, float]]) -> Reason | None:
    """What some worker would have taken it out for, were it not needed; None where nobody would."""
    return next((reason for each in figures if (reason := Reason.numbered(each.get("suspect", 0)))), None)


def why(entry: Entry, now: float, *, suspected: Reason | None) -> str:
    """The reason in words; empty where all is well."""
    if entry.backend.is_drained:
        return "drained in the configuration"
    if entry.is_drained:
        return "drained by hand"
    if entry.gone_until > now:
        return "ejected by hand"
    if entry.health.state is not IN:
        return WHY.get(entry.health.reason or "", "sick")
    if entry.cool_until > now:
        return "at its rate limit, asked for a pause"
    return f"sick ({WHY[suspected]}), and {_KEPT_IN}" if suspected is not None else ""


_KEPT_IN: Final = "kept in: too many others are out, or a route has no other"
WHY: Final[Mapping[str, str]] = {
    "consecutive": "faults in a row",
    "error_share": "too large a share of errors",
    "slow": "much slower than the others",
    "auth": "refuses the gateway's credential",
    "probe": "the gateway's probes fail",
    "hand": "an operator said so",
}


def _times(entry: Entry, now: float) -> tuple[float, float]:
    if entry.gone_until > now:
        return 0.0, entry.gone_until
    return entry.health.since, entry.health.until


def _sum(figures: Iterable[Mapping[str, float]], name: str) -> float:
    return sum(each.get(name, 0.0) for each in figures)
