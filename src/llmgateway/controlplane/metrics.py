"""Turns the ledger and the workers' gauges into what Prometheus reads. The only file that knows prometheus_client.

A scrape copies the figures on the event loop (a fraction of a millisecond) and renders them in a thread; renderings
are kept for a second, so that a scraper gone wild costs no more than one a second.
"""

import asyncio
import itertools
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

from llmgateway.controlplane.catalogue import METRICS, PREFIX, ROLLOUTS
from llmgateway.controlplane.drift.shown import DriftFigures
from llmgateway.controlplane.evaluation import figures as evaluating
from llmgateway.controlplane.events import EventFigures
from llmgateway.controlplane.feedbackfigures import FeedbackFigures
from llmgateway.controlplane.ingest import Lag
from llmgateway.controlplane.labels import BACKEND_STATES, OTHER, OUTCOMES, Labels
from llmgateway.controlplane.ledger import TOKEN_KINDS, Cell, View
from llmgateway.controlplane.reviewfigures import ReviewFigures
from llmgateway.controlplane.tally import OVERLOAD, Figures
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.clock import Clock
from llmgateway.domain.event import EventKind, EventSeverity
from llmgateway.telemetry.histogram import (
    DURATION,
    FIRST_TOKEN,
    LAG,
    OVERHEAD,
    PER_TOKEN,
    WAIT,
    Bounds,
    cumulative,
    empty,
    total,
)

CACHE_S: Final = 1.0
MAX_CACHED: Final = 4  # renderings; there are two formats and few scrapers
_MAX_ACCEPT: Final = 1_000

_BY_ROUTE: Final = (  # ours, the workers'
    ("inflight_requests", "in_flight"),
    ("open_streams", "open_streams"),
    ("open_tunnels", "open_tunnels"),
    ("inflight_shadows", "shadows"),
)

Label = str
Point = tuple[Sequence[Label], float]


@dataclass(frozen=True, slots=True)
class Reading:
    """All figures at one moment. `workers`: only those heard of lately. Nothing in here is shared with the loop."""

    ledger: View
    labels: Labels
    totals: Figures
    starts: Mapping[int, int]
    workers: Sequence[WorkerState]
    version: str
    generation: int
    started_at: float  # Unix time
    reloads: Mapping[str, int] = field(default_factory=dict)
    task_failures: Mapping[str, int] = field(default_factory=dict)
    lag: Lag | None = None  # None: nothing ingests here
    damage: Mapping[str, int] = field(default_factory=dict)
    backends: Sequence[Mapping[str, Any]] = ()  # as `byhand` shows them
    ejections: Mapping[tuple[str, str], int] = field(default_factory=dict)  # by backend and reason
    review: ReviewFigures | None = None  # the same
    rollouts: Mapping[str, Sequence[Point]] = field(default_factory=dict)  # by metric
    feedback: FeedbackFigures | None = None  # None: not known yet, or nothing scores here
    evaluators: evaluating.Reading | None = None  # the same
    events: EventFigures | None = None  # None: nothing writes events here
    drift: DriftFigures | None = None  # None: not known yet, or nothing is watched
    webhooks: Mapping[str, int] = field(default_factory=dict)  # messages by what came of them


def families(reading: Reading) -> Iterator[Family]:
    """Every metric that has a source."""
    yield from _exchanges(reading.ledger)
    if reading.feedback is not None:
        yield _points("feedback", sorted(reading.feedback.counts.items()))
        yield _points("feedback_rejected", (((reason,), n) for reason, n in sorted(reading.feedback.rejected.items())))
    if reading.review is not None:
        yield _points("review_items", sorted(reading.review.counts.items()))
        yield _points(
            "review_oldest_age_seconds", (((queue,), age) for queue, age in sorted(reading.review.ages.items()))
        )
    if reading.evaluators is not None:
        yield from _evaluators(reading.evaluators)
    yield from _upstreams(reading.ledger)
    yield from _gauges(reading)
    yield from _pools(reading)
    yield from _health(reading)
    yield from _sums(reading)
    yield from _control(reading)
    for name in ROLLOUTS:
        yield _points(name, reading.rollouts.get(name, ()))
    if reading.drift is not None:
        yield _points("drift_score", reading.drift.scores)
        yield _points("drift_alarms", reading.drift.alarms)
    if reading.events is not None:
        yield from _events(reading.events)
    yield _points("webhooks", (((result,), n) for result, n in reading.webhooks.items()))


def _exchanges(view: View) -> Iterator[Family]:
    cells = sorted(view.cells.items())
    requests = (
        ((*key, ended, "true" if is_stream else "false"), cell.count(ended, is_stream=is_stream))
        for key, cell in cells
        for ended in OUTCOMES
        for is_stream in (False, True)
    )
    yield _points("requests", requests)
    yield _histograms(
        "request_duration_seconds",
        DURATION,
        ((key, cell.duration) for key, cell in cells),
        {key: _exemplars(cell) for key, cell in cells},
    )
    yield _histograms("time_to_first_token_seconds", FIRST_TOKEN, ((key, cell.first_token) for key, cell in cells))
    yield _histograms("time_per_output_token_seconds", PER_TOKEN, ((key, cell.per_token) for key, cell in cells))
    yield _histograms(
        "overhead_seconds", OVERHEAD, (((route,), counts) for route, counts in sorted(view.overhead.items()))
    )
    tokens = (((*key, kind), n) for key, cell in cells for kind, n in zip(TOKEN_KINDS, cell.tokens, strict=True))
    yield _points("tokens", tokens)
    yield _points("cost_usd", ((key, cell.cost) for key, cell in cells))
    yield _points("unpriced_requests", ((key, cell.unpriced) for key, cell in cells))
    yield from _shadows(view)
    yield _points("guardrail_verdicts", sorted(view.verdicts.counts.items()))
    yield _points("unreadable_rows", [((), view.unreadable)])
    yield _points("label_overflow", [((), view.overflow)])


def _evaluators(reading: evaluating.Reading) -> Iterator[Family]:
    figures, asking = reading.figures, [name for name, asks in reading.asks.items() if asks]
    yield _points("evaluator_runs", sorted(figures.runs.items()))
    yield _points("evaluator_skipped", sorted(figures.skipped.items()))
    times = sorted(figures.last_success.items())
    yield _points("evaluator_last_success_timestamp_seconds", (((name,), at) for name, at in times))
    yield _points("evaluator_cost_usd", (((name,), figures.cost.get(name, 0.0)) for name in asking))
    yield _points("evaluator_backlog", [((), reading.backlog)])


def _events(figures: EventFigures) -> Iterator[Family]:
    counts = dict.fromkeys(itertools.product(EventKind, EventSeverity), 0) | dict(figures.counts)
    yield _points("events", (((kind.value, severity.value), n) for (kind, severity), n in counts.items()))
    yield _points("events_dropped", [((), figures.dropped)])
    if figures.open is not None:
        yield _points("alarms_open", (((kind.value,), figures.open.get(kind, 0)) for kind in EventKind))


def _shadows(view: View) -> Iterator[Family]:
    shadows = view.shadows
    yield _points("shadow_requests", sorted(shadows.requests.items()))
    yield _points("shadow_left_out", sorted(shadows.left_out.items()))
    yield _points("shadow_cost_usd", sorted(shadows.cost.items()))


def _upstreams(view: View) -> Iterator[Family]:
    upstreams = sorted(view.upstreams.items())
    attempts = (((name, *key), n) for name, upstream in upstreams for key, n in sorted(upstream.attempts.items()))
    yield _points("upstream_attempts", attempts)
    yield _histograms(
        "upstream_duration_seconds", DURATION, (((name,), upstream.duration) for name, upstream in upstreams)
    )


def _gauges(reading: Reading) -> Iterator[Family]:
    workers = reading.workers
    for name, gauge in _BY_ROUTE:
        sums = dict.fromkeys(reading.labels.routes, 0.0)
        for worker in workers:
            for route, count in worker.by_name(gauge).items():
                label = reading.labels.route(route)
                sums[label] = sums.get(label, 0.0) + count
        yield _points(name, (((route,), count) for route, count in sums.items()))
    yield _points("connections", [((), sum(worker.gauge("connections") for worker in workers))])
    yield _points("log_full", [((), sum(worker.gauge("journal_full") for worker in workers))])
    slowest = max((worker.gauge("slowest_write_s") for worker in workers), default=0.0)
    yield _points("log_write_slowest_seconds", [((), slowest)])
    yield from _pressure(workers)
    yield _points("workers", [((), len(workers))])
    yield _points("worker_config_revision", (((str(worker.slot),), worker.generation) for worker in workers))


def _pressure(workers: Sequence[WorkerState]) -> Iterator[Family]:
    for name, gauge in (("overload_step", "overload_step"), ("memory_used_ratio", "memory_share")):
        yield _points(name, [((), max((worker.gauge(gauge) for worker in workers), default=0.0))])
    for name, gauge in (("memory_bytes", "memory_bytes"), ("request_body_bytes", "body_bytes")):
        yield _points(name, [((), sum(worker.gauge(gauge) for worker in workers))])


def _pools(reading: Reading) -> Iterator[Family]:
    connections: dict[tuple[str, str], float] = {}
    up: dict[str, list[float]] = {}
    for worker in reading.workers:
        for name, pool in worker.pools().items():
            label = reading.labels.backend(name)
            for state in ("open", "idle"):
                if state in pool:
                    connections[label, state] = connections.get((label, state), 0.0) + pool[state]
            if "up" in pool:
                up.setdefault(label, []).append(min(1.0, pool["up"]))
    yield _points("upstream_connections", sorted(connections.items()))
    if up:
        yield _points("upstream_up", (((name,), sum(values) / len(values)) for name, values in sorted(up.items())))


def _health(reading: Reading) -> Iterator[Family]:
    label = reading.labels.backend
    sums: dict[tuple[str, str], float] = {}
    states = dict.fromkeys(itertools.product(reading.labels.backends, BACKEND_STATES), 0.0)
    for backend in reading.backends:
        name = label(backend["name"])
        if name != OTHER:
            states[name, backend["state"]] = 1.0
        for figure in ("in_flight", "queued"):
            sums[name, figure] = sums.get((name, figure), 0.0) + backend[figure]
    yield _points("upstream_state", states.items())
    for metric, figure in (("upstream_in_flight", "in_flight"), ("upstream_queue", "queued")):
        yield _points(metric, (((name,), count) for (name, which), count in sums.items() if which == figure))
    ejections: dict[tuple[str, str], float] = {}
    for (name, reason), count in sorted(reading.ejections.items()):
        ejections[label(name), reason] = ejections.get((label(name), reason), 0.0) + count
    yield _points("upstream_ejections", ejections.items())


def _sums(reading: Reading) -> Iterator[Family]:
    counts = reading.totals.counters
    refused = sorted((reason, n) for (family, reason), n in counts.items() if family == "refused")
    yield _points("refused", (((reason,), n) for reason, n in refused))

    sheds = sorted((reason, n) for (family, reason), n in counts.items() if family == "sheds")
    yield _points("sheds", (((reason,), n) for reason, n in sheds))
    waits = reading.totals.histograms.get("queue_wait") or empty(WAIT)
    yield _histograms("queue_wait_seconds", WAIT, [((), waits)])
    answers = sorted((result, n) for (family, result), n in counts.items() if family == "guardrail_answers")
    yield _points("guardrail_answers", (((result,), n) for result, n in answers))
    answered = reading.totals.histograms.get("guardrail_answer") or empty(WAIT)
    yield _histograms("guardrail_answer_seconds", WAIT, [((), answered)])

    def journal(name: str) -> float:
        return counts.get(("journal", name), 0)

    results = (("written", "records"), ("refused", "refused"), ("unlogged", "unlogged"))
    yield _points("log_records", (((result,), journal(name)) for result, name in results))
    yield _points("log_bytes", [((), journal("bytes"))])
    yield _points("log_faults", [((), journal("faults"))])
    summary = _family("log_write_seconds")
    summary.samples.append(Sample(f"{summary.name}_count", {}, journal("writes")))
    summary.samples.append(Sample(f"{summary.name}_sum", {}, journal("write_s")))
    yield summary
    yield _points("overload_actions", (((action,), counts.get(("overload", action), 0)) for action in sorted(OVERLOAD)))
    lag = reading.totals.histograms.get("loop_lag") or empty(LAG)
    yield _histograms("event_loop_lag_seconds", LAG, [((), lag)])
    yield _points("worker_starts", (((str(slot),), n) for slot, n in reading.starts.items()))


def _control(reading: Reading) -> Iterator[Family]:
    if reading.lag is not None:
        yield _points("log_queue_bytes", [((), reading.lag.bytes)])
        yield _points("log_lag_seconds", [((), reading.lag.seconds)])
        yield _points("log_damage", (((kind,), n) for kind, n in sorted(reading.damage.items())))
    yield _points("config_revision", [((), reading.generation)])
    yield _points("config_reloads", (((result,), n) for result, n in reading.reloads.items()))
    yield _points("task_failures", (((task,), n) for task, n in sorted(reading.task_failures.items())))
    yield _points("control_start_time_seconds", [((), reading.started_at)])
    yield _points("build_info", [((reading.version, platform.python_version()), 1)])


def _family(name: str) -> Family:
    metric = METRICS[name]
    return Family(f"{PREFIX}{name}", metric.help, metric.kind)


def _points(name: str, points: Iterable[Point]) -> Family:
    metric, family = METRICS[name], _family(name)
    sample = metric.full_name
    for values, number in points:
        family.samples.append(Sample(sample, dict(zip(metric.labels, values, strict=True)), number))
    return family


def _histograms(
    name: str,
    bounds: Bounds,
    points: Iterable[tuple[Sequence[Label], Sequence[float]]],
    exemplars: Mapping[Sequence[Label], Sequence[Exemplar | None]] | None = None,
) -> Family:
    """A histogram's child appears with its first observation: most of a scrape's size is buckets."""
    metric, family = METRICS[name], _family(name)
    for values, counts in points:
        if not total(counts):
            continue
        labels = dict(zip(metric.labels, values, strict=True))
        marks = (exemplars or {}).get(values) or [None] * (len(bounds) + 1)
        for (bound, number), mark in zip(cumulative(counts, bounds), marks, strict=True):
            family.samples.append(Sample(f"{family.name}_bucket", labels | {"le": bound}, number, None, mark))
        family.samples.append(Sample(f"{family.name}_count", labels, total(counts)))
        family.samples.append(Sample(f"{family.name}_sum", labels, counts[-1]))
    return family


def _exemplars(cell: Cell) -> list[Exemplar | None]:
    return [mark and Exemplar({"exchange_id": mark[0]}, mark[1], mark[2]) for mark in cell.exemplars]


class _Collected(Collector):
    """What prometheus_client's encoders take: something with `collect`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterable[Family]:
        return families(self._reading)


class Exposition:
    """Renders /metrics. `read` is called on the event loop; it may write (it saves what is about to be seen)."""

    def __init__(self, read: Callable[[], Reading], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._cache: dict[str, tuple[float, bytes]] = {}
        self._lock = asyncio.Lock()

    async def render(self, accept: str) -> tuple[bytes, str]:
        """The text and its content type, by what the scraper accepts; at most a second old."""
        encode, content_type = choose_encoder(_sane(accept))
        async with self._lock:
            cached = self._cache.get(content_type)
            if cached is not None and self._clock.monotonic() - cached[0] < CACHE_S:
                return cached[1], content_type
            taken_at, collected = self._clock.monotonic(), _Collected(self._read())
            text = await asyncio.to_thread(encode, collected)
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            self._cache[content_type] = (taken_at, text)
            return text, content_type


def _sane(accept: str) -> str:
    """The header as it is, or nothing: the library raises on versions it can't parse."""
    if len(accept) > _MAX_ACCEPT:
        return ""
    try:
        choose_encoder(accept)
    except (ValueError, TypeError, IndexError):
        return ""
    return accept
