"""All backends as one worker knows them, and what follows from what happens to them.

A worker acts on its own evidence at once and tells control, which knows all workers: its word then holds (`take`).
While control is away the worker goes on alone. Pure: what is told goes through `tell`, time is handed in.
"""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any, Final

from llmgateway.config.snapshot import Snapshot
from llmgateway.domain.errors import GatewayError
from llmgateway.routing.health import EJECTED, HALF_OPEN, IN, Blame, Reason, State, Step, blame
from llmgateway.routing.peers import Peers
from llmgateway.routing.places import Share, Shed
from llmgateway.routing.standing import Standing

PATIENCE_S: Final = 1.0  # how long control may take to answer; then we act alone
MIN_SLOWER_S: Final = 0.05  # nobody feels less than that

Event = dict[str, Any]


def _nobody(_: Event) -> bool:
    return False


class Standings:
    """By name, for one worker's life: a reload keeps what is known of every endpoint that stays the same."""

    def __init__(self, snapshot: Snapshot, share: Share | None = None) -> None:
        self.share = share or Share()
        self.tell: Callable[[Event], bool] = _nobody  # False: control is away
        self._told = 0  # events on this connection
        self._epoch = ""  # which control process it was that spoke last
        self.sheds: dict[str, int] = dict.fromkeys(Shed, 0)  # exchanges that got no place, ever
        self._peers = Peers(snapshot)
        self._all: dict[str, Standing] = {}
        self.configure(snapshot)

    def __getitem__(self, name: str) -> Standing:
        return self._all[name]

    @property
    def by_name(self) -> Mapping[str, Standing]:
        """Those of the configuration that was taken last; it stays as it is when the next one comes."""
        return self._all

    def __iter__(self) -> Iterator[Standing]:
        return iter(self._all.values())

    def configure(self, snapshot: Snapshot) -> None:
        """Take a new configuration."""
        before, self._all = self._all, {}
        for name, backend in snapshot.backends.items():
            kept = before.get(name)
            if kept is not None and kept.backend.is_same_endpoint(backend):
                kept.configure(backend)
            else:
                kept = Standing(backend, self)
            self._all[name] = kept
        self._peers = Peers(snapshot)

    # --- evidence

    def against(self, standing: Standing, reason: Reason, now: float) -> None:
        """Take it out if the others can do without it."""
        if not self._peers.may_go(standing.backend.name, self._all, now):
            standing.suspect(reason)
            return
        standing.forget()
        standing.health.eject(reason, now, standing.backend.health)
        standing.look(now)
        self._say(standing, "eject")

    def in_favour(self, standing: Standing, started: float, now: float) -> None:
        """It answers: that ends a suspicion, and an ejection if the attempt began after it (all were out)."""
        health = standing.health
        if health.state is IN:
            standing.reconsider(now)
        elif started > health.since and health.reason is not Reason.SLOW:
            self._heal(standing, Step.HEAL, now)

    def report_failure(self, standing: Standing, error: GatewayError, now: float, *, is_trial: bool) -> None:
        """An attempt has failed."""
        was_cool = standing.cool_until
        standing.fault(error.code, error.retry_after_s, now)
        if is_trial:
            self.failed(standing, error.code, now)
        if was_cool <= now < standing.cool_until or standing.cool_until > was_cool + 1.0:
            self._say(standing, "cool")  # the other workers need not find that out by themselves

    # --- the one attempt that decides

    def may_try(self, standing: Standing, now: float) -> bool:
        """Whether an attempt may now find out if it is well again. Asks control for leave, and then says no for now."""
        health = standing.health
        if health.state is IN or standing.is_probing or standing.is_gone(now):
            return False
        if standing.is_mine:
            return True
        if (health.state is EJECTED and not health.is_over(now)) or now - standing.asked_at < PATIENCE_S:
            return False
        is_silent = health.state is EJECTED and standing.asked_at > 0.0  # control was asked, and has not said a word
        standing.asked_at = now
        if not is_silent and self._say(standing, "ask"):
            return False
        health.step(Step.LAPSE)
        standing.is_mine = True
        return True

    def passed(self, standing: Standing, started: float, now: float) -> None:
        """That attempt went well. One that was out for being slow has to be quick, too."""
        standing.is_probing = False
        if standing.health.reason is Reason.SLOW and self._is_slow(standing, now - started, now):
            self._fail(standing, Reason.SLOW, now)
        else:
            self._heal(standing, Step.PASS, now)

    def failed(self, standing: Standing, code: str, now: float) -> None:
        """That attempt failed; with an error that says nothing about the backend another one may try."""
        standing.is_probing = False
        what = blame(code)
        if what is Blame.COOLS:
            self._heal(standing, Step.PASS, now)  # at its limit, so it works
        elif what is not Blame.NONE:
            self._fail(standing, Reason.AUTH if what is Blame.AT_ONCE else Reason.CONSECUTIVE, now)

    # --- now and then

    def tick(self, now: float) -> None:
        """Once a second: who has become slow, who is no suspect any more, who was one and can be spared now."""
        for standing in self:
            if standing.is_suspect:
                standing.reconsider(now)
            if standing.health.state is not IN:
                continue
            pace = standing.median_s(now)
            if pace is not None and self._is_slow(standing, pace, now):
                self.against(standing, Reason.SLOW, now)

    # --- control

    def greet(self) -> None:
        """A new connection to control: tell it who is out here."""
        self._told = 0
        for standing in self:
            if standing.health.state is not IN:
                self._say(standing, "eject")
            if standing.drained_by_hand or standing.gone_until:
                self._say(standing, "gone")

    def take(self, view: Mapping[str, Any], now: float) -> None:
        """Do as control says. A view that was made before it heard our latest news is passed over: another follows."""
        if view.get("heard", 0) < self._told:
            return
        self._epoch = str(view.get("epoch"))
        entries = view.get("out")
        entries = entries if isinstance(entries, dict) else {}
        for name, standing in self._all.items():
            entry = entries.get(name)
            self._apply(standing, entry if isinstance(entry, dict) else {}, now)

    def _apply(self, standing: Standing, entry: Mapping[str, Any], now: float) -> None:
        health, state = standing.health, _state(entry.get("state"))
        standing.drained_by_hand = entry.get("drained") is True
        standing.gone_until = float(entry.get("gone_until") or 0.0)
        standing.cool_until = max(standing.cool_until, float(entry.get("cool_until") or 0.0))
        if state is IN and health.state is not IN:
            standing.forget()
            health.state, health.reason, health.since = IN, None, now
        elif state is not IN:
            if health.state is IN:
                standing.forget()
            health.state, health.reason = state, _reason(entry.get("reason"))
            health.since, health.until = float(entry.get("since") or now), float(entry.get("until") or now)
            standing.is_mine = state is HALF_OPEN and entry.get("mine") is True
            if state is EJECTED:
                standing.asked_at = 0.0  # control is there
        health.count = max(0, int(entry.get("count") or 0)) if entry else health.count
        standing.look(now)

    def _heal(self, standing: Standing, step: Step, now: float) -> None:
        if standing.health.back_in(step, now):
            standing.forget()
            standing.look(now)
            self._say(standing, "heal")

    def _fail(self, standing: Standing, reason: Reason, now: float) -> None:
        if standing.health.fail(reason, now, standing.backend.health):
            standing.forget()
            self._say(standing, "eject")

    def _is_slow(self, standing: Standing, pace_s: float, now: float) -> bool:
        times = standing.backend.health.slow
        if not times:
            return False
        mates = [self._all[name] for name in self._peers.mates(standing.backend.name) if name in self._all]
        paces = [pace for mate in mates if mate.health.state is IN and (pace := mate.median_s(now)) is not None]
        return bool(paces) and pace_s > max(times * median(paces), median(paces) + MIN_SLOWER_S)

    def _say(self, standing: Standing, what: str) -> bool:
        health = standing.health
        event = {
            "n": self._told + 1,
            "what": what,
            "backend": standing.backend.name,
            "state": health.state,
            "reason": health.reason,
            "since": health.since,
            "until": health.until,
            "count": health.count,
            "cool_until": standing.cool_until,
            "drained": standing.drained_by_hand,
            "gone_until": standing.gone_until,
            "epoch": self._epoch,
        }
        if not self.tell(event):
            return False
        self._told += 1
        return True


def _state(value: object) -> State:
    return EJECTED if value == EJECTED else HALF_OPEN if value == HALF_OPEN else IN


def _reason(value: object) -> Reason | None:
    return Reason(value) if isinstance(value, str) and value in set(Reason) else None
