"""Readiness tells what is missing, in an order that helps."""

import pytest
from tests.support.control import status

from llmgateway.controlplane.readiness import Facts, unready, unstarted
from llmgateway.controlplane.worker import STALE_S, WorkerState


def worker(slot=0, *, seen=100.0, **gauges):
    state = WorkerState.read(status(slot, gauges=gauges), seen)
    assert state is not None
    return state


def facts(*workers, generation=1, draining=False):
    return Facts(generation, workers, 100.0, draining)


def test_one_worker_that_serves_makes_it_ready():
    assert unready(facts(worker(), worker(1, unready="overloaded: lag"), worker(2, seen=0.0))) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (facts(worker(), draining=True), "draining"),
        (facts(worker(), generation=0), "config"),
        (facts(), "workers: none is connected"),
        (facts(worker(seen=100.0 - STALE_S - 0.1)), "workers: none of 1 was heard of"),
        (facts(worker(unready="log_store_full: x"), worker(1, unready="log_store_full: x")), "every worker: log_store"),
        (facts(worker(unready="overloaded: memory"), worker(1, seen=0.0)), "every worker: overloaded: memory"),
    ],
)
def test_each_reason_alone_takes_it_out(given, reason):
    assert len(unready(given)) == 1
    assert unready(given)[0].startswith(reason)


def test_workers_that_are_out_for_different_reasons_are_all_told():
    given = facts(worker(unready="overloaded: lag"), worker(1, unready="draining"))
    assert unready(given) == ["every worker: draining", "every worker: overloaded: lag"]


def test_start_up_is_over_once_a_worker_has_come():
    assert len(unstarted(facts(generation=0))) == 2
    assert unstarted(facts(worker(seen=0.0), draining=True)) == []
