"""Every metric, once: its name, type, labels and meaning. `metrics` fills them, docs/METRICS.md explains them, a test
holds the three together. The names are the project's stable contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PREFIX: Final = "llmgateway_"


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"  # count and sum alone


@dataclass(frozen=True, slots=True)
class Metric:
    """One family. `name` has neither the prefix nor a counter's `_total`."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str

    @property
    def full_name(self) -> str:
        """As it is queried; a histogram's and summary's samples add `_bucket`, `_count` and `_sum`."""
        return f"{PREFIX}{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"


_COUNTER, _GAUGE, _HISTOGRAM, _SUMMARY = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM, Kind.SUMMARY
_VERSION = ("route", "version")
_ROUTE = ("route",)
_METRIC = ("route", "metric")
_FEATURE = ("route", "feature")
_UPSTREAM = ("upstream",)
_VERDICT = ("guardrail", "stage", "action", "mode", "kind")

_ALL: Final = (
    # from the journal: exactly the rows that are in the store
    Metric("requests", _COUNTER, (*_VERSION, "outcome", "stream"), "Exchanges of known callers that have ended."),
    Metric("request_duration_seconds", _HISTOGRAM, _VERSION, "From a request's head to its reply's last byte."),
    Metric("time_to_first_token_seconds", _HISTOGRAM, _VERSION, "Streams: until the first content came."),
    Metric("time_per_output_token_seconds", _HISTOGRAM, _VERSION, "Streams: mean time for each later token."),
    Metric("overhead_seconds", _HISTOGRAM, _ROUTE, "The gateway's own share of an exchange that was dispatched."),
    Metric("tokens", _COUNTER, (*_VERSION, "kind"), "Tokens as the backends reported them."),
    Metric("cost_usd", _COUNTER, _VERSION, "Cost of the exchanges whose price is known, in US dollars."),
    Metric("unpriced_requests", _COUNTER, _VERSION, "Exchanges that used tokens of a model without a known price."),
    Metric("upstream_attempts", _COUNTER, (*_UPSTREAM, "result", "kind"), "Tries at a backend."),
    Metric("upstream_duration_seconds", _HISTOGRAM, _UPSTREAM, "How long tries at a backend took."),
    Metric("shadow_requests", _COUNTER, (*_VERSION, "outcome"), "Copies made for a route's shadow that have ended."),
    Metric("shadow_left_out", _COUNTER, (*_ROUTE, "reason"), "Exchanges that should have been copied and were not."),
    Metric("shadow_cost_usd", _COUNTER, _VERSION, "Cost of the copies whose price is known, in US dollars."),
    Metric("guardrail_verdicts", _COUNTER, _VERDICT, "Exchanges in which a guardrail found something of a kind."),
    Metric(
        "feedback", _COUNTER, (*_VERSION, "name", "polarity"), "What users said of answers, each time they said it."
    ),
    Metric("feedback_rejected", _COUNTER, ("reason",), "What users said that belongs to no exchange of theirs."),
    Metric("review_items", _GAUGE, ("queue", "status"), "Items of the review queues."),
    Metric("review_oldest_age_seconds", _GAUGE, ("queue",), "How long the item has waited that has waited longest."),
    Metric("evaluator_runs", _COUNTER, ("evaluator", "result"), "Exchanges that an evaluator judged, or failed to."),
    Metric("evaluator_skipped", _COUNTER, ("evaluator", "reason"), "Exchanges that an evaluator says nothing of."),
    Metric("evaluator_last_success_timestamp_seconds", _GAUGE, ("evaluator",), "When an evaluator last judged."),
    Metric("evaluator_cost_usd", _COUNTER, ("evaluator",), "Cost of an evaluator's questions, in US dollars."),
    Metric("evaluator_backlog", _GAUGE, (), "Exchanges in the store that evaluators have not looked at yet."),
    Metric("drift_score", _GAUGE, _FEATURE, "How near the worst of a route's versions is to a drift alarm; 1 is one."),
    Metric("drift_alarms", _COUNTER, _FEATURE, "Drift alarms and warnings that were raised."),
    Metric("unreadable_rows", _COUNTER, (), "Exchange rows that could not be counted, or not whole."),
    Metric("label_overflow", _GAUGE, (), "Configured names beyond the caps, counted as `other`."),
    # from the workers, each second
    Metric("inflight_requests", _GAUGE, _ROUTE, "Exchanges under way."),
    Metric("open_streams", _GAUGE, _ROUTE, "Streamed replies under way."),
    Metric("inflight_shadows", _GAUGE, _ROUTE, "Copies under way."),
    Metric("open_tunnels", _GAUGE, _ROUTE, "Realtime sessions under way: open WebSockets of callers."),
    Metric("connections", _GAUGE, (), "Open connections of callers."),
    Metric("upstream_connections", _GAUGE, (*_UPSTREAM, "state"), "Connections to a backend."),
    Metric("upstream_up", _GAUGE, _UPSTREAM, "Share of the workers that would send traffic to a backend."),
    Metric("upstream_in_flight", _GAUGE, _UPSTREAM, "Exchanges under way at a backend."),
    Metric("upstream_queue", _GAUGE, _UPSTREAM, "Exchanges that wait for a place at a backend."),
    Metric("queue_wait_seconds", _HISTOGRAM, (), "How long exchanges stood in a backend's queue, place or no place."),
    Metric("sheds", _COUNTER, ("reason",), "Exchanges that got no place at a busy backend."),
    Metric("guardrail_answers", _COUNTER, ("result",), "What came of asking guardrails that take their time."),
    Metric("guardrail_answer_seconds", _HISTOGRAM, (), "How long guardrails that take their time took to answer."),
    Metric("refused", _COUNTER, ("reason",), "Callers turned away without a record: nobody knows who they are."),
    Metric("log_records", _COUNTER, ("result",), "Records for the journal: written, refused, or served unlogged."),
    Metric("log_bytes", _COUNTER, (), "Bytes written to the journal."),
    Metric("log_write_seconds", _SUMMARY, (), "Time taken by writes to the journal."),
    Metric("log_write_slowest_seconds", _GAUGE, (), "The slowest write to the journal in the last second."),
    Metric("log_faults", _COUNTER, (), "Journal segments given up because the disk failed."),
    Metric("log_full", _GAUGE, (), "Workers whose journal is full and turns new exchanges away."),
    Metric("event_loop_lag_seconds", _HISTOGRAM, (), "How late the workers' event loops were."),
    Metric("overload_step", _GAUGE, (), "The highest step of the overload ladder that a worker is on; 0 is calm."),
    Metric("overload_actions", _COUNTER, ("action",), "What workers did against overload."),
    Metric("memory_bytes", _GAUGE, (), "Memory that the workers hold for themselves."),
    Metric("memory_used_ratio", _GAUGE, (), "Share of the memory that may be used, as the ladder sees it."),
    Metric("request_body_bytes", _GAUGE, (), "Request bodies that the workers hold."),
    Metric("workers", _GAUGE, (), "Workers connected and heard of in the last five seconds."),
    Metric("worker_starts", _COUNTER, ("slot",), "Incarnations of a worker; the first one counts too."),
    Metric("worker_config_revision", _GAUGE, ("slot",), "Generation of the configuration in force in a worker."),
    # from the control process itself
    Metric("log_queue_bytes", _GAUGE, (), "Bytes of the journal that the ingester has not read yet."),
    Metric("log_lag_seconds", _GAUGE, (), "Time since the store last had everything that was in the journal."),
    Metric("log_damage", _COUNTER, ("kind",), "Journal records that did not become exchanges, since control started."),
    Metric("upstream_state", _GAUGE, (*_UPSTREAM, "state"), "1 for the state that a backend is in, 0 for the others."),
    Metric("upstream_ejections", _COUNTER, (*_UPSTREAM, "reason"), "How often a backend was taken out."),
    # of staged rollouts
    Metric("rollout_weight_ratio", _GAUGE, _VERSION, "The candidate's share of a route's assignments."),
    Metric("rollout_state", _GAUGE, (*_ROUTE, "state"), "1 for the state of a route's rollout, 0 for the others."),
    Metric("rollout_transitions", _COUNTER, (*_ROUTE, "to", "cause"), "Moves of rollouts since control started."),
    Metric("analysis_log_evalue", _GAUGE, (*_METRIC, "test"), "Natural logarithm of the evidence of a metric's test."),
    Metric("analysis_units", _COUNTER, (*_METRIC, "arm"), "Units that a metric of the rollout has judged."),
    Metric("analysis_bad_units", _COUNTER, (*_METRIC, "arm"), "Units of these that had a bad event."),
    Metric("srm_log_evalue", _GAUGE, _ROUTE, "Evidence that assignments don't follow the weights, as a logarithm."),
    Metric("controller_last_tick_timestamp_seconds", _GAUGE, (), "When rollouts were last looked at, as Unix time."),
    # of what happens by itself
    Metric("events", _COUNTER, ("kind", "severity"), "What the gateway did by itself, or noticed, since the start."),
    Metric("events_dropped", _COUNTER, (), "Events that no store could take in time."),
    Metric("alarms_open", _GAUGE, ("kind",), "Alarms that have not cleared."),
    Metric("webhooks", _COUNTER, ("result",), "Messages about rollouts and events to the operator's services."),
    Metric("config_revision", _GAUGE, (), "Generation of the configuration in force."),
    Metric("config_reloads", _COUNTER, ("result",), "Reloads since the control process started."),
    Metric("task_failures", _COUNTER, ("task",), "Failures of the control process's tasks since it started."),
    Metric("control_start_time_seconds", _GAUGE, (), "When the control process started, as Unix time."),
    Metric("build_info", _GAUGE, ("version", "python"), "Always 1; the labels tell what runs."),
)

METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _ALL}

ROLLOUTS: Final = (
    "rollout_weight_ratio",
    "rollout_state",
    "rollout_transitions",
    "analysis_log_evalue",
    "analysis_units",
    "analysis_bad_units",
    "srm_log_evalue",
    "controller_last_tick_timestamp_seconds",
)
"""Those that `rollouts.figures` fills."""
