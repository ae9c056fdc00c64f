import pytest

from llmgateway.config.snapshot import Hedge
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.operation import Operation
from llmgateway.routing.hedging import ENOUGH, FRESH_S, REMEMBERED, Patience, may_hedge


def patience(waits: list[float], clock: ManualClock | None = None, *, is_stream: bool = False) -> Patience:
    made = Patience(clock or ManualClock())
    for wait in waits:
        made.observe(wait, is_stream=is_stream)
    return made


def test_too_few_measurements_say_nothing():
    assert patience([0.2] * (ENOUGH - 1)).wait_s(Hedge(), is_stream=False) is None


def test_the_percentile_of_what_was_measured_is_waited_for():
    waits = [number / 100 for number in range(1, 101)]
    assert patience(waits).wait_s(Hedge(95.0), is_stream=False) == 0.95
    assert patience(waits).wait_s(Hedge(50.0), is_stream=False) == 0.5


def test_streams_and_whole_replies_are_told_apart():
    both = patience([10.0] * ENOUGH)
    assert both.wait_s(Hedge(), is_stream=True) is None
    for _ in range(ENOUGH):
        both.observe(0.3, is_stream=True)
    assert both.wait_s(Hedge(), is_stream=True) == 0.3
    assert both.wait_s(Hedge(), is_stream=False) == 10.0


def test_a_fixed_time_needs_no_measurements():
    assert patience([]).wait_s(Hedge(after_s=0.8), is_stream=True) == 0.8


@pytest.mark.parametrize("hedge", [Hedge(min_wait_s=0.5), Hedge(after_s=0.01, min_wait_s=0.5)])
def test_never_sooner_than_the_least_wait(hedge):
    assert patience([0.001] * 50).wait_s(hedge, is_stream=False) == 0.5


def test_what_is_remembered_has_a_bound_and_the_latest_count():
    clock = ManualClock()
    known = patience([9.0] * 10_000, clock)
    assert known.wait_s(Hedge(), is_stream=False) == 9.0
    for _ in range(REMEMBERED):
        known.observe(0.1, is_stream=False)
    assert known.wait_s(Hedge(), is_stream=False) == 9.0  # worked out a moment ago
    clock.advance(FRESH_S)
    assert known.wait_s(Hedge(), is_stream=False) == 0.1
    assert sum(map(len, known._waits.values())) == REMEMBERED


@pytest.mark.parametrize(
    ("method", "operation", "may"),
    [
        ("POST", Operation("chat.completions"), True),
        ("GET", Operation("files.retrieve", is_stateful=True), True),
        ("DELETE", Operation("files.delete", is_stateful=True), False),
        ("POST", Operation("batches.cancel", is_stateful=True), False),
        ("POST", Operation("batches.create", is_repeatable=False, is_stateful=True), False),
        ("GET", Operation("realtime", is_tunnel=True), False),
    ],
)
def test_two_at_once_only_where_that_does_no_harm(method, operation, may):
    assert may_hedge(operation, method) is may
