"""The status holds what the parts know, in the shape that control reads."""

import json

import pytest

from llmgateway.config.snapshot import Backend, Snapshot
from llmgateway.controlplane.tally import read_figures
from llmgateway.controlplane.worker import WorkerState
from llmgateway.dataplane.gauges import LAG_BUCKETS_S, Gauges
from llmgateway.dataplane.live import Live, Sources
from llmgateway.dataplane.overload import Overload
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.trust import Said
from llmgateway.journal.stats import WriterStats
from llmgateway.limits.bodies import BodyMemory
from llmgateway.limits.ladder import Step
from llmgateway.routing.places import Shed
from llmgateway.routing.standings import Standings
from llmgateway.telemetry.frames import MAX_STATUS_BYTES, frame
from llmgateway.telemetry.histogram import LAG
from llmgateway.wire.jsoncodec import decode


def live(gauges, **sources):
    return Live(2, 4711, "abc", gauges, Sources(**sources))


def test_control_reads_back_what_the_worker_says():
    gauges, stats = Gauges(), WriterStats()
    gauges.in_flight["chat"] += 3
    gauges.open_streams["chat"] += 1
    gauges.open_tunnels["voice"] += 2
    gauges.refused["invalid_api_key"] += 2
    gauges.lag(0.002)
    stats.wrote(2, 900, 0.0004)
    said = live(
        gauges,
        generation=lambda: 9,
        connections=lambda: 5,
        pools=lambda: {"local": {"open": 4}},
        journal=lambda: stats,
        unlogged=lambda: 1,
        is_full=lambda: True,
    ).status()
    worker = WorkerState.read(json.loads(json.dumps(said)), 0.0)
    assert (worker.slot, worker.pid, worker.incarnation, worker.generation) == (2, 4711, "abc", 9)
    assert worker.by_name("in_flight") == {"chat": 3}
    assert worker.by_name("open_streams") == {"chat": 1}
    assert worker.by_name("open_tunnels") == {"voice": 2}
    assert worker.gauge("connections") == 5
    assert worker.gauge("journal_full") == 1
    assert worker.gauge("slowest_write_s") == 0.0004
    assert worker.pools() == {"local": {"open": 4}}
    figures = read_figures(said)
    assert figures.counters["refused", "invalid_api_key"] == 2
    assert figures.counters["journal", "bytes"] == 900
    assert figures.counters["journal", "records"] == 2
    assert figures.counters["journal", "unlogged"] == 1
    assert figures.histograms["loop_lag"][1] == 1


def test_control_reads_back_how_overloaded_a_worker_is():
    overload, bodies = Overload(step=Step.SHED_LOW, cause="lag", memory=0.5), BodyMemory(1_000)
    overload.counts.update(shed=3, cut=1)
    bodies.claim(700)
    with pytest.raises(GatewayError):
        bodies.claim(700)
    said = live(
        Gauges(), overload=overload, bodies=bodies, memory=lambda: 123, unready=lambda: "overloaded: lag"
    ).status()
    worker = WorkerState.read(json.loads(json.dumps(said)), 0.0)
    found = [worker.gauge(name) for name in ("overload_step", "memory_share", "memory_bytes", "body_bytes")]
    assert found == [2, 0.5, 123, 700]
    assert (worker.word("overload_cause"), worker.word("unready")) == ("lag", "overloaded: lag")
    figures = read_figures(said)
    assert [figures.counters["overload", action] for action in ("shed", "cut", "body")] == [3, 1, 1]


def test_routes_where_nothing_is_under_way_are_left_out():
    gauges = Gauges()
    gauges.in_flight["chat"] += 1
    gauges.in_flight["chat"] -= 1
    assert live(gauges).status()["gauges"]["in_flight"] == {}


def test_a_worker_without_sources_still_has_a_status():
    assert WorkerState.read(live(Gauges()).status(), 0.0) is not None


def test_both_planes_agree_on_the_buckets_of_the_loop_lag():
    assert LAG_BUCKETS_S == LAG


def test_the_slowest_write_is_of_the_last_second_only():
    stats = WriterStats()
    stats.wrote(1, 1, 0.5)
    worker = live(Gauges(), journal=lambda: stats)
    assert worker.status()["gauges"]["slowest_write_s"] == 0.5
    assert worker.status()["gauges"]["slowest_write_s"] == 0.0


def test_what_busy_backends_turned_away_is_told():
    gauges = Gauges()
    gauges.waited(0.03)
    said = live(gauges, sheds=lambda: {Shed.FULL: 2, Shed.TIMEOUT: 0}).status()
    figures = read_figures(decode(frame("status", said, 10**6)))
    assert figures.counters["sheds", "full"] == 2
    assert (figures.histograms["queue_wait"][3], figures.histograms["queue_wait"][-1]) == (1, 0.03)


def test_a_status_of_ten_thousand_busy_backends_fits_into_its_frame():
    standing = Standings(Snapshot(1, backends={"b": Backend("b", "openai", "http://b")}))["b"]
    standing.attempts, standing.in_flight, standing.faults = 10**9, 10**4, 10**8
    standing.was_left(0.0, 123.456789123)
    busy = {"open": 1_000} | standing.figures(123.5)
    pools = {f"{n:064d}": busy for n in range(10_000)}
    assert frame("status", live(Gauges(), pools=lambda: pools).status(), MAX_STATUS_BYTES)


def test_what_came_of_asking_slow_guardrails_is_told():
    gauges = Gauges()
    gauges.answered(0.03)
    gauges.answers[Said.TIMEOUT] += 2
    figures = read_figures(decode(frame("status", live(gauges).status(), 10**6)))
    assert figures.counters["guardrail_answers", "answered"] == 1
    assert figures.counters["guardrail_answers", "timeout"] == 2
    assert (figures.histograms["guardrail_answer"][3], figures.histograms["guardrail_answer"][-1]) == (1, 0.03)
