"""A snapshot made ready for traffic: routes compiled, backends reachable, request heads prepared.

Built once a generation. An exchange holds on to the one it began with; the pools outlive a generation where the
backend stayed the same, so a reload costs no connection.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from llmgateway.auth.permits import Permits
from llmgateway.config.snapshot import Backend, Route, Snapshot, Version
from llmgateway.dataplane.peer import Network, networks
from llmgateway.domain.clock import Clock
from llmgateway.domain.operation import Operation
from llmgateway.guarding.guards import NO_GUARDS, FindGuardrail, Guards
from llmgateway.http.client import HeadTemplate, Origin
from llmgateway.http.pool import Pool
from llmgateway.ports.dialect import Dialect
from llmgateway.ports.provider import Provider
from llmgateway.routing.budget import RetryBudget
from llmgateway.routing.hedging import Patience
from llmgateway.routing.places import Share
from llmgateway.routing.plan import Plans
from llmgateway.routing.rules import Chooser, Choosers
from llmgateway.routing.shadow import ShadowBudget
from llmgateway.routing.standings import Standings
from llmgateway.routing.table import RouteTable
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.prefix import Prefix

MIN_SECRET: Final = 12  # a shorter header value is a number or a name, and would be masked where it means nothing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Upstream:
    """One backend as this worker reaches it. `template` writes the heads of its requests (rows C43, C46)."""

    backend: Backend
    provider: Provider
    pool: Pool
    base_path: str
    origin: Origin
    template: HeadTemplate
    secrets: tuple[bytes, ...]  # masked where the backend quotes them


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a method and path mean in a dialect; looked up once, since callers ask for few different ones."""

    dialect: Dialect
    operation: Operation
    is_local: bool  # the gateway answers by itself


@dataclass(frozen=True, slots=True)
class InForce:
    snapshot: Snapshot
    table: RouteTable
    upstreams: Mapping[str, Upstream]
    standings: Standings  # one for all generations: how the backends are does not change with the configuration
    plans: Plans
    budgets: Mapping[str, RetryBudget]
    choosers: Mapping[str, Chooser]
    shadow_budgets: Mapping[str, ShadowBudget]  # by route, where there is a shadow
    changes: Mapping[tuple[str, str], Mapping[str, bytes]]  # (route, version) → members to set in a JSON body
    patience: Mapping[str, Patience]  # of the routes that hedge
    prefixes: Mapping[tuple[str, str], Prefix] = field(default_factory=dict)  # (route, version) → its prompt
    prompted: frozenset[str] = frozenset()  # the routes that have a version with a prompt
    guards: Guards = NO_GUARDS
    forwarded: frozenset[bytes] = frozenset()  # callers' headers that some backend gets as they came
    forwarded_prefixes: tuple[bytes, ...] = ()
    trusted: tuple[Network, ...] = ()  # proxies whose X-Forwarded-For is believed
    permits: Permits = field(default_factory=Permits)
    endpoints: dict[tuple[str, str, bool], Endpoint] = field(default_factory=dict)  # see dataplane.door


def put_in_force(
    snapshot: Snapshot,
    before: InForce | None,
    *,
    provider: Callable[[str], Provider],
    pool: Callable[[Backend], Pool],
    clock: Clock,
    guardrail: FindGuardrail,
    share: Share | None = None,
) -> InForce:
    """Prepare `snapshot`. Endpoints that did not change keep their pool; the caller closes the others (`retired`).

    `share`: this worker's part of limits that hold for all of them, where there is no `before`.
    """
    kept = before.upstreams if before is not None else {}
    budgets = before.budgets if before is not None else {}
    routes = snapshot.routes.values()
    shadow_budgets = before.shadow_budgets if before is not None else {}
    patience = before.patience if before is not None else {}
    speaking = [provider(name) for name in {backend.provider for backend in snapshot.backends.values()}]
    if before is None:
        standings = Standings(snapshot, share)
    else:
        standings = before.standings
        standings.configure(snapshot)
    return InForce(
        snapshot=snapshot,
        table=RouteTable(snapshot.routes, snapshot.keys.values()),
        upstreams={
            name: replace(kept[name], backend=backend)
            if name in kept and kept[name].backend.is_same_endpoint(backend)
            else _upstream(backend, provider, pool)
            for name, backend in snapshot.backends.items()
        },
        standings=standings,
        plans=Plans(standings.by_name),
        budgets={
            name: _budget(budgets.get(name), clock, route.retries.budget) for name, route in snapshot.routes.items()
        },
        choosers=Choosers(snapshot.routes),
        shadow_budgets=_kept(shadow_budgets, (r.name for r in routes if r.shadow is not None), ShadowBudget, clock),
        patience=_kept(patience, (r.name for r in routes if r.hedge is not None), Patience, clock),
        guards=Guards.of(snapshot, guardrail),
        forwarded=frozenset[bytes]().union(*(speaks.forwarded for speaks in speaking)),
        forwarded_prefixes=tuple(prefix for speaks in speaking for prefix in speaks.forwarded_prefixes),
        trusted=networks(snapshot.server.trusted_proxies),
        prefixes=_prefixes(routes),
        prompted=frozenset(route.name for route in routes if any(each.prompt is not None for each in route.versions)),
        changes={(route.name, version.name): _changes(version) for route in routes for version in route.versions},
    )


def _kept(before: Mapping[str, T], names: Iterable[str], make: Callable[[Clock], T], clock: Clock) -> dict[str, T]:
    """What some routes have of their own, made where there was none before."""
    return {name: before.get(name) or make(clock) for name in names}


def retired(before: InForce, after: InForce) -> list[Pool]:
    """The pools that nothing new will use: close them, what runs on them goes on."""
    staying = {id(upstream.pool) for upstream in after.upstreams.values()}
    return [upstream.pool for upstream in before.upstreams.values() if id(upstream.pool) not in staying]


def _budget(kept: RetryBudget | None, clock: Clock, ratio: float) -> RetryBudget:
    """A route's budget outlives a reload, so that many reloads are no way around it."""
    if kept is None:
        return RetryBudget(clock, ratio)
    kept.allow(ratio)
    return kept


def _changes(version: Version) -> dict[str, bytes]:
    changes = {name: encode(value) for name, value in version.params.items()}
    if version.model is not None:
        changes["model"] = encode(version.model)
    return changes


def _prefixes(routes: Iterable[Route]) -> dict[tuple[str, str], Prefix]:
    return {
        (route.name, version.name): Prefix(version.prompt)
        for route in routes
        for version in route.versions
        if version.prompt is not None
    }


def _upstream(backend: Backend, provider: Callable[[str], Provider], pool: Callable[[Backend], Pool]) -> Upstream:
    speaks = provider(backend.provider)
    key = backend.api_key.reveal() if backend.api_key is not None else None
    fixed = [(name.lower().encode(), value.encode()) for name, value in backend.headers]
    if key is not None:
        fixed += [(name.lower(), value) for name, value in speaks.credential(key)]
    origin = Origin.of(backend)
    template = HeadTemplate(
        origin.host_header,
        fixed,
        defaults=speaks.defaults(),
        forwarded=speaks.forwarded,
        prefixes=speaks.forwarded_prefixes,
    )
    return Upstream(
        backend=backend,
        provider=speaks,
        pool=pool(backend),
        origin=origin,
        base_path=backend.url.path.rstrip("/"),
        template=template,
        secrets=_secrets(key, backend),
    )


def _secrets(key: str | None, backend: Backend) -> tuple[bytes, ...]:
    """The credentials a backend may quote: the key, and what its own headers carry, for that may be one too."""
    values = [last for _, value in backend.headers for last in value.split()[-1:] if len(last) >= MIN_SECRET]
    return tuple(value.encode() for value in (*([key] if key else []), *values))
