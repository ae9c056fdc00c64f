"""The way of one exchange: the versions it may go to, in order, and what follows each kind of failure."""

from collections.abc import Mapping
from dataclasses import dataclass

from llmgateway.config.snapshot import Backend, Route, Version
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import AttemptKind
from llmgateway.routing.faults import AGAIN, UNSENT, leads_on
from llmgateway.routing.select import PIN, Choice
from llmgateway.routing.standing import Standing


@dataclass(frozen=True, slots=True)
class Target:
    """One version at one backend. `is_trial`: the one attempt that finds out if a backend is well again."""

    version: Version
    standing: Standing
    kind: AttemptKind
    is_trial: bool = False

    @property
    def backend(self) -> Backend:
        return self.standing.backend


@dataclass(frozen=True, slots=True)
class Lane:
    """One version, and the backends that may answer for it."""

    version: Version
    members: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where an exchange may go: the version assigned, then those that follow a failure. Backends are chosen on the way.

    `only`: what to ask first where there is nothing to choose (see `course`).
    """

    route: Route
    choice: Choice
    lanes: tuple[Lane, ...]
    only: Target | None

    @property
    def has_one_backend(self) -> bool:
        """Whether there is one backend in all."""
        return len({id(each) for lane in self.lanes for each in lane.members}) == 1

    def __repr__(self) -> str:
        path = " > ".join(
            f"{lane.version.name}@{'|'.join(each.backend.name for each in lane.members)}" for lane in self.lanes
        )
        return f"<Plan {self.route.name}: {path}>"


class Plans:
    """Plans of one snapshot, each made once: there are only as many as versions to begin with."""

    __slots__ = ("_made", "_standings")

    def __init__(self, standings: Mapping[str, Standing]) -> None:
        self._standings = standings  # of the snapshot's own backends, also once the next one has left some out
        self._made: dict[tuple[str, str, float, str, bool], Plan] = {}

    def __call__(self, route: Route, choice: Choice, *, may_fall_back: bool = True) -> Plan:
        """The plan for `choice`."""
        index = (route.name, choice.version.name, choice.probability, choice.assigned_by, may_fall_back)
        known = self._made.get(index)
        if known is None:
            known = self._made[index] = plan(route, choice, self._standings, may_fall_back=may_fall_back)
        return known


def plan(route: Route, choice: Choice, standings: Mapping[str, Standing], *, may_fall_back: bool = True) -> Plan:
    """Order the versions: the assigned one, then the fallbacks. Without them, what lives at one backend is asked there:
    the first one of the version. Who pinned a version gets that one or none: an answer of another would be no answer to
    what was asked.
    """
    version = choice.version
    if not may_fall_back:
        lanes = [Lane(version, (standings[version.backends[0].name],))]
    else:
        others = [other for other in route.fallback if other is not version and choice.assigned_by != PIN]
        lanes = [Lane(each, tuple(standings[backend.name] for backend in each.backends)) for each in (version, *others)]
    first = lanes[0].members
    only = Target(version, first[0], AttemptKind.FIRST) if len(first) == 1 else None
    return Plan(route, choice, tuple(lanes), only)


def after_failure(
    plan: Plan, tried: int, error: GatewayError, *, rounds: int | None, repeatable: bool, jitter: float
) -> float | None:
    """What follows the failure of attempt number `tried` (1 for the first): the pause before the next, in seconds;
    None gives up. `jitter` is in [0, 1).

    Goes on at once while there is a backend that was not asked (`rounds` None). Once `rounds` times all were, it begins
    anew after a pause: Retry-After where the backend named one, else exponential. A request that may have had an effect
    is only sent again if it never left.
    """
    retries = plan.route.retries
    if tried >= retries.max_attempts or not leads_on(error.code, plan.route.on_failure):
        return None
    if not repeatable and error.code not in UNSENT:
        return None
    if rounds is None:
        return 0.0
    if error.code not in AGAIN:
        return None
    wait = error.retry_after_s if error.retry_after_s is not None else retries.base_s * 2 ** (rounds - 1)
    if wait > retries.max_wait_s:
        return None
    return wait * (1.0 + 0.25 * jitter)
