"""What a request would get and why, told without sending anything. Pure, and decided by the code that decides for real.

`explain` is the one thing to call; `Explanation.shown()` is JSON-able.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from llmgateway.config.snapshot import Key, Route, Server, Snapshot
from llmgateway.config.words import balance_in_words, hedge_in_words
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import AttemptKind
from llmgateway.domain.operation import Operation
from llmgateway.ports.dialect import Declared, Dialect
from llmgateway.routing.course import order
from llmgateway.routing.facts import Document, Facts
from llmgateway.routing.faults import CODES
from llmgateway.routing.hedging import may_hedge
from llmgateway.routing.plan import Plan, after_failure, plan
from llmgateway.routing.rules import ReadyRule, chooser
from llmgateway.routing.select import Choice, Split, home, pinned, sticky_key
from llmgateway.routing.staged import StagedWeight, staged_split
from llmgateway.routing.standings import Standings
from llmgateway.routing.table import VERSION_HEADER, RouteTable, model_of
from llmgateway.wire.jsonscan import parse_object


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is not sent. `model` goes before the body's; header names are in lower case; `at` is Unix time."""

    key: Key
    dialect: Dialect
    at: float
    model: str | None = None
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"
    path: str = "/v1/chat/completions"


class Outcome(StrEnum):
    """What became of a rule."""

    MATCHED = "matched"
    NO_MATCH = "no match"
    NOT_ASKED = "not asked"  # an earlier rule had decided, or a pin, or the operation


@dataclass(frozen=True, slots=True)
class CheckTold:
    """One condition of a rule, and what the request has of it."""

    condition: str
    holds: bool
    has: str


@dataclass(frozen=True, slots=True)
class RuleTold:
    """One rule. `checks` are told of each rule, also of those that were not asked."""

    name: str
    outcome: Outcome
    checks: tuple[CheckTold, ...]
    use: Mapping[str, float]  # each version's chance


@dataclass(frozen=True, slots=True)
class AttemptTold:
    version: str
    backend: str
    kind: str
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FaultTold:
    """What follows when every attempt fails like this; no `then`: the caller gets the error at once."""

    fault: str
    code: str
    then: tuple[AttemptTold, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a request would get. `is_drawn`: nothing keeps the caller on a version, so `version` is the likeliest one.

    `balance` and `hedge` say in words which of several backends is asked, and when a second one beside it, if ever.
    `attempts` is the order without any failure of a backend known; with several backends one of them begins.
    `present`: the order as the backends are now, where that was asked for; those that get nothing are not in it.
    """

    route: str
    model: str
    key: str
    dialect: str
    operation: str
    sticky_by: str
    sticky_key: str | None
    rules: tuple[RuleTold, ...]
    assigned_by: str
    version: str
    probability: float
    is_drawn: bool
    chances: Mapping[str, float]
    balance: str
    hedge: str | None
    attempts: tuple[AttemptTold, ...]
    after: tuple[FaultTold, ...]
    present: tuple[AttemptTold, ...] = ()

    def shown(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def read(cls, shown: Mapping[str, Any]) -> "Explanation":
        """Take back what `shown` gave, perhaps in another process; KeyError and TypeError where it is no such thing."""
        return cls(**{each.name: _READ.get(each.name, _as_it_is)(shown[each.name]) for each in fields(cls)})


def _as_it_is(value: Any) -> Any:
    return value


def _attempts_read(told: Any) -> tuple[AttemptTold, ...]:
    return tuple(AttemptTold(**each) for each in told)


def _rule_read(told: Mapping[str, Any]) -> RuleTold:
    checks = tuple(CheckTold(**each) for each in told["checks"])
    return RuleTold(told["name"], Outcome(told["outcome"]), checks, told["use"])


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "rules": lambda told: tuple(_rule_read(each) for each in told),
    "attempts": _attempts_read,
    "present": _attempts_read,
    "after": lambda told: tuple(FaultTold(each["fault"], each["code"], _attempts_read(each["then"])) for each in told),
}


@dataclass(frozen=True, slots=True)
class Present:
    """How the backends are, at `now` (monotonic), and the weights of rollouts, by route."""

    standings: Standings
    now: float
    staged: Mapping[str, StagedWeight] = field(default_factory=dict)


def explain(snapshot: Snapshot, asked: Asked, present: Present | None = None) -> Explanation:
    """Tell what `asked` would get; GatewayError where the gateway would refuse it. `present`: as it is now, too."""
    document, declared = _read(asked, snapshot.server)
    model, route = _route(snapshot, asked, document)
    operation = asked.dialect.operation(asked.method, asked.path)
    facts = Facts(
        key=asked.key,
        header=asked.headers.get,
        document=document,
        size=len(asked.body),
        dialect=asked.dialect.name,
        is_stream=declared.is_stream,
        at=asked.at,
    )
    staged = present.staged.get(route.name) if present is not None else None
    split, rules = _decided(route, facts, asked, operation, staged)
    sticks_to = sticky_key(route.sticky, declared.user, declared.session, asked.key.name, asked.headers.get)
    choice = _likeliest(split) if sticks_to is None else split.choose(sticks_to, 0.0)
    standings = {each.backend.name: each for each in Standings(snapshot)}
    ordered = plan(route, choice, standings, may_fall_back=not operation.is_stateful)
    now = _now(ordered, present, may_fall_back=not operation.is_stateful) if present is not None else ()
    return Explanation(
        route=route.name,
        model=model,
        key=asked.key.name,
        dialect=asked.dialect.name,
        operation=operation.name,
        sticky_by=route.sticky.by.value,
        sticky_key=sticks_to,
        rules=rules,
        assigned_by=choice.assigned_by,
        version=choice.version.name,
        probability=choice.probability,
        is_drawn=sticks_to is None and len(split.choices) > 1,
        chances=_chances(split),
        balance=balance_in_words(route.balance, choice.version.backends),
        hedge=_hedge(route, operation, asked.method),
        attempts=tuple(_targets(ordered)),
        after=tuple(_after(ordered, operation, asked.method)),
        present=now,
    )


def _hedge(route: Route, operation: Operation, method: str) -> str | None:
    """When a second attempt starts; sessions and what may have an effect have none."""
    return hedge_in_words(route.hedge) if route.hedge is not None and may_hedge(operation, method) else None


def _now(ordered: Plan, present: Present, *, may_fall_back: bool) -> tuple[AttemptTold, ...]:
    live = plan(ordered.route, ordered.choice, present.standings.by_name, may_fall_back=may_fall_back)
    targets = order(live, present.now)
    return tuple(AttemptTold(each.version.name, each.backend.name, each.kind.value) for each in targets)


def _read(asked: Asked, limits: Server) -> tuple[Document | None, Declared]:
    if not asked.body:
        return None, Declared()
    document = parse_object(asked.body, max_depth=limits.max_json_depth, max_tokens=limits.max_json_tokens)
    return document, asked.dialect.declared(document)


def _route(snapshot: Snapshot, asked: Asked, document: Document | None) -> tuple[str, Route]:
    model = asked.model if asked.model is not None else model_of(document or {})
    table = RouteTable(snapshot.routes, snapshot.keys.values())
    route = table.asked_for(model, asked.headers.get, asked.key)
    return model if model is not None else route.name, route


def _decided(
    route: Route, facts: Facts, asked: Asked, operation: Operation, staged: StagedWeight | None
) -> tuple[Split, tuple[RuleTold, ...]]:
    """The split that decides, and what became of each rule."""
    ready = chooser(route)
    named = asked.headers.get(VERSION_HEADER)
    if named is not None:
        return _only(pinned(route, asked.key, named.decode("ascii", "replace"))), _told(ready.rules, facts, None)
    if operation.is_stateful:
        return _only(home(route)), _told(ready.rules, facts, None)
    split = ready.split_for(facts)
    rules = _told(ready.rules, facts, split)
    if staged is not None and split is ready.split:
        split = staged_split(route, staged) or split
    return split, rules


def _only(choice: Choice) -> Split:
    return Split("", [(choice.version, 1.0)], choice.assigned_by)


def _likeliest(split: Split) -> Choice:
    return max(split.choices, key=lambda choice: choice.probability)


def _told(rules: Sequence[ReadyRule], facts: Facts, decided: Split | None) -> tuple[RuleTold, ...]:
    told: list[RuleTold] = []
    is_open = decided is not None
    for rule in rules:
        outcome = Outcome.NOT_ASKED if not is_open else Outcome.MATCHED if rule.split is decided else Outcome.NO_MATCH
        checks = tuple(CheckTold(check.condition.words, check.holds(facts), check.told(facts)) for check in rule.checks)
        told.append(RuleTold(rule.name, outcome, checks, _chances(rule.split)))
        is_open = is_open and outcome is Outcome.NO_MATCH
    return tuple(told)


def _chances(split: Split) -> dict[str, float]:
    return {choice.version.name: choice.probability for choice in split.choices}


def _after(ordered: Plan, operation: Operation, method: str) -> Iterator[FaultTold]:
    """What follows each fault, were every attempt to fail with it; without jitter."""
    may_repeat = operation.is_repeatable or method in {"GET", "HEAD"}
    for kind, codes in CODES.items():
        for code in sorted(codes):
            yield FaultTold(kind.value, code, tuple(_steps(ordered, GatewayError(code), may_repeat)))


def _targets(ordered: Plan) -> list[AttemptTold]:
    """Every target once, in the order of the configuration: which backend of a version comes first is decided then."""
    told: list[AttemptTold] = []
    for at, lane in enumerate(ordered.lanes):
        for member in lane.members:
            kind = AttemptKind.FALLBACK if at else AttemptKind.RETRY if told else AttemptKind.FIRST
            told.append(AttemptTold(lane.version.name, member.backend.name, kind.value))
    return told


def _steps(ordered: Plan, error: GatewayError, may_repeat: bool) -> Iterator[AttemptTold]:  # noqa: FBT001 - a flag handed on
    targets = _targets(ordered)
    for tried in range(1, ordered.route.retries.max_attempts):
        rounds, at = divmod(tried, len(targets))
        over = rounds if not at else None
        wait_s = after_failure(ordered, tried, error, rounds=over, repeatable=may_repeat, jitter=0.0)
        if wait_s is None:
            return
        target = targets[at]
        kind = AttemptKind.RETRY.value if target.kind == AttemptKind.FIRST.value else target.kind
        yield AttemptTold(target.version, target.backend, kind, wait_s)
