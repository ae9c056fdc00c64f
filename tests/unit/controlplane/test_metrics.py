"""What /metrics says, in both formats, from given figures."""

import threading

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from tests.support.control import attempt, row, status
from tests.support.exchanges import verdict

from llmgateway.controlplane import metrics
from llmgateway.controlplane.catalogue import METRICS
from llmgateway.controlplane.drift.shown import DriftFigures
from llmgateway.controlplane.evaluation import figures as evaluating
from llmgateway.controlplane.events import EventFigures
from llmgateway.controlplane.feedbackfigures import FeedbackFigures
from llmgateway.controlplane.ingest import Lag
from llmgateway.controlplane.labels import BACKEND_STATES, Labels
from llmgateway.controlplane.ledger import Ledger
from llmgateway.controlplane.metrics import CACHE_S, Exposition, Reading, families
from llmgateway.controlplane.reviewfigures import ReviewFigures
from llmgateway.controlplane.tally import Tally
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.event import EventKind, EventSeverity
from llmgateway.ports.reviews import Backlog
from llmgateway.telemetry.histogram import WAIT, empty, observe

LABELS = Labels({"chat": ("v1", "v2")}, ("local",))
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


REVIEW = ReviewFigures([Backlog("default", "open", 3, 900.0), Backlog("default", "done", 2, 100.0)], 1_000.0)


def reading(rows=(), statuses=(), **changes):
    ledger, tally = Ledger(LABELS), Tally()
    ledger.observe(rows)
    ledger.commit()
    for given in statuses:
        tally.update(given["slot"], given["incarnation"], given)
    given = {
        "ledger": ledger.view(),
        "labels": LABELS,
        "totals": tally.totals(),
        "starts": tally.starts(),
        "workers": [WorkerState.read(each, 0.0) for each in statuses],
        "version": "1.2.3",
        "generation": 4,
        "started_at": 1_700_000_000.0,
        "reloads": {"taken": 3, "refused": 1},
        "task_failures": {"ingest": 2},
        "lag": Lag(0.5, 1, 4096, 2),
        "damage": {"dead_letter": 1},
    }
    return Reading(**(given | changes))


def samples(*args, **changes):
    """Every sample as {(name, frozen labels): value}."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(reading(*args, **changes))
        for sample in family.samples
    }


def value(found, name, **labels):
    return found[f"llmgateway_{name}", frozenset(labels.items())]


def test_every_outcome_of_a_configured_version_is_there_at_zero_before_any_traffic():
    found = samples()
    assert value(found, "requests_total", route="chat", version="v2", outcome="timeout", stream="true") == 0
    assert value(found, "cost_usd_total", route="chat", version="v1") == 0
    assert value(found, "upstream_attempts_total", upstream="local", result="ok", kind="first") == 0
    assert value(found, "inflight_requests", route="chat") == 0
    assert not any(name.endswith("duration_seconds_bucket") for name, _ in found)


@pytest.mark.parametrize("read", [plain, openmetrics])
async def test_verdicts_show_by_guardrail_stage_action_mode_and_kind(read, monkeypatch):
    monkeypatch.setattr(f"{__name__}.LABELS", Labels({"chat": ("v1",)}, ("local",), guardrails=("credentials",)))
    odd = verdict(guardrail='gone"', kind='a"\\b', mode="observe")
    given = reading([row(verdicts=[verdict(count=9), odd]), row(verdicts=[verdict()])])
    accept = OPENMETRICS if read is openmetrics else ""
    text, _ = await Exposition(lambda: given, ManualClock()).render(accept)
    found = {
        tuple(sample.labels.values()): sample.value
        for family in read(text.decode())
        for sample in family.samples
        if sample.name == "llmgateway_guardrail_verdicts_total"
    }
    said = sorted((sorted(labels), number) for labels, number in found.items())
    assert said == sorted(
        [
            (sorted(["credentials", "request", "redact", "enforce", "secret.token"]), 2),
            (sorted(["other", "request", "redact", "observe", 'a"\\b']), 1),
        ]
    )


def test_rows_show_as_counters_and_histograms():
    found = samples([row(), row(end="timeout", status=504, attempts=[attempt(result="upstream_timeout")])])
    version = {"route": "chat", "version": "v1"}
    assert value(found, "requests_total", **version, outcome="ok", stream="true") == 1
    assert value(found, "requests_total", **version, outcome="timeout", stream="true") == 1
    assert value(found, "request_duration_seconds_bucket", **version, le="1.28") == 2
    assert value(found, "request_duration_seconds_bucket", **version, le="+Inf") == 2
    assert value(found, "request_duration_seconds_sum", **version) == pytest.approx(2.4)
    assert value(found, "request_duration_seconds_count", **version) == 2
    assert value(found, "time_to_first_token_seconds_count", **version) == 2
    assert value(found, "overhead_seconds_count", route="chat") == 2
    assert value(found, "tokens_total", **version, kind="output") == 22
    assert value(found, "upstream_attempts_total", upstream="local", result="upstream_timeout", kind="first") == 1


def test_workers_figures_are_summed():
    found = samples((), [status(refused=3, lagged=2), status(1, refused=4, lagged=1)])
    assert value(found, "inflight_requests", route="chat") == 4
    assert value(found, "open_tunnels", route="chat") == 2
    assert value(found, "connections") == 10
    assert value(found, "upstream_connections", upstream="local", state="open") == 6
    assert value(found, "refused_total", reason="invalid_api_key") == 7
    assert value(found, "log_records_total", result="written") == 14
    assert value(found, "event_loop_lag_seconds_bucket", le="0.001") == 3
    assert value(found, "workers") == 2
    assert value(found, "worker_starts_total", slot="1") == 1
    assert value(found, "worker_config_revision", slot="0") == 1


def test_a_gauge_for_a_route_nobody_configured_is_other():
    found = samples((), [status(gauges={"in_flight": {"typo": 3, "chat": 1}, "pools": {"gone": {"open": 2}}})])
    assert value(found, "inflight_requests", route="other") == 3
    assert value(found, "upstream_connections", upstream="other", state="open") == 2
    assert ("llmgateway_upstream_connections", frozenset({("upstream", "other"), ("state", "idle")})) not in found


def test_a_backend_that_half_of_the_workers_shun_is_half_up():
    gauges = [{"pools": {"local": {"up": up}}} for up in (1, 0)]
    assert (
        value(samples((), [status(at, gauges=each) for at, each in enumerate(gauges)]), "upstream_up", upstream="local")
        == 0.5
    )


def test_what_has_no_source_is_not_there():
    names = {family.name for family in families(reading((), [status()], lag=None))}
    assert names.isdisjoint({"llmgateway_upstream_up", "llmgateway_log_lag_seconds", "llmgateway_log_queue_bytes"})


DRIFT = DriftFigures([(("chat", "refusal"), 0.25)], [(("chat", "refusal"), 2)])
EVENTS = EventFigures({(EventKind.DRIFT, EventSeverity.ALARM): 2}, {EventKind.DRIFT: 1}, 3)


def evaluators():
    """A rule and a judge that have done something of everything."""
    figures = evaluating.Figures()
    figures.ran("refusal", evaluating.Result.BAD, 5.0)
    figures.skip("kind", "cost_cap")
    figures.paid("kind", 0.25, 5.0)
    return evaluating.Reading(figures, 3, {"refusal": False, "kind": True})


def test_drift_is_there_where_it_is_watched():
    found = samples(drift=DRIFT)
    labels = frozenset({"route": "chat", "feature": "refusal"}.items())
    assert found["llmgateway_drift_score", labels] == 0.25
    assert found["llmgateway_drift_alarms_total", labels] == 2
    assert not any("drift_" in name for name, _ in samples(drift=None))


def test_events_are_there_from_the_start_by_kind_and_severity():
    found = samples(events=EVENTS, webhooks={"sent": 4})
    for name, labels, value in [
        ("events_total", {"kind": "drift", "severity": "alarm"}, 2),
        ("events_total", {"kind": "backend", "severity": "info"}, 0),
        ("events_dropped_total", {}, 3),
        ("alarms_open", {"kind": "drift"}, 1),
        ("alarms_open", {"kind": "judge"}, 0),
        ("webhooks_total", {"result": "sent"}, 4),
    ]:
        assert found[f"llmgateway_{name}", frozenset(labels.items())] == value
    unread = samples(events=EVENTS._replace(open=None))
    assert not any(name == "llmgateway_alarms_open" for name, _ in unread)


@pytest.mark.parametrize(("accept", "parse"), [("", plain), (OPENMETRICS, openmetrics)])
async def test_both_formats_parse_and_hold_only_what_the_catalogue_names(accept, parse):
    feedback = FeedbackFigures({("chat", "v1", "helpful", "positive"): 2})
    gauges = {"pools": {"local": {"open": 1, "idle": 1, "up": 1}}}
    others = {"review": REVIEW, "evaluators": evaluators(), "events": EVENTS, "drift": DRIFT}
    full = reading([row()], [status(gauges=gauges)], feedback=feedback, **others)
    text, content_type = await Exposition(lambda: full, ManualClock()).render(accept)
    assert content_type.startswith(accept.partition(";")[0] or "text/plain")
    parsed = {family.name.removeprefix("llmgateway_").removesuffix("_total"): family for family in parse(text.decode())}
    assert set(parsed) == set(METRICS)
    for name, family in parsed.items():
        metric = METRICS[name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels)


async def test_openmetrics_links_a_bucket_to_an_exchange():
    full = reading([row(1)])
    text, _ = await Exposition(lambda: full, ManualClock()).render(OPENMETRICS)
    assert f'# {{exchange_id="{row(1)["id"]}"}} 1.2' in text.decode()
    assert "exchange_id" not in (await Exposition(lambda: full, ManualClock()).render(""))[0].decode()


async def test_a_rendering_is_kept_for_a_second_and_made_in_a_thread(monkeypatch):
    reads, threads, clock = [], [], ManualClock()
    original = metrics.families

    def spy(given):
        threads.append(threading.current_thread())
        return original(given)

    monkeypatch.setattr(metrics, "families", spy)

    def read():
        reads.append(threading.current_thread())
        return reading()

    exposition = Exposition(read, clock)
    first = await exposition.render("")
    assert await exposition.render("") == first
    assert len(reads) == 1
    clock.advance(CACHE_S)
    await exposition.render("")
    assert reads == [threading.main_thread()] * 2
    assert threads
    assert threading.main_thread() not in threads


async def test_the_cache_of_formats_is_bounded():
    exposition = Exposition(reading, ManualClock())
    for patch in range(20):
        await exposition.render(f"application/openmetrics-text; version=1.0.{patch}")
    assert len(exposition._cache) <= metrics.MAX_CACHED


@pytest.mark.parametrize("accept", ["x" * 10_000, "application/openmetrics-text; version=nonsense", ";;;,,,", "*/*"])
async def test_a_strange_accept_header_gets_the_plain_format(accept):
    _, content_type = await Exposition(reading, ManualClock()).render(accept)
    assert content_type.startswith("text/plain")


def test_the_largest_configuration_stays_within_the_budget_of_series():
    labels = Labels({f"r{at}": ("a", "b") for at in range(20)}, tuple(f"b{at}" for at in range(20)))
    ledger = Ledger(labels)
    ledger.observe(row(route=f"r{at}", assigned_version="a", attempts=[attempt(backend=f"b{at}")]) for at in range(20))
    ledger.commit()
    full = reading(labels=labels, ledger=ledger.view())
    assert sum(len(family.samples) for family in families(full)) <= 3_000


def backend(name="local", state="in", **more):
    return {"name": name, "state": state, "in_flight": 2, "queued": 1} | more


def test_each_state_of_a_backend_is_a_series_and_one_of_them_is_set():
    found = samples(backends=[backend(state="half_open")])
    states = {state: value(found, "upstream_state", upstream="local", state=state) for state in BACKEND_STATES}
    assert states == {"in": 0, "ejected": 0, "half_open": 1, "drained": 0}


def test_what_a_backend_carries_is_shown_and_unknown_names_add_up():
    found = samples(backends=[backend(), backend("x"), backend("y")])
    assert value(found, "upstream_in_flight", upstream="local") == 2
    assert value(found, "upstream_in_flight", upstream="other") == 4
    assert value(found, "upstream_queue", upstream="local") == 1


def test_ejections_are_counted_by_reason():
    found = samples(ejections={("local", "slow"): 2, ("x", "slow"): 1, ("y", "slow"): 1})
    assert value(found, "upstream_ejections_total", upstream="local", reason="slow") == 2
    assert value(found, "upstream_ejections_total", upstream="other", reason="slow") == 2


def test_queues_tell_how_long_people_waited_and_how_many_were_turned_away():
    wait = empty(WAIT)
    observe(wait, WAIT, 0.2)
    given = status(0)
    given["counters"]["sheds"] = {"full": 3, "nonsense": 1}
    given["histograms"]["queue_wait"] = wait
    found = samples(statuses=[given])
    assert value(found, "sheds_total", reason="full") == 3
    assert value(found, "queue_wait_seconds_count") == 1
    assert value(found, "queue_wait_seconds_bucket", le="0.25") == 1


def test_overload_is_the_worst_workers_and_what_is_held_adds_up():
    def pressed(slot, **gauges):
        given = status(slot)
        return given | {"gauges": given["gauges"] | gauges, "counters": {"overload": {"shed": 4, "cut": 1, "bogus": 9}}}

    found = samples(
        statuses=[
            pressed(0, overload_step=3, memory_share=0.93, memory_bytes=100, body_bytes=7),
            pressed(1, overload_step=1, memory_share=0.86, memory_bytes=50, body_bytes=1),
        ]
    )
    assert value(found, "overload_step") == 3
    assert value(found, "memory_used_ratio") == 0.93
    assert value(found, "memory_bytes") == 150
    assert value(found, "request_body_bytes") == 8
    counts = {
        action: value(found, "overload_actions_total", action=action) for action in ("shed", "cut", "body", "trim")
    }
    assert counts == {"shed": 8, "cut": 2, "body": 0, "trim": 0}
    assert value(samples(), "overload_step") == 0


def test_what_came_of_asking_slow_guardrails():
    took = empty(WAIT)
    observe(took, WAIT, 0.2)
    given = status(0)
    given["counters"]["guardrail_answers"] = {"answered": 1, "timeout": 3, "nonsense": 1}
    given["histograms"]["guardrail_answer"] = took
    found = samples(statuses=[given])
    assert value(found, "guardrail_answers_total", result="timeout") == 3
    assert value(found, "guardrail_answers_total", result="other") == 1
    assert value(found, "guardrail_answer_seconds_bucket", le="0.25") == 1
