"""What harm in each metric does now: what the plan says, but for models' words, which do no more than people's
agreement with them allows.
"""

from dataclasses import replace

from llmgateway.rollout.plan import Kind, Metric, Plan
from llmgateway.rollout.trust import UNKNOWN, Standing, Standings, Trust


def in_force(plan: Plan, standings: Standings) -> tuple[Metric, ...]:
    """The plan's metrics, each of the kind that it may be now."""
    return tuple(_allowed(each, standings.get(each.name, UNKNOWN)) for each in plan.metrics)


def _allowed(metric: Metric, standing: Standing) -> Metric:
    if not metric.is_judged or standing.rung is Trust.MAY_ROLL_BACK:
        return metric
    return replace(metric, kind=Kind.ADVISORY if standing.rung is Trust.ADVISORY else Kind.SIGNAL)
