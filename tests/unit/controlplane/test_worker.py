"""A status is read field by field; what doesn't fit is nothing."""

import pytest
from tests.support.control import status

from llmgateway.controlplane.worker import STALE_S, WorkerState


def test_a_status_tells_who_it_is_and_its_gauges():
    worker = WorkerState.read(status(3, revision="abc"), 10.0)
    assert (worker.slot, worker.pid, worker.generation, worker.revision) == (3, 103, 1, "abc")
    assert worker.gauge("connections") == 5
    assert worker.by_name("in_flight") == {"chat": 2}
    assert worker.pools() == {"local": {"open": 3, "idle": 1}}


@pytest.mark.parametrize("field", ["slot", "pid", "incarnation", "generation"])
@pytest.mark.parametrize("value", [None, [], {}])
def test_without_an_identity_there_is_no_worker(field, value):
    assert WorkerState.read(status() | {field: value}, 0.0) is None


@pytest.mark.parametrize("incarnation", ["", "x" * 201])
def test_an_incarnation_has_a_sensible_length(incarnation):
    assert WorkerState.read(status(incarnation=incarnation), 0.0) is None


@pytest.mark.parametrize("gauges", [None, 3, {"in_flight": 3, "pools": 3, "connections": "x"}, {"pools": {"a": 3}}])
def test_gauges_of_the_wrong_shape_are_nothing(gauges):
    worker = WorkerState.read(status(gauges=gauges), 0.0)
    assert (worker.gauge("connections"), worker.by_name("in_flight"), worker.pools()) == (0, {}, {})


def test_a_worker_that_has_been_silent_is_stale():
    worker = WorkerState.read(status(), 10.0)
    assert not worker.is_stale(10.0 + STALE_S)
    assert worker.is_stale(10.0 + STALE_S + 0.1)
