"""Plans that make no sense say so."""

from dataclasses import replace

import pytest
from tests.support.rollouts import PLAN

from llmgateway.rollout.plan import Approvals, Bake, Kind, Metric, Plan, Shadow, Step

ERROR = Metric("error")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"steps": ()}, "steps"),
        ({"steps": (Step(0.01),) * 33}, "steps"),
        ({"steps": (Step(0.0),)}, "above 0"),
        ({"steps": (Step(1.0),)}, "below 1"),
        ({"steps": (Step(float("nan")),)}, "above 0"),
        ({"steps": (Step(0.5), Step(0.25))}, "rise"),
        ({"steps": (Step(0.5), Step(0.5))}, "rise"),
        ({"steps": (Step(0.96),)}, "holdback"),
        ({"steps": (Step(0.5, -1),)}, "floors"),
        ({"steps": (Step(0.5, 1, -1),)}, "floors"),
        ({"metrics": ()}, "metrics"),
        ({"metrics": (ERROR, ERROR)}, "one name"),
        ({"metrics": (Metric(""),)}, "name"),
        ({"metrics": (Metric("slow", Kind.SIGNAL),)}, "critical"),
        ({"metrics": (Metric("error", weight=0),)}, "weight"),
        ({"metrics": (Metric("error", ceiling=1.0),)}, "ceiling"),
        ({"metrics": (Metric("error", silent_s=0),)}, "silence"),
        ({"alpha": 0}, "alpha"),
        ({"beta": 0.6}, "beta"),
        ({"r0": 0}, "r0"),
        ({"r_m": 1.1}, "r_m"),
        ({"r0": 1.6}, "r_m"),
        ({"srm_threshold": 1}, "srm_threshold"),
        ({"bake": Bake(0)}, "holdback"),
        ({"bake": Bake(0.05, -1)}, "times"),
        ({"deadline_s": float("inf")}, "times"),
        ({"shadow": Shadow(min_pairs=-1)}, "shadow"),
        ({"shadow": Shadow(weight=0)}, "shadow"),
        ({"approvals": Approvals(-1)}, "approvals"),
        ({"approvals": Approvals(2, frozenset({"ann"}))}, "fewer"),
        ({"start": Approvals(valid_s=0)}, "valid"),
    ],
)
def test_it_is_refused_with_the_reason(change, reason):
    with pytest.raises(ValueError, match=reason):
        replace(PLAN, **change)


def test_the_defaults_are_those_of_the_design():
    plan = Plan((Step(0.05),), (ERROR,))
    assert (plan.alpha, plan.beta, plan.r0, plan.r_m, plan.srm_threshold) == (0.05, 0.05, 1, 1.5, 1000)
    assert (plan.bake.holdback, plan.bake.min_time_s) == (0.05, 3600)
    assert (plan.approvals.count, plan.approvals.valid_s, plan.approvals.creator_may) == (1, 86_400, False)
