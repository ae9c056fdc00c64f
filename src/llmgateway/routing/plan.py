"""The ordered attempts for one exchange: what is tried first, and what follows each kind of failure."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmgateway.config.snapshot import Backend, Route, Version
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import AttemptKind
from llmgateway.routing.faults import AGAIN, UNSENT, leads_on
from llmgateway.routing.select import PIN, Choice


@dataclass(frozen=True, slots=True)
class Target:
    """One version at one backend."""

    version: Version
    backend: Backend
    kind: AttemptKind


@dataclass(frozen=True, slots=True)
class Plan:
    """Where an exchange may go, in order. The first target is the assignment; the rest is what follows a failure."""

    route: Route
    choice: Choice
    targets: tuple[Target, ...]

    def __repr__(self) -> str:
        path = " > ".join(f"{target.version.name}@{target.backend.name}" for target in self.targets)
        return f"<Plan {self.route.name}: {path}>"


class Plans:
    """Plans of one snapshot, each made once: there are only as many as versions and backends to begin with."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[tuple[str, str, float, str, int], Plan] = {}

    def __call__(self, route: Route, choice: Choice, draw: float, *, may_fall_back: bool = True) -> Plan:
        """The plan for `choice`; `draw` in [0, 1) says at which of the version's backends it begins."""
        first = int(draw * len(choice.version.backends)) if may_fall_back else -1
        index = (route.name, choice.version.name, choice.probability, choice.assigned_by, first)
        known = self._made.get(index)
        if known is None:
            known = self._made[index] = plan(route, choice, draw, may_fall_back=may_fall_back)
        return known


def plan(route: Route, choice: Choice, draw: float, *, may_fall_back: bool = True) -> Plan:
    """Order the targets: the assigned version's backends from a drawn one on, then the fallback versions' in order.

    Who pinned a version gets that one or none: an answer of another would be no answer to what was asked.
    """
    order = _rotated(choice.version.backends, draw)
    targets = [Target(choice.version, order[0], AttemptKind.FIRST)]
    if may_fall_back:
        targets += [Target(choice.version, backend, AttemptKind.RETRY) for backend in order[1:]]
        for version in route.fallback if choice.assigned_by != PIN else ():
            if version is not choice.version:
                targets += [Target(version, backend, AttemptKind.FALLBACK) for backend in version.backends]
    return Plan(route, choice, tuple(targets))


def _rotated(backends: Sequence[Backend], draw: float) -> tuple[Backend, ...]:
    at = int(draw * len(backends))
    return (*backends[at:], *backends[:at])


@dataclass(frozen=True, slots=True)
class Next:
    """Try `target` after `wait_s` seconds."""

    target: Target
    wait_s: float


def after_failure(plan: Plan, tried: int, error: GatewayError, *, repeatable: bool, jitter: float) -> Next | None:
    """What follows the failure of attempt number `tried` (1 for the first); None gives up. `jitter` is in [0, 1).

    Goes down the plan while there is another target, then comes back to the first one after a pause: Retry-After where
    the backend named one, else exponential. A request that may have had an effect is only sent again if it never left.
    """
    retries = plan.route.retries
    if tried >= retries.max_attempts or not leads_on(error.code, plan.route.on_failure):
        return None
    if not repeatable and error.code not in UNSENT:
        return None
    if tried < len(plan.targets):
        return Next(plan.targets[tried], 0.0)
    if error.code not in AGAIN:
        return None
    round_trip = tried // len(plan.targets)
    wait = error.retry_after_s if error.retry_after_s is not None else retries.base_s * 2 ** (round_trip - 1)
    if wait > retries.max_wait_s:
        return None
    first = plan.targets[0]
    return Next(Target(first.version, first.backend, AttemptKind.RETRY), wait * (1.0 + 0.25 * jitter))
