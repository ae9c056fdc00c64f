"""What a rollout holds a replay to: its own metrics, its own margin, its own clock."""

from dataclasses import replace

import pytest
from tests.support.staged import POLICY

from llmgateway.config.rollouts import MetricKind, MetricName, RolloutMetric
from llmgateway.domain.score import SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.datasets import ReplayRecord
from llmgateway.replaying.gates import Gate, read
from llmgateway.replaying.pairs import Bad, Pair, Side
from llmgateway.replaying.passing import Demand, failing, gates_of
from llmgateway.replaying.people import Compared
from llmgateway.replaying.stopping import evidence_of
from llmgateway.rollout.counts import Arms

REPLAY = ReplayRecord("p1", 1.0, "ann", "golden", 1, "chat", "v2", "v1", {}, ended="done", verdict="open")
NOBODY = Compared(0, Arms())
SLOW = Demand((Gate("slow", 1.5, "x"),), first_token_s=1.0, total_s=5.0)


def policy(*metrics, **changes):
    return replace(POLICY, metrics=metrics, **changes)


def reads(evaluator, kind=SourceKind.CODE):
    return RolloutMetric("m", reads=ScoreRule(None, kind, evaluator, bad=(False,)))


def pairs(candidate, count=40, baseline=None):
    good = Side("x", 200, "completed")
    return [Pair(at, baseline or good, candidate) for at in range(count)]


def side(*bad, **figures):
    return Side("y", 200, "completed", bad=bad, figures=figures)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ((RolloutMetric(MetricName.ERROR, ceiling=0.01),), "errors<=1.5x"),
        ((RolloutMetric(MetricName.SLOW), RolloutMetric(MetricName.REFUSAL)), "slow<=1.5x refusals<=1.5x"),
        ((RolloutMetric(MetricName.TRUNCATED, MetricKind.SIGNAL),), "truncated<=1.5x empty<=1.5x"),
        ((RolloutMetric(MetricName.BLOCKED),), "blocked<=1.5x"),
        ((reads("json"),), "schema<=1.5x"),
        ((RolloutMetric(MetricName.ERROR), reads("fails")), "errors<=1.5x"),
        ((RolloutMetric(MetricName.BLOCKED), reads("kind", SourceKind.JUDGE)), "blocked<=1.5x"),
        ((reads("kind", SourceKind.JUDGE),), "errors<=1.5x schema<=1.5x refusals<=1.5x"),
        ((reads("gone"), reads(None, SourceKind.USER)), "errors<=1.5x schema<=1.5x refusals<=1.5x"),
    ],
)
def test_the_gates_are_the_metrics_that_a_replay_can_see(metrics, said):
    plugins = {"json": "invalid_json", "fails": "error", "kind": "judge"}
    assert " ".join(map(str, gates_of(policy(*metrics), plugins))) == said


def test_the_margin_is_the_rollouts():
    assert gates_of(policy(RolloutMetric(MetricName.ERROR), r_m=2.25), {}) == (read("errors<=2.25x"),)


def test_every_metric_of_the_log_has_its_gates():
    for name in MetricName:
        assert gates_of(policy(RolloutMetric(name)), {})


@pytest.mark.parametrize(
    ("figures", "is_slow"),
    [
        ({"first_token_s": 1.1, "duration_s": 2.0}, True),
        ({"first_token_s": 0.9, "duration_s": 5.1}, True),
        ({"first_token_s": 0.9, "duration_s": 2.0}, False),
        ({"duration_s": 2.0}, False),
        ({}, False),
    ],
)
def test_what_is_slow_goes_by_the_rollouts_clock(figures, is_slow):
    against = failing(REPLAY, pairs(side(**figures)), SLOW, NOBODY)
    assert against == (["slow<=1.5x fails, 40 against 0 of 40 items"] if is_slow else [])


def test_what_was_slow_in_the_replay_alone_is_not():
    assert failing(REPLAY, pairs(side(Bad.SLOW, duration_s=2.0)), SLOW, NOBODY) == []


def test_a_rollout_that_does_not_mind_refusals_has_no_gate_for_them():
    found = pairs(side(Bad.REFUSAL))
    assert failing(REPLAY, found, Demand((read("errors<=1.5x"),)), NOBODY) == []
    assert failing(REPLAY, found, Demand((read("refusals<=1.5x"),)), NOBODY) != []


def test_a_verdict_that_is_worse_stands_and_says_in_what():
    worse = replace(REPLAY, ended="worse", verdict="worse")
    told = failing(worse, pairs(side(Bad.REFUSAL)), Demand(), NOBODY)
    assert told == ["the verdict is worse, most of all by refusal: 40 against 0 of 40 items"]
    assert failing(worse, [], Demand(), NOBODY) == ["the verdict is worse"]


@pytest.mark.parametrize(("gates", "least"), [((), 8), ((Gate("errors", 1.5, "x"),), 11)])
def test_so_many_items_it_takes_to_prove_anything(gates, least):
    def against(count):
        found = pairs(side(Bad.ERROR), count)
        replay = replace(REPLAY, verdict=evidence_of(found).verdict if not gates else "open")
        return failing(replay, found, Demand(gates), NOBODY)

    assert not against(least - 1), "docs/REPLAY.md says so"
    assert against(least)


def test_people_are_heard():
    assert failing(REPLAY, [], Demand(), Compared(30, Arms(0, 30))) == [
        "to people who compared 30 pairs the candidate is the worse one"
    ]
    assert failing(REPLAY, [], Demand(), Compared(30, Arms(15, 15))) == []


def test_the_command_is_told_the_same():
    assert SLOW.options() == ["--slow", "5", "--gate", "slow<=1.5x"]
    assert Demand().options() == []
    assert Demand(total_s=0.0004).options() == ["--slow", "0.001"], "the command takes no less"
