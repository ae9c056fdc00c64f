"""Gates as people write them, and what becomes of them; the figures they are judged by."""

import random

import pytest

from llmgateway.replaying.figures import WORST, figures_of
from llmgateway.replaying.gates import DEFAULTS, GateError, judged, read
from llmgateway.replaying.pairs import Bad, Pair, Side
from llmgateway.rollout.pairs import Verdict


def side(*bad, **figures):
    return Side("x", 200, "completed", None, "stop", bad, {}, figures)


def pairs(count, baseline_bad=0, candidate_bad=0, bad=Bad.ERROR):
    return [
        Pair(
            at,
            side(*[bad] * (at < baseline_bad), duration_s=1.0, cost_usd=0.1),
            side(*[bad] * (at < candidate_bad), duration_s=1.2, cost_usd=0.3),
        )
        for at in range(count)
    ]


def outcome(gate, found):
    (told,) = judged([read(gate)], figures_of(found, {}))
    return told.is_passed


def test_gates_are_read_as_they_are_written():
    assert str(read("Errors <= 1.50x")) == "errors<=1.5x"
    assert str(read("refusals<=2%")) == "refusals<=2%"
    assert str(read("latency_p95<=3")) == "latency_p95<=3"


@pytest.mark.parametrize(
    "text", ["errors<1.5x", "errors<=x", "mistakes<=1x", "errors<=3", "cost<=5%", "", "errors>=1x"]
)
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(GateError):
        read(text)


def test_a_ratio_of_rates_holds_fails_or_has_too_little_to_say():
    assert outcome("errors<=1.5x", pairs(100, 10, 15)) is True
    assert outcome("errors<=1.5x", pairs(100, 10, 16)) is None
    assert outcome("errors<=1.5x", pairs(100, 10, 30)) is False
    assert outcome("errors<=1.5x", pairs(100, 0, 5)) is None
    assert outcome("errors<=1.5x", pairs(100, 0, 12)) is False
    assert outcome("errors<=1.5x", []) is None


def test_two_equal_versions_fail_a_default_gate_or_the_test_in_at_most_one_of_twenty_replays():
    def side_of(draw):
        return side(*[bad for bad in (Bad.ERROR, Bad.SCHEMA, Bad.REFUSAL) if draw.random() < 0.05])

    failed = 0
    for seed in range(200):
        draw = random.Random(seed)
        figures = figures_of([Pair(at, side_of(draw), side_of(draw)) for at in range(200)], {})
        gates = judged(DEFAULTS, figures)
        failed += figures.evidence.verdict is Verdict.WORSE or any(gate.is_passed is False for gate in gates)
    assert failed <= 10


def test_a_share_is_the_candidates_own():
    assert outcome("refusals<=2%", pairs(100, 0, 2, Bad.REFUSAL)) is True
    assert outcome("refusals<=2%", pairs(100, 50, 3, Bad.REFUSAL)) is False


def test_amounts():
    assert outcome("cost<=3.1x", pairs(5)) is True
    assert outcome("cost<=2x", pairs(5)) is False
    assert outcome("latency_p95<=1.2", pairs(5)) is True
    assert outcome("input_tokens<=2x", pairs(5)) is None


def test_amounts_count_where_both_sides_have_them_and_stand_beside_the_log():
    found = [*pairs(2), Pair(9, side(duration_s=100.0), side())]
    both = figures_of(found, {0: {"duration_s": 5.0}}).amounts["duration_s"]
    assert (both.baseline.count, both.baseline.mean, both.logged.mean) == (2, 1.0, 5.0)
    assert both.difference == pytest.approx(0.2)
    assert both.interval == pytest.approx((0.2, 0.2))


def test_the_worst_are_those_the_candidate_lost_the_gravest_first_and_bounded():
    found = pairs(30, 0, 30, Bad.SLOW)
    found[20] = Pair(20, side(), side(Bad.ERROR))
    found[21] = Pair(21, side(Bad.ERROR), side(Bad.ERROR))
    worst = figures_of(found, {}).worst
    assert (len(worst), worst[0].ordinal) == (WORST, 20)
    assert 21 not in [pair.ordinal for pair in worst]


def test_the_figures_are_json():
    from llmgateway.wire.jsoncodec import encode

    assert encode(figures_of(pairs(3, 1, 2), {}).shown())
    assert encode(figures_of([], {}).shown())
