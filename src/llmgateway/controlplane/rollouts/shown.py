"""A rollout as the admin API shows it: where it is, what is missing, what the figures are and mean."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from llmgateway.controlplane.rollouts import correcting
from llmgateway.controlplane.rollouts.preflight import KEY
from llmgateway.controlplane.rollouts.records import Running
from llmgateway.controlplane.rollouts.unreadable import Unreadable
from llmgateway.ports.rollouts import RolloutRecord, TransitionRecord
from llmgateway.rollout.counts import total
from llmgateway.rollout.eprocess import value
from llmgateway.rollout.explain import Language, Speaker, explain, next_event, of_corrected, of_other_judges
from llmgateway.rollout.guards import Moment
from llmgateway.rollout.interval import interval
from llmgateway.rollout.plan import Metric
from llmgateway.rollout.readings import MetricReading
from llmgateway.rollout.states import TABLE, lacking
from llmgateway.rollout.trust import UNKNOWN

Shown = dict[str, Any]


def head(record: RolloutRecord, lost: Unreadable | None = None) -> Shown:
    """What lists have. `lost`: it can't be read, or not be decided on."""
    return {
        "id": record.id,
        "route": record.route,
        "candidate": record.candidate,
        "stable": record.stable,
        "version_hash": record.version_hash,
        "creator": record.creator,
        "created_at": record.created_at,
        "state": record.state,
        "revision": record.revision,
        "running": record.filed is None,
        "generation": record.filed,
        "preflight": record.policy.get(KEY),
        "unreadable": None if lost is None else {"why": lost.why, "weight": lost.share, "words": lost.told},
    }


class OfJudges(NamedTuple):
    """`others`: metrics in which another judges now than at the start. `corrected`: what judges' rates come to."""

    others: Sequence[str] = ()
    corrected: correcting.ByMetric = MappingProxyType({})


NO_JUDGES: Final = OfJudges()


def shown(found: Running, at: Moment, error: str | None, judges: OfJudges = NO_JUDGES) -> Shown:
    """Everything about a rollout that runs. `error`: why the file does not say yet what came of it."""
    rollout, plan, people = found.rollout, found.rollout.plan, at.people
    event = next_event(rollout)
    lacks = lacking(TABLE[rollout.state, event], at) if event is not None else ()
    figures = tested(at)
    for each in figures["metrics"]:
        each["corrected"] = correcting.shown(judges.corrected.get(each["name"]))
    return head(found.record) | {
        "pause": rollout.pause,
        "step": rollout.step,
        "steps": [{"weight": each.weight, "gate": each.gate} for each in plan.steps],
        "weight": rollout.weight,
        "epoch": rollout.epoch,
        "since": rollout.since,
        "evidence_hash": rollout.evidence_hash,
        "asking": rollout.is_asking,
        "approvals": [{"by": each.by, "at": each.at, "counts": each.by in _valid(at)} for each in people.approvals],
        "approvals_needed": plan.approvals.count,
        "open_concerns": people.open_concerns,
        "next": event,
        "missing": [{"what": each.what.value, "values": dict(each.values)} for each in lacks],
        **figures,
        "slow": {"first_token_s": found.policy.slow.first_token_s, "total_s": found.policy.slow.total_s},
        "assigned": dict(total(at.evidence.assigned)._asdict()),
        "file_error": error,
        "judges_changed": list(judges.others),
        "words": explained(at, Language.ENGLISH, judges),
    }


def tested(at: Moment) -> Shown:
    """What the tests say."""
    plan = at.rollout.plan
    return {
        "pairs": None if plan.shadow is None else _pairs(at),
        "harm": _figures(at.read.harm, 1 / plan.alpha),
        "srm": _figures(at.read.srm, plan.srm_threshold),
        "metrics": [_metric(each, at) for each in at.read.metrics],
    }


def explained(at: Moment, language: str, judges: OfJudges = NO_JUDGES) -> list[str]:
    """The same in sentences."""
    words = Language(language)
    said = explain(at.rollout, at.evidence, at.now, at.people, words)
    for metric, arms in judges.corrected.items():
        both = {"candidate": arms.candidate, "stable": arms.stable}
        said += [of_corrected(metric, arm, each, words) for arm, each in both.items() if each is not None]
    return [*said, *of_other_judges(judges.others, words)]


def others(found: Running, judges: Mapping[str, str]) -> list[str]:
    """The metrics in which another judges now (`judges`: who, by evaluator) than when the rollout began."""
    rules = found.policy.scores.items()
    return [name for name, rule in rules if rule.run is not None and judges.get(rule.source_id or "") != rule.run]


def moved(row: TransitionRecord) -> Shown:
    """One row of the history."""
    return {
        "revision": row.revision,
        "key": row.key,
        "at": row.at,
        "event": row.event,
        "from": row.from_state,
        "to": row.to_state,
        "pause": row.pause,
        "step": row.step,
        "epoch": row.epoch,
        "weight": row.weight,
        "actor": row.actor or None,
        "reason": row.reason,
        "evidence_hash": row.evidence_hash,
        "generation": row.generation,
    }


def exemplar(row: Mapping[str, Any], said: Mapping[str, str]) -> Shown:
    """One of the candidate's exchanges, with what was said in it, as far as that is kept."""
    names = (
        "id",
        "at",
        "status",
        "end",
        "finish_reason",
        "duration_s",
        "first_token_s",
        "served_version",
        "error_code",
    )
    return {name: row.get(name) for name in names} | {"said": dict(said)}


def say(found: Running) -> str:
    """Where it is, in a sentence."""
    from llmgateway.rollout.words_en import WORDS

    return Speaker(WORDS).state(found.rollout)


def message(found: Running, row: TransitionRecord) -> Shown:
    """What webhooks are sent of a move."""
    record = found.record
    who = row.actor or "the gateway"
    why = f" ({row.reason})" if row.reason else ""
    change = f"{row.from_state} → {row.to_state}, {row.event} by {who}{why}"
    text = f"Rollout of {record.candidate} on {record.route}: {change}. {say(found)}"
    about = {"rollout": record.id, "route": record.route, "candidate": record.candidate, "stable": record.stable}
    said = escape(text, quote=False)  # what Slack and its like ask for
    return {"text": said, "type": "rollout.transition"} | about | moved(row)


def _valid(at: Moment) -> set[str]:
    return at.rollout.approvers(at.people, at.rollout.plan.approvals, at.now)


def _figures(log_e: float, needed: float) -> Shown:
    return {"e": value(log_e), "log_e": log_e, "needed": needed}


def _pairs(at: Moment) -> Shown:
    """What came of the shadow: the pairs that each version alone lost, and the test of them."""
    return {"lost": dict(at.evidence.pairs._asdict()), "harm": _figures(at.read.pairs, 1 / at.rollout.plan.alpha)}


def _metric(read: MetricReading, at: Moment) -> Shown:
    plan, metric = at.rollout.plan, read.metric
    known = interval(at.evidence.bad_draws(metric.name), plan.alpha, plan.beta, plan.r_m)
    units, bad = (total(each.get(metric.name, {})) for each in (at.evidence.units, at.evidence.bad))
    return {
        "name": metric.name,
        "kind": metric.kind.value,
        "ceiling": metric.ceiling,
        "units": dict(units._asdict()),
        "bad": dict(bad._asdict()),
        "harm": _figures(read.harm, 1 / plan.alpha),
        "safe": _figures(read.safe, 1 / plan.beta),
        "ratio": {"low": known.low, "high": known.high if math.isfinite(known.high) else None},
        "absent": metric.name in at.absent,
        "trust": _trust(metric, at),
        "said": _figures(read.said, plan.srm_threshold) if metric.name in at.evidence.said else None,
    }


def _trust(metric: Metric, at: Moment) -> Shown | None:
    """Of a metric that a model judges: what its word may do, and why."""
    if not metric.is_judged:
        return None
    standing = at.evidence.trust.get(metric.name, UNKNOWN)
    return {"rung": standing.rung.value, "labels": standing.labels, "kappa": standing.kappa}
