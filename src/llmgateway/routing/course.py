"""One exchange's way along its plan: which backend each attempt goes to, chosen at the moment of the attempt.

Of the versions in order, the first that has a backend which is in and was not tried. When no version has one, the
backends that have asked for a pause, then those that are out on evidence: all being sick, trying is better than
refusing (panic). A backend that an operator has taken out is never asked.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import AttemptKind
from llmgateway.routing.balance import STRATEGIES, Wish
from llmgateway.routing.health import EJECTED, IN, Blame, blame
from llmgateway.routing.plan import Lane, Plan, Target
from llmgateway.routing.standing import Standing
from llmgateway.routing.standings import Standings

MIN_PAUSE_S: Final = 1.0

Fits = Callable[[Standing], bool]


class Course:
    """Which targets of a plan have been asked. `rounds`: how often all of them were."""

    __slots__ = ("_standings", "_tried", "asked", "plan", "rounds")

    def __init__(self, plan: Plan, standings: Standings) -> None:
        self.plan = plan
        self._standings = standings
        self._tried: set[tuple[str, str]] = set()
        self.rounds = 0
        self.asked = 0  # targets, in all rounds

    def next(self, wish: Wish) -> Target | None:
        """Choose the next target; None if there is none, or nobody may be asked at all."""
        target = self._at_once(wish) or self._trial(wish) or self._choose(wish)
        if target is not None:
            self.note(target)
        return target

    def beside(self, wish: Wish) -> Target | None:
        """Choose whom to ask while the first target is still silent: another backend of the version assigned, or the
        same one again where it has no other. None if nobody is fit for it.
        """
        lane = self.plan.lanes[0]
        for standing in lane.members:
            standing.look(wish.now)
        others = self._left(lane, lambda each: each.is_open)
        if not others and len(lane.members) == 1 and lane.members[0].is_open:
            others = list(lane.members)
        if not others:
            return None
        chosen = STRATEGIES[self.plan.route.balance](_with_room(others, wish), wish)
        return Target(lane.version, chosen, AttemptKind.HEDGE)

    def note(self, target: Target) -> None:
        """That target is being asked."""
        self.asked += 1
        self._tried.add((target.version.name, target.standing.backend.name))

    def is_over(self, now: float) -> bool:
        """Whether every target that may be asked has been."""
        return not any(self._left(lane, lambda each: not each.is_gone(now)) for lane in self.plan.lanes)

    def again(self) -> None:
        """Begin another round."""
        self._tried.clear()

    def outcome(self, error: GatewayError, now: float) -> GatewayError:
        """What the caller is told after the last failure: where all backends are sick, that, and when to come back.

        Of a single backend the error itself says more.
        """
        if blame(error.code) is not Blame.COUNTS or self.plan.has_one_backend or not self._is_hopeless(now):
            return error
        soonest = min((each.health.until for each in self._members() if each.health.state is EJECTED), default=0.0)
        pause_s = max(MIN_PAUSE_S, soonest - now)
        told = GatewayError("no_healthy_upstream", f"No backend is available. {error.message}", retry_after_s=pause_s)
        told.__cause__ = error
        return told

    def _members(self) -> Iterator[Standing]:
        return (each for lane in self.plan.lanes for each in lane.members)

    def _is_hopeless(self, now: float) -> bool:
        """Whether every backend of the plan is known to be sick, or gone."""
        return all(each.health.state is not IN or each.is_suspect or each.is_gone(now) for each in self._members())

    def _at_once(self, wish: Wish) -> Target | None:
        """The usual case, without ceremony: the first attempt, and all of the version's backends are well."""
        if self._tried or self.rounds:
            return None
        lane = self.plan.lanes[0]
        for each in lane.members:
            if not each.is_open or each.places is not None:
                return None
        return Target(lane.version, STRATEGIES[self.plan.route.balance](lane.members, wish), AttemptKind.FIRST)

    def _trial(self, wish: Wish) -> Target | None:
        """A backend whose ejection is over gets one attempt; the first of an exchange, so that others may follow."""
        if self._tried or self.rounds or not wish.may_try:
            return None
        lane = self.plan.lanes[0]
        for standing in lane.members:
            if standing.health.state is not IN and self._standings.may_try(standing, wish.now):
                standing.is_probing = True
                return Target(lane.version, standing, AttemptKind.FIRST, is_trial=True)
        return None

    def _choose(self, wish: Wish) -> Target | None:
        now, balance = wish.now, STRATEGIES[self.plan.route.balance]
        for fits in _readiness(now):
            for at, lane in enumerate(self.plan.lanes):
                candidates = self._left(lane, fits)
                if candidates:
                    return Target(lane.version, balance(_with_room(candidates, wish), wish), self._kind(at))
        return None

    def _left(self, lane: Lane, fits: Fits) -> list[Standing]:
        name, tried = lane.version.name, self._tried
        return [each for each in lane.members if (name, each.backend.name) not in tried and fits(each)]

    def _kind(self, at: int) -> AttemptKind:
        if at:
            return AttemptKind.FALLBACK
        return AttemptKind.RETRY if self._tried or self.rounds else AttemptKind.FIRST


def order(plan: Plan, now: float) -> Iterator[Target]:
    """Whom an exchange that began now would ask, one after the other, as long as each fails. Backends of a version that
    nothing tells apart come in the configuration's order; the balance chooses among them.
    """
    found: set[tuple[str, str]] = set()
    for fits in _readiness(now):
        for at, lane in enumerate(plan.lanes):
            for member in lane.members:
                index = (lane.version.name, member.backend.name)
                if index not in found and fits(member):
                    kind = AttemptKind.FALLBACK if at else AttemptKind.RETRY if found else AttemptKind.FIRST
                    found.add(index)
                    yield Target(lane.version, member, kind)


def _readiness(now: float) -> Iterator[Fits]:
    """From what nothing speaks against to what is better than nothing."""

    def is_in(each: Standing) -> bool:
        each.look(now)
        return each.is_open or (each.is_suspect and each.health.state is IN and not _is_put_off(each))

    def _is_put_off(each: Standing) -> bool:
        return each.is_cool(now) or each.is_gone(now)

    yield is_in
    yield lambda each: each.health.state is IN and not each.is_gone(now)  # it has asked for a pause
    yield lambda each: not each.is_gone(now)


def _with_room(candidates: Sequence[Standing], wish: Wish) -> Sequence[Standing]:
    """Those with a free place; else the one with the shortest queue, where this exchange will wait."""
    if all(each.places is None for each in candidates):
        return candidates
    free = [each for each in candidates if each.places is None or each.places.is_free]
    return free or [min(candidates, key=lambda each: each.places.expected_wait_s(wish.rank) if each.places else 0.0)]
