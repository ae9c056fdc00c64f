"""Every endpoint of the admin listener."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmgateway.controlplane.api import (
    backends,
    concerns,
    configuration,
    datasets,
    drift,
    erasures,
    evaluators,
    events,
    exchanges,
    explaining,
    gateway,
    generations,
    golden,
    guardrails,
    live,
    replays,
    review,
    rollouts,
    routes,
    scores,
    versions,
)
from llmgateway.controlplane.api.knownroutes import with_known_routes
from llmgateway.controlplane.api.openapi import with_description
from llmgateway.controlplane.byhand import ByHand
from llmgateway.controlplane.changes import Changes
from llmgateway.controlplane.concerns import Concerns
from llmgateway.controlplane.drift.watch import DriftWatch
from llmgateway.controlplane.endpoints import Routes
from llmgateway.controlplane.erasing import Erasing
from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.controlplane.feed import Feed
from llmgateway.controlplane.gate import Gate
from llmgateway.controlplane.golden.lazily import LazyGolden
from llmgateway.controlplane.pages import review as pages
from llmgateway.controlplane.pages.session import Sessions
from llmgateway.controlplane.registry import Registry
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.reviewing import Reviewing
from llmgateway.controlplane.rollouts.service import RolloutService
from llmgateway.controlplane.undoing import Undoing
from llmgateway.domain.clock import Clock
from llmgateway.guarding.trial import FindClasses
from llmgateway.ports.dialect import Dialect
from llmgateway.ports.store import Store
from llmgateway.routing.staged import StagedWeight


@dataclass(frozen=True, slots=True)
class Sources:
    """What the endpoints answer from. `store` and `changes` None: there is no log and nothing can be changed here.

    `classes`: what guardrails and judges there are. `token_secret`: the data folder's, for browsers' tokens.
    `reviewing`: who looks after the review queues. `gate`: who may come in by a browser.
    """

    answers: gateway.Answers
    view: Callable[[], Mapping[str, Any]]
    feed: Feed
    reloader: Reloader
    backends: ByHand
    clock: Clock
    dialects: Mapping[str, Dialect]
    store: Store | None = None
    changes: Changes | None = None
    classes: FindClasses = lambda _: {}
    evaluation: Evaluation | None = None
    drift: DriftWatch | None = None
    golden: LazyGolden | None = None
    token_secret: bytes = b""
    reviewing: Reviewing | None = None
    gate: Callable[[], Gate] | None = None
    rollouts: RolloutService | None = None
    registry: Registry | None = None
    erasing: Erasing | None = None


def endpoints(sources: Sources, more: Routes) -> Routes:
    """The whole table; `more` are those of others."""
    table = {**gateway.endpoints(sources.answers), **live.endpoints(sources.view, sources.feed)}
    table |= backends.endpoints(sources.backends, sources.reloader)
    table |= explaining.endpoints(
        sources.backends, sources.reloader, sources.dialects, sources.clock, _weights(sources.rollouts)
    )
    table |= guardrails.endpoints(sources.reloader, sources.classes)
    reloader, store, changes = sources.reloader, sources.store, sources.changes
    if store is not None and sources.evaluation is not None:
        table |= evaluators.endpoints(sources.evaluation, store, lambda: reloader.snapshot, sources.clock)
    if sources.golden is not None:
        table |= golden.endpoints(sources.golden, lambda: reloader.snapshot)
    if sources.drift is not None:
        table |= drift.endpoints(sources.drift, lambda: reloader.snapshot)
    if store is not None:
        table |= exchanges.endpoints(store)
        signing = scores.Signing(lambda: reloader.snapshot.scores, sources.token_secret)
        table |= scores.endpoints(store, signing, sources.clock)
        undoing = Undoing(
            store,
            sources.clock,
            lambda: reloader.snapshot,
            backends=sources.backends,
            rollouts=sources.rollouts,
            changes=changes,
            drift=sources.drift,
        )
        table |= events.endpoints(store, undoing)
        if sources.rollouts is not None:
            table |= rollouts.endpoints(sources.rollouts)
        if sources.registry is not None:
            table |= versions.endpoints(lambda: reloader.snapshot, store, sources.registry)
        if sources.reviewing is not None:
            raised = Concerns(store, lambda: reloader.snapshot, sources.clock)
            table |= review.endpoints(sources.reviewing, lambda: reloader.snapshot)
            table |= concerns.endpoints(raised, sources.reviewing)
            if sources.gate is not None:
                doors = pages.Doors(sources.gate, Sessions(sources.token_secret))
                table |= pages.endpoints(sources.reviewing, raised, doors)
        table |= _copies(sources, store)
        if changes is not None:
            table |= configuration.endpoints(changes, reloader.links)
            table |= routes.endpoints(changes, reloader)
            table |= generations.endpoints(changes, store, reloader.links)
    return with_description({**with_known_routes(table, lambda: reloader.snapshot, store), **more})


def _copies(sources: Sources, store: Store) -> Routes:
    """What is kept of exchanges beside the log, what is done with it, and how all of that goes."""
    reloader, clock = sources.reloader, sources.clock
    table = dict(datasets.endpoints(store, lambda: reloader.snapshot, clock))
    table |= replays.endpoints(store, lambda: reloader.snapshot, clock)
    if sources.erasing is not None:
        table |= erasures.endpoints(sources.erasing, store, clock)
    return table


def _weights(rollouts: RolloutService | None) -> Callable[[], Mapping[str, StagedWeight]]:
    return rollouts.weights if rollouts is not None else dict
