"""Policies are the same behind the configuration, and behind the store."""

import json
from dataclasses import replace

import pytest
from tests.support.staged import POLICY, made, record

from llmgateway.config.loader import load
from llmgateway.config.rollouts import RolloutMetric, RolloutPolicy, RolloutShadow
from llmgateway.controlplane.rollouts import policy
from llmgateway.controlplane.rollouts.policy import Slow
from llmgateway.controlplane.rollouts.records import running
from llmgateway.domain.score import SourceKind
from llmgateway.domain.scorerule import ScoreRule

CONFIG = """
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:9/v1"
[routes.chat.versions.v1]
backends = ["one"]
weight = 1
[routes.chat.versions.v2]
backends = ["one"]
[routes.chat.rollout]
candidate = "v2"
"""


THUMBS = RolloutMetric("thumbs", reads=ScoreRule("helpful", SourceKind.USER, bad=(False,)))
TONE = RolloutMetric("tone", reads=ScoreRule("tone", SourceKind.JUDGE, "kind", below=0.5))
SHADOWED = RolloutPolicy("v2", shadow=RolloutShadow(5.0, 7, 2.0))


@pytest.mark.parametrize(
    "of", [POLICY, RolloutPolicy("v2"), SHADOWED, replace(POLICY, metrics=(*POLICY.metrics, THUMBS, TONE))]
)
def test_a_policy_survives_being_written(of):
    before = policy.of_config(of, Slow(1.0, None))
    assert policy.read(json.loads(json.dumps(before.written()))) == before


@pytest.mark.parametrize(
    "more",
    [
        "",
        "r_m = 1.2\nr0 = 1.1\nalpha = 0.5\nbeta = 0.001\nsrm_threshold = 2\ndeadline = 1",
        "steps = [{ weight = 0.0001, min_time = 0, min_units = 0 }, { weight = 0.95 }]",
        'metrics = { slow = { kind = "critical", weight = 0.1, silent = 0.1 }, error = { kind = "signal" } }',
        'approvals = { count = 2, start = 1, by = ["ann", "bob"], creator_may = true, valid = 1 }',
        "bake = { holdback = 0.5, min_time = 0 }",
    ],
)
def test_a_plan_takes_whatever_the_configuration_takes(more):
    snapshot = load(CONFIG + more, providers=("openai",), generation=1, environ={})
    made = policy.of_config(snapshot.routes["chat"].rollout, Slow())
    assert made.plan.steps


def test_only_what_a_model_says_needs_trust():
    made = policy.of_config(replace(POLICY, metrics=(*POLICY.metrics, THUMBS, TONE)), Slow())
    assert [each.is_judged for each in made.plan.metrics] == [False, False, True]
    assert made.scores == {"thumbs": THUMBS.reads, "tone": TONE.reads}


def test_one_from_before_there_were_scores_has_none():
    written = policy.of_config(POLICY, Slow()).written()
    del written["scores"]
    for metric in written["plan"]["metrics"]:
        del metric["is_judged"]
    assert policy.read(written) == policy.of_config(POLICY, Slow())


def test_a_record_is_read_back_as_the_rollout_it_was():
    assert running(record()).rollout == made().rollout


@pytest.mark.parametrize("changes", [{"place": {}}, {"policy": {}}, {"policy": {"plan": {}, "slow": {}}}])
def test_a_record_that_is_none_is_told(changes):
    with pytest.raises((ValueError, KeyError, TypeError)):
        running(record(**changes))


def test_slowness_is_as_configured_or_not_known():
    assert not policy.told_slow(POLICY).is_known
    assert not policy.judges_slow(POLICY)
