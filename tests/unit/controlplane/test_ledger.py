"""Counters and histograms follow from rows, survive a restart exactly, and stay bounded."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.control import attempt, interrupted, row

from llmgateway.controlplane.labels import Labels, Outcome
from llmgateway.controlplane.ledger import MAX_RETIRED, Ledger
from llmgateway.telemetry.histogram import DURATION, FIRST_TOKEN, OVERHEAD, PER_TOKEN, cumulative, total

LABELS = Labels({"chat": ("v1", "v2")}, ("local", "spare"))


def seen(ledger):
    ledger.commit()
    return ledger.view()


def cell(ledger, version="v1", route="chat"):
    return seen(ledger).cells[route, version]


def at_or_below(counts, bounds, bound):
    return dict(cumulative(counts, bounds))[bound]


def test_configured_versions_and_backends_stand_at_zero_before_any_traffic():
    view = Ledger(LABELS).view()
    assert set(view.cells) == {("chat", "v1"), ("chat", "v2")}
    assert sum(view.cells["chat", "v2"].requests) == 0
    assert set(view.upstreams) == {"local", "spare", "other"}
    assert view.upstreams["spare"].attempts == {("ok", "first"): 0}


def test_a_stream_is_counted_in_every_figure_once():
    ledger = Ledger(LABELS)
    ledger.observe([row()])
    counted = cell(ledger)
    assert counted.count(Outcome.OK, is_stream=True) == 1
    assert sum(counted.requests) == 1
    assert counted.duration[-1] == pytest.approx(1.2)
    assert at_or_below(counted.duration, DURATION, "0.64") == 0
    assert at_or_below(counted.duration, DURATION, "1.28") == 1
    assert at_or_below(counted.first_token, FIRST_TOKEN, "0.25") == 1
    assert counted.per_token[-1] == pytest.approx(0.1)  # one second for the ten tokens after the first
    assert at_or_below(counted.per_token, PER_TOKEN, "0.1") == 1
    assert counted.tokens == [7, 11, 0, 0, 0]
    assert (counted.cost, counted.unpriced) == (0.5, 0)
    assert at_or_below(seen(ledger).overhead["chat"], OVERHEAD, "0.0005") == 1
    assert seen(ledger).upstreams["local"].attempts == {("ok", "first"): 1}
    assert total(seen(ledger).upstreams["local"].duration) == 1


def test_a_reply_in_one_piece_has_no_first_token():
    ledger = Ledger(LABELS)
    ledger.observe([row(stream=False)])
    assert total(cell(ledger).first_token) == total(cell(ledger).per_token) == 0
    assert cell(ledger).count(Outcome.OK, is_stream=False) == 1


def test_one_output_token_says_nothing_of_the_time_for_each_later_one():
    ledger = Ledger(LABELS)
    ledger.observe([row(output_tokens=1), row(output_tokens=None)])
    assert total(cell(ledger).first_token) == 2
    assert total(cell(ledger).per_token) == 0


def test_an_unknown_price_is_counted_and_never_taken_for_zero():
    ledger = Ledger(LABELS)
    ledger.observe([row(cost_usd=None), row(cost_usd=None, input_tokens=None, output_tokens=None), row(cost_usd=0.0)])
    assert (cell(ledger).cost, cell(ledger).unpriced) == (0.0, 1)


def test_every_attempt_counts_for_its_backend_and_strange_words_become_other():
    ledger = Ledger(LABELS)
    attempts = [
        attempt(result="upstream_unreachable", total_s=None),
        attempt(backend="spare", kind="retry"),
        attempt(backend="nowhere", kind="prayer", result="<script>"),
    ]
    ledger.observe([row(attempts=attempts)])
    upstreams = seen(ledger).upstreams
    assert upstreams["local"].attempts["upstream_unreachable", "first"] == 1
    assert total(upstreams["local"].duration) == 0
    assert upstreams["spare"].attempts["ok", "retry"] == 1
    assert upstreams["other"].attempts["other", "other"] == 1


def test_an_interrupted_exchange_counts_though_little_is_known_of_it():
    ledger = Ledger(LABELS)
    ledger.observe([interrupted(stream=True), interrupted(route=None)])
    assert cell(ledger, "none").count(Outcome.INTERRUPTED, is_stream=True) == 1
    assert cell(ledger, "other", "other").count(Outcome.INTERRUPTED, is_stream=False) == 1
    assert ledger.unreadable == 0


def test_what_was_refused_before_dispatch_has_no_overhead_to_show():
    ledger = Ledger(LABELS)
    ledger.observe([row(end="refused", status=404, error_code="model_not_found", attempts=[])])
    assert total(seen(ledger).overhead["chat"]) == 0


def test_names_nobody_configured_never_become_series():
    ledger = Ledger(LABELS)
    ledger.observe(row(at, route=f"typo-{at}", assigned_version=f"v{at}") for at in range(1_000))
    ledger.observe(row(at, assigned_version=f"{at}", attempts=[attempt(backend=f"b{at}")]) for at in range(1_000))
    view = seen(ledger)
    assert set(view.cells) == {("chat", "v1"), ("chat", "v2"), ("chat", "other"), ("other", "other")}
    assert set(view.upstreams) == {"local", "spare", "other"}
    assert sum(view.cells["other", "other"].requests) == 1_000


def test_a_row_that_makes_no_sense_is_counted_and_the_next_ones_still_are():
    ledger = Ledger(LABELS)
    ledger.observe([row(duration_s="long"), row(attempts=[3]), row()])
    assert ledger.unreadable == 2
    assert cell(ledger).count(Outcome.OK, is_stream=True) >= 1
    assert seen(ledger).unreadable == 2


def test_the_slowest_bucket_remembers_an_exchange_to_look_at():
    ledger = Ledger(LABELS)
    ledger.observe([row(1, duration_s=0.5), row(2, duration_s=500.0)])
    assert cell(ledger).exemplars[-1] == (row(2)["id"], 500.0, row()["at"] + 500.0)


def test_what_a_transaction_counts_is_seen_only_once_it_is_committed():
    ledger = Ledger(LABELS)
    ledger.observe([row()])
    assert sum(ledger.view().cells["chat", "v1"].requests) == 0
    ledger.configure(Labels({"chat": ("v1", "v3")}, ("local",)))
    assert sum(ledger.view().cells["chat", "v1"].requests) == 0
    assert ("chat", "v3") in ledger.view().cells
    ledger.commit()
    assert sum(ledger.view().cells["chat", "v1"].requests) == 1


def test_a_restored_state_is_seen_at_once():
    ledger, other = Ledger(LABELS), Ledger(LABELS)
    ledger.observe([row()])
    other.restore(ledger.state())
    assert sum(other.view().cells["chat", "v1"].requests) == 1


def test_a_view_does_not_move_with_the_ledger():
    ledger = Ledger(LABELS)
    view, state = seen(ledger), ledger.state()
    ledger.observe([row()])
    ledger.commit()
    assert sum(view.cells["chat", "v1"].requests) == 0
    assert view.upstreams["local"].attempts == {("ok", "first"): 0}
    assert state == Ledger(LABELS).state()


ROWS = st.builds(
    row,
    assigned_version=st.sampled_from(["v1", "v2", "v3", None]),
    route=st.sampled_from(["chat", "typo", None]),
    stream=st.booleans(),
    end=st.sampled_from(["completed", "timeout", "interrupted", "client_closed"]),
    status=st.sampled_from([0, 200, 404, 429, 502]),
    duration_s=st.one_of(st.none(), st.floats(0, 1e4)),
    first_token_s=st.one_of(st.none(), st.floats(0, 1e4)),
    output_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    cost_usd=st.one_of(st.none(), st.floats(0, 1e3)),
    attempts=st.lists(st.builds(attempt, backend=st.sampled_from(["local", "x"])), max_size=3),
)


@given(st.lists(ROWS, max_size=12), st.integers(0, 12))
def test_a_restart_between_any_two_rows_changes_no_figure(rows, cut):
    whole, first, second = Ledger(LABELS), Ledger(LABELS), Ledger(LABELS)
    whole.observe(rows)
    first.observe(rows[:cut])
    second.restore(json.loads(json.dumps(first.state())))
    second.observe(rows[cut:])
    assert second.state() == whole.state()


def test_restoring_takes_back_what_a_failed_transaction_counted():
    ledger = Ledger(LABELS)
    ledger.observe([row(1)])
    saved = ledger.state()
    ledger.observe([row(2), row(3, route=None)])
    ledger.restore(saved)
    assert ledger.state() == saved


@pytest.mark.parametrize("damage", [{}, {"format": 99}, {"format": 1}, {"format": 1, "bounds": 3}, []])
def test_a_state_that_cannot_be_read_starts_at_zero_with_a_warning(damage, caplog):
    ledger = Ledger(LABELS)
    ledger.observe([row()])
    with caplog.at_level(logging.WARNING):
        ledger.restore(damage)
    assert ledger.state() == Ledger(LABELS).state()
    assert "start at zero" in caplog.text


def test_without_a_saved_state_everything_is_zero():
    ledger = Ledger(LABELS)
    ledger.observe([row()])
    ledger.restore(None)
    assert ledger.state() == Ledger(LABELS).state()


def test_a_histogram_whose_bounds_changed_starts_anew_and_the_counters_go_on():
    ledger = Ledger(LABELS)
    ledger.observe([row()])
    state = ledger.state()
    state["bounds"]["duration"] = [1.0, 2.0]
    ledger.restore(state)
    assert total(cell(ledger).duration) == 0
    assert total(cell(ledger).first_token) == 1
    assert cell(ledger).count(Outcome.OK, is_stream=True) == 1


def test_a_version_that_left_the_configuration_still_counts_its_last_rows():
    ledger = Ledger(LABELS)
    ledger.configure(Labels({"chat": ("v2",)}, ("local",)))
    ledger.observe([row()])
    assert cell(ledger).count(Outcome.OK, is_stream=True) == 1


def test_versions_retired_long_ago_are_let_go():
    ledger = Ledger(Labels({"chat": ("v0",)}))
    for at in range(1, MAX_RETIRED + 5):
        ledger.configure(Labels({"chat": (f"v{at}",)}))
        ledger.restore(ledger.state())  # the order of retirement survives a restart
    names = {version for _, version in seen(ledger).cells}
    assert len(names) == MAX_RETIRED + 1
    assert "v0" not in names
    assert f"v{MAX_RETIRED + 3}" in names


def test_the_catch_all_of_a_route_goes_with_the_route():
    ledger = Ledger(Labels({"chat": ()}))
    ledger.observe([row(assigned_version=None, served_version=None)])
    assert ("chat", "none") in seen(ledger).cells
    ledger.configure(Labels({"mail": ()}))
    assert ("chat", "none") not in seen(ledger).cells
