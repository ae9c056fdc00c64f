"""The tables of a route's rollout. What needs more than one setting to check is in `unfit_rollouts`."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainValidator

from llmgateway.config import rollouts
from llmgateway.config.problems import Fault, Path, did_you_mean, quoted
from llmgateway.config.rollout_scores import Reading, bad_values
from llmgateway.config.table import STRICT, Seconds
from llmgateway.domain.score import MAX_WORD, SourceKind
from llmgateway.domain.scorerule import ScoreRule

if TYPE_CHECKING:
    from llmgateway.config.schema import RouteTable

MAX_STEPS: Final = 32
MAX_METRICS: Final = 32
MAX_REPLAYS: Final = 10
MIN_MARGIN: Final = 1.1  # what a harmless candidate may turn out to be; nearer, nothing could be told from it

_YEAR: Final = 366 * rollouts.DAY_S
_STEP: Final = rollouts.RolloutStep(1)
_METRIC: Final = rollouts.RolloutMetric(rollouts.MetricName.ERROR)
_APPROVALS: Final = rollouts.RolloutApprovals()
_SHADOW: Final = rollouts.RolloutShadow()
_BAKE: Final = rollouts.RolloutBake()
_POLICY: Final = rollouts.RolloutPolicy("")
_Word = Annotated[str, Field(min_length=1, max_length=MAX_WORD)]


def _dataset(name: str) -> str:
    if "@" in name or not name.isprintable():
        raise ValueError("is no dataset's name: the newest version is meant, and named without @")
    return name


DatasetName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_dataset)]


class Table(BaseModel):
    """What these tables have in common."""

    model_config = STRICT


class RolloutStepTable(Table):
    """[[routes.NAME.rollout.steps]]"""

    weight: float = Field(gt=0, lt=1)
    min_time: Seconds = Field(_STEP.min_time_s, ge=0, le=_YEAR)
    min_units: int = Field(_STEP.min_units, ge=0, le=1_000_000_000)
    gate: bool = _STEP.gate


class RolloutMetricTable(Table):
    """[routes.NAME.rollout.metrics.NAME]"""

    kind: Annotated[rollouts.MetricKind, Field(strict=False)] = _METRIC.kind
    ceiling: float | None = Field(None, gt=0, lt=1)
    weight: float = Field(_METRIC.weight, gt=0, le=1_000)
    silent: Seconds | None = Field(None, ge=0.1, le=_YEAR)
    first_token: Seconds | None = Field(None, ge=0.001, le=rollouts.DAY_S)
    total: Seconds | None = Field(None, ge=0.001, le=rollouts.DAY_S)
    score: _Word | None = None
    evaluator: str | None = None
    source: Annotated[SourceKind, Field(strict=False)] = SourceKind.USER
    source_id: _Word | None = None
    bad: Annotated[tuple[bool | str, ...] | None, PlainValidator(bad_values)] = None
    below: float | None = None
    above: float | None = None


class RolloutApprovalsTable(Table):
    """[routes.NAME.rollout.approvals]"""

    count: int = Field(_APPROVALS.count, ge=0, le=100)
    start: int = Field(_APPROVALS.start, ge=0, le=100)
    by: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=100)] = []
    creator_may: bool = _APPROVALS.creator_may
    valid: Seconds = Field(_APPROVALS.valid_s, ge=1, le=_YEAR)


class RolloutBakeTable(Table):
    """[routes.NAME.rollout.bake]"""

    holdback: float = Field(_BAKE.holdback, gt=0, lt=1)
    min_time: Seconds = Field(_BAKE.min_time_s, ge=0, le=_YEAR)


class RolloutShadowTable(Table):
    """[routes.NAME.rollout.shadow]"""

    min_time: Seconds = Field(_SHADOW.min_time_s, ge=0, le=_YEAR)
    min_pairs: int = Field(_SHADOW.min_pairs, ge=1, le=1_000_000)
    weight: float = Field(_SHADOW.weight, gt=0, le=1_000)


def _listed(value: object) -> object:
    """One name may stand by itself."""
    return [value] if isinstance(value, str) else value


class RolloutTable(Table):
    """[routes.NAME.rollout]"""

    candidate: str
    replay: Annotated[list[DatasetName], Field(max_length=MAX_REPLAYS), BeforeValidator(_listed)] = []
    regression: bool = _POLICY.regression
    steps: Annotated[list[RolloutStepTable], Field(min_length=1, max_length=MAX_STEPS)] = [
        RolloutStepTable(weight=step.weight) for step in rollouts.STEPS
    ]
    metrics: Annotated[dict[str, RolloutMetricTable], Field(min_length=1, max_length=MAX_METRICS)] = {
        str(metric.name): RolloutMetricTable(ceiling=metric.ceiling) for metric in rollouts.METRICS
    }
    approvals: RolloutApprovalsTable = RolloutApprovalsTable()
    shadow: RolloutShadowTable | None = None
    bake: RolloutBakeTable = RolloutBakeTable()
    alpha: float = Field(_POLICY.alpha, gt=0, le=0.5)
    beta: float = Field(_POLICY.beta, gt=0, le=0.5)
    r0: float = Field(_POLICY.r0, gt=0, le=100)
    r_m: float = Field(_POLICY.r_m, gt=MIN_MARGIN, le=100)
    srm_threshold: float = Field(_POLICY.srm_threshold, gt=1, le=1e12)
    deadline: Seconds = Field(_POLICY.deadline_s, ge=1, le=_YEAR)


def policy(table: RolloutTable | None, reading: Reading) -> rollouts.RolloutPolicy | None:
    """The frozen values of a route's table, if it has one."""
    if table is None:
        return None
    approvals, bake, shadow = table.approvals, table.bake, table.shadow
    return rollouts.RolloutPolicy(
        candidate=table.candidate,
        steps=tuple(
            rollouts.RolloutStep(each.weight, each.min_time, each.min_units, each.gate) for each in table.steps
        ),
        metrics=tuple(_metric(name, each, reading.rule(each)) for name, each in table.metrics.items()),
        approvals=rollouts.RolloutApprovals(
            approvals.count, approvals.start, tuple(approvals.by), approvals.creator_may, approvals.valid
        ),
        bake=rollouts.RolloutBake(bake.holdback, bake.min_time),
        alpha=table.alpha,
        beta=table.beta,
        r0=table.r0,
        r_m=table.r_m,
        srm_threshold=table.srm_threshold,
        deadline_s=table.deadline,
        shadow=None if shadow is None else rollouts.RolloutShadow(shadow.min_time, shadow.min_pairs, shadow.weight),
        regression=table.regression,
        replay=tuple(dict.fromkeys(table.replay)),
    )


def _metric(name: str, table: RolloutMetricTable, reads: ScoreRule | None) -> rollouts.RolloutMetric:
    usual = rollouts.SILENT_S if reads is None else rollouts.SCORES_SILENT_S
    silent_s = usual if table.silent is None else table.silent
    return rollouts.RolloutMetric(
        name, table.kind, table.ceiling, table.weight, silent_s, table.first_token, table.total, reads
    )


def unfit_rollouts(routes: "Mapping[str, RouteTable]", reading: Reading) -> Iterator[Fault]:
    """Find rollouts that make no sense: settings that contradict each other, or the route."""
    for name, route in routes.items():
        if route.rollout is not None:
            path = ("routes", name, "rollout")
            yield from _of_route(path, route.rollout, route)
            yield from _of_steps(path, route.rollout)
            yield from _of_metrics(path, route.rollout)
            yield from _of_scores(path, name, route.rollout, reading)
            yield from _of_people(path, route.rollout)
            yield from _of_shadow(path, route.rollout, route)


def _of_route(path: Path, table: RolloutTable, route: "RouteTable") -> Iterator[Fault]:
    candidate = table.candidate
    if candidate not in route.versions:
        known = did_you_mean(candidate, route.versions)
        yield (*path, "candidate"), f"no version of this route is called {quoted(candidate)}{known}"
    elif len(route.versions) == 1:
        yield (*path, "candidate"), "is the route's only version: there is nothing to compare it with"


def _of_steps(path: Path, table: RolloutTable) -> Iterator[Fault]:
    for index, (before, step) in enumerate(pairwise(table.steps), 1):
        if step.weight <= before.weight:
            yield (*path, "steps", index, "weight"), "the weights of steps have to rise"
    if table.steps[-1].weight > 1 - table.bake.holdback + 1e-9:
        reason = "the last step has to leave at least the holdback of bake to the stable version"
        yield (*path, "steps", len(table.steps) - 1, "weight"), reason


def _of_metrics(path: Path, table: RolloutTable) -> Iterator[Fault]:
    if all(metric.kind is not rollouts.MetricKind.CRITICAL for metric in table.metrics.values()):
        yield (*path, "metrics"), 'at least one metric has to be "critical"'
    if table.r_m <= table.r0:
        yield (*path, "r_m"), "has to be above r0"
    for name, metric in table.metrics.items():
        for setting in ("first_token", "total"):
            if name != rollouts.MetricName.SLOW and getattr(metric, setting) is not None:
                yield (*path, "metrics", name, setting), 'is a setting of the metric "slow" alone'


def _of_scores(path: Path, route: str, table: RolloutTable, reading: Reading) -> Iterator[Fault]:
    for name, metric in table.metrics.items():
        yield from reading.faults((*path, "metrics", name), route, name, metric)
    rules = [reading.rule(each) for each in table.metrics.values() if each.kind is rollouts.MetricKind.CRITICAL]
    if rules and all(rule is not None and rule.source_kind is SourceKind.JUDGE for rule in rules):
        yield (
            (*path, "metrics"),
            'at least one "critical" metric has to be no model\'s word, which is not trusted at first',
        )


def _of_shadow(path: Path, table: RolloutTable, route: "RouteTable") -> Iterator[Fault]:
    if table.shadow is not None and (route.shadow is None or route.shadow.version != table.candidate):
        yield (
            (*path, "shadow"),
            f"needs the route's own shadow to be the candidate: version = {quoted(table.candidate)}",
        )


def _of_people(path: Path, table: RolloutTable) -> Iterator[Fault]:
    approvals = table.approvals
    if approvals.by and len(set(approvals.by)) < max(approvals.count, approvals.start):
        yield (*path, "approvals", "by"), "names fewer people than have to approve"
