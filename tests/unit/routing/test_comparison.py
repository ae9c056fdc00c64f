"""Pairs and what many of them come to."""

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.routing.comparison import MEASURES, Report, compare
from llmgateway.wire.jsoncodec import encode


@pytest.fixture
def make():
    return ExchangeFactory()


@pytest.fixture
def pair(make):
    """A comparison of two rows; `shadow_…` says what is different on the shadow's side."""

    def pair(**changes):
        theirs = {
            name.removeprefix("shadow_"): changes.pop(name) for name in list(changes) if name.startswith("shadow_")
        }
        primary = make.row() | {"cost_usd": None} | changes
        return compare(primary, make.row() | {"cost_usd": None} | changes | theirs)

    return pair


def test_a_pair_tells_both_sides_and_the_difference(pair):
    shown = pair(duration_s=1.0, shadow_duration_s=1.5, output_tokens=10, shadow_output_tokens=7).shown()
    assert shown["latency_s"] == {"primary": 1.0, "shadow": 1.5, "difference": 0.5}
    assert shown["output_tokens"]["difference"] == -3
    assert shown["status"] == {"primary": 200, "shadow": 200, "same": True}
    assert set(MEASURES) < set(shown)
    encode(shown)


def test_what_one_side_does_not_know_has_no_difference(pair):
    shown = pair(first_token_s=0.2, shadow_first_token_s=None).shown()
    assert shown["first_token_s"] == {"primary": 0.2, "shadow": None, "difference": None}


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({}, True),
        ({"shadow_status": 502, "shadow_end": "upstream_error"}, False),
        ({"shadow_end": "truncated"}, False),
        ({"status": 400, "shadow_status": 400}, True),
        ({"shadow_status": None, "shadow_end": "interrupted"}, False),
    ],
)
def test_a_status_is_the_same_where_it_ended_the_same_way(pair, changes, is_same):
    assert pair(**changes).is_same_status is is_same


def test_the_version_is_the_one_that_served(pair):
    shown = pair(served_version="v9", assigned_version="v1", shadow_served_version=None, shadow_assigned_version="v2")
    assert shown.shown()["version"] == {"primary": "v9", "shadow": "v2"}


def test_a_report_of_nothing_has_no_shares():
    shown = Report().shown()
    assert (shown["pairs"], shown["same_status"], shown["same_finish_reason"]) == (0, None, None)
    assert shown["measures"]["latency_s"] == {"pairs": 0, "primary": None, "shadow": None, "difference": None}


def test_a_report_counts_and_takes_quantiles(pair):
    report = Report()
    for number in range(1, 101):
        report.add(
            pair(
                duration_s=1.0,
                shadow_duration_s=1.0 + number / 100,
                shadow_finish_reason="length" if number <= 20 else "stop",
                finish_reason="stop",
            )
        )
    shown = report.shown()
    assert (shown["pairs"], shown["same_status"], shown["same_finish_reason"]) == (100, 1.0, 0.8)
    latency = shown["measures"]["latency_s"]
    assert latency["pairs"] == 100
    assert latency["primary"] == {"p50": 1.0, "p95": 1.0}
    assert latency["shadow"] == {"p50": 1.5, "p95": 1.95}
    assert latency["difference"]["p50"] == pytest.approx(0.5)
    encode(shown)


def test_measures_are_compared_where_both_sides_answered(pair):
    report = Report()
    report.add(pair(duration_s=1.0))
    report.add(pair(duration_s=1.0, shadow_status=502, shadow_end="upstream_error", shadow_duration_s=0.001))
    shown = report.shown()
    assert (shown["pairs"], shown["answered"], shown["same_status"]) == (2, 1, 0.5)
    assert shown["measures"]["latency_s"]["pairs"] == 1


def test_the_worst_come_first_and_are_few(pair):
    report = Report(worst=3)
    slow = pair(duration_s=1.0, shadow_duration_s=9.0)
    failed = pair(duration_s=1.0, shadow_status=502, shadow_end="upstream_error")
    longer = pair(duration_s=1.0, finish_reason="stop", shadow_finish_reason="length")
    for each in (
        *(pair(duration_s=1.0) for _ in range(50)),
        slow,
        failed,
        longer,
        *(pair(duration_s=1.0) for _ in range(50)),
    ):
        report.add(each)
    assert report.worst_pairs() == [failed, longer, slow]
    assert len(report._worst) == 3


def test_a_report_may_do_without_the_worst(pair):
    report = Report(worst=0)
    report.add(pair())
    assert report.worst_pairs() == []
