"""The last minute's figures: which rows belong to it, percentiles, bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.control import AT, interrupted, row

from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.live import SLOTS, WINDOW_S, Recent, _add, percentiles
from llmgateway.domain.clock import ManualClock

LABELS = Labels({"chat": ("v1", "v2")})


@pytest.fixture
def clock():
    return ManualClock(time=AT + 2)


def test_a_version_shows_rate_errors_tokens_and_cost_of_the_last_minute(clock):
    recent = Recent(clock, LABELS)
    recent.observe([row(), row(end="timeout", status=504), row(assigned_version="v2", cost_usd=None)])
    one, two = recent.versions()
    assert (one["route"], one["version"], one["requests"]) == ("chat", "v1", 2)
    assert one["rate"] == pytest.approx(2 / WINDOW_S)
    assert one["bad"] == {"timeout": 1}
    assert one["output_tokens_s"] == pytest.approx(22 / WINDOW_S)
    assert one["cost_usd"] == pytest.approx(1.0)
    assert (two["version"], two["bad"]) == ("v2", {})
    assert recent.whole()["requests"] == 3


def test_after_a_minute_a_row_is_forgotten(clock):
    recent = Recent(clock, LABELS)
    recent.observe([row()])
    clock.advance(WINDOW_S - 6)
    assert recent.whole()["requests"] == 1
    clock.advance(11)
    assert recent.versions() == []
    assert recent.whole()["requests"] == 0
    assert recent.whole()["duration_s"] is None


def test_a_slot_used_again_a_minute_later_holds_nothing_of_before(clock):
    recent = Recent(clock, LABELS)
    recent.observe([row()])
    clock.advance(WINDOW_S)
    recent.observe([row(at=AT + WINDOW_S)])
    assert recent.whole()["requests"] == 1


def test_a_backlog_read_after_control_was_away_is_not_taken_for_now(clock):
    clock.advance(600)
    recent = Recent(clock, LABELS)
    recent.observe([row()])
    assert recent.versions() == []


def test_a_row_from_a_clock_that_ran_ahead_counts_as_now(clock):
    recent = Recent(clock, LABELS)
    recent.observe([row(at=AT + 3_600)])
    assert recent.whole()["requests"] == 1
    clock.advance(WINDOW_S + 5)
    assert recent.whole()["requests"] == 0


def test_a_row_that_makes_no_sense_is_left_out(clock):
    recent = Recent(clock, LABELS)
    recent.observe([interrupted(), row(at=None), row(duration_s="x"), row()])
    assert recent.whole()["requests"] == 2


def test_unknown_names_share_one_ring(clock):
    recent = Recent(clock, LABELS)
    recent.observe(row(route=f"r{at}") for at in range(100))
    assert [(line["route"], line["version"], line["requests"]) for line in recent.versions()] == [
        ("other", "other", 100)
    ]


def test_a_reload_forgets_versions_that_are_gone(clock):
    recent = Recent(clock, LABELS)
    recent.observe(
        [row(), row(assigned_version="v2"), row(route=None), row(assigned_version=None, served_version=None)]
    )
    recent.configure(Labels({"chat": ("v2",)}))
    assert {(line["route"], line["version"]) for line in recent.versions()} == {
        ("chat", "none"),
        ("chat", "v2"),
        ("other", "other"),
    }


def test_without_observations_there_are_no_percentiles():
    assert percentiles([{}, {}]) is None


@given(st.lists(st.floats(0.001, 600.0), min_size=1, max_size=200))
def test_percentiles_are_right_to_one_bucket(values):
    slots = [{} for _ in range(SLOTS)]
    for at, value in enumerate(values):
        _add(slots[at % SLOTS], value)
    found = percentiles(slots)
    ordered = sorted(values)
    for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99)):
        rank = next(at for at in range(1, len(ordered) + 1) if at >= len(ordered) * share)
        exact = ordered[rank - 1]
        assert exact * 0.999 <= found[name] <= exact * 1.0906


def test_absurd_durations_stay_within_the_buckets():
    slot = {}
    for value in (0.0, -1.0, 1e-9, 1e12):
        _add(slot, value)
    assert min(slot) == 0
    assert max(slot) == 160
