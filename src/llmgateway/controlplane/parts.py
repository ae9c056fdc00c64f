"""What the control plane is made of: what the composition root hands in."""

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from llmgateway.config.loader import Examined
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.configfile import ConfigFile
from llmgateway.controlplane.drift.watch import DriftWatch
from llmgateway.controlplane.endpoints import Endpoint
from llmgateway.controlplane.erasing import Erasing
from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.controlplane.evaluation.silence import Silences
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.golden.lazily import LazyGolden
from llmgateway.controlplane.ingest import Ingester
from llmgateway.controlplane.ledger import Ledger
from llmgateway.controlplane.live import Recent
from llmgateway.controlplane.registry import Registry
from llmgateway.controlplane.reviewfeed import ReviewFeed
from llmgateway.controlplane.scoring import Scoring
from llmgateway.domain.clock import Clock
from llmgateway.guarding.trial import FindClasses
from llmgateway.ports.dialect import Dialect
from llmgateway.ports.provider import Provider
from llmgateway.ports.store import Row, Store

Run = Callable[[], Awaitable[None]]


class Hearer(Protocol):
    """Who hears of exchanges once they are in the store."""

    def came(self, rows: Sequence[Row], /) -> None: ...


def on_rows(ledger: Ledger, recent: Recent, *hearers: Hearer) -> Callable[[list[Row]], None]:
    """What the ingester calls with the rows of each commit: only now may anybody see them counted."""

    def committed(rows: list[Row]) -> None:
        ledger.commit()
        recent.observe(rows)
        for hearer in hearers:
            hearer.came(rows)

    return committed


class Configured(Protocol):
    """Who takes the configurations that come into force."""

    def configure(self, snapshot: Snapshot, /) -> None: ...


def in_turn(*takers: Configured) -> Callable[[Snapshot], None]:
    """What gives a configuration to each of several, one after the other."""

    def configure(snapshot: Snapshot) -> None:
        for taker in takers:
            taker.configure(snapshot)

    return configure


def unknown(name: str) -> Provider:
    """No providers are known here; LookupError."""
    raise LookupError(name)


@dataclass(slots=True)
class Parts:
    """What the composition root hands in.

    The ledger and `recent` are the ones that the ingester feeds: as its observer, and through `on_rows`.
    `services`: name → a coroutine function that runs until cancelled (retention …). `on_snapshot`: called with each
    configuration that comes into force, the first one left out. `endpoints`: further ones for the admin listener.
    `file` and `store`: the configuration may be changed through the admin listener, and its history is kept.
    `workers`: how many there should be.
    `provider`: providers by name, for probes. `dialects`: what callers speak, for explanations. `classes`: guardrails
    and judges, to be tried. `scoring`: who places users' scores. `evaluation`: who judges exchanges. `review`: who
    brings exchanges to the review queues by itself. `events`: who writes down what happens by itself.
    `drift`: who watches versions for drift. `golden`: who asks golden questions. `registry`: who
    remembers versions. `erasing`: who goes on with erasures. `token_secret`: signs browsers' tokens.
    """

    snapshot: Snapshot
    text: str
    data_dir: Path
    listener: socket.socket
    clock: Clock
    ledger: Ledger
    recent: Recent
    examine: Callable[[int], Examined]
    save: Callable[[str, int], None]
    ingest: Ingester | None = None
    services: Mapping[str, Run] = field(default_factory=dict)
    on_snapshot: Callable[[Snapshot], None] = lambda _: None
    endpoints: Mapping[tuple[str, str], Endpoint] = field(default_factory=dict)
    file: ConfigFile | None = None
    store: Store | None = None
    workers: int = 0
    provider: Callable[[str], Provider] = unknown
    dialects: Mapping[str, Dialect] = field(default_factory=dict)
    classes: FindClasses = lambda _: {}
    scoring: Scoring | None = None
    review: ReviewFeed | None = None
    evaluation: Evaluation | None = None
    events: Events | None = None
    drift: DriftWatch | None = None
    golden: LazyGolden | None = None
    registry: Registry | None = None
    erasing: Erasing | None = None
    token_secret: bytes = b""


def first_tasks(parts: Parts) -> dict[str, Run]:
    """What is started first and so ends last, by name: what others hand their work to, and the services."""
    ingest, first = parts.ingest, dict[str, Run]()
    if ingest is not None:
        first["ingest"] = ingest.run
    if parts.events is not None:
        first["events"] = parts.events.run
    if parts.events is not None and parts.evaluation is not None:
        first["silence"] = Silences(parts.events, parts.evaluation, parts.clock).run
    if parts.scoring is not None and ingest is not None:
        first["scores"] = partial(parts.scoring.run, ingest.drained)
    if parts.review is not None:
        first["review"] = parts.review.run
    if parts.evaluation is not None:
        first["evaluators"], first["judges"] = parts.evaluation.run, parts.evaluation.asking.run
    if parts.drift is not None:
        first["drift"] = parts.drift.run
    if parts.golden is not None:
        first["golden"] = parts.golden.run
    if parts.registry is not None:
        first |= parts.registry.tasks()
    return first | dict(parts.services)
