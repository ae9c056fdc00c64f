"""Says what a snapshot means, as plain values for tables and JSON. Holds no secret and no hash of one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from llmgateway.config.advice import allowed_keys
from llmgateway.config.conditions import conditions
from llmgateway.config.drift import Drift
from llmgateway.config.golden import Golden
from llmgateway.config.guarding import Guardrail
from llmgateway.config.rollouts import RolloutPolicy
from llmgateway.config.rules import FaultKind, Rule
from llmgateway.config.snapshot import (
    Address,
    Backend,
    HealthRules,
    Hedge,
    Key,
    Route,
    Shadow,
    Snapshot,
    Sticky,
    StickyBy,
    Version,
)
from llmgateway.config.words import choosing, ejection, limits, probe
from llmgateway.config.written import duration, size
from llmgateway.domain.scorerule import ScoreRule

Described = dict[str, Any]


def describe(snapshot: Snapshot) -> Described:
    """Describe the whole snapshot; JSON-able. Durations and sizes are written as in the file."""
    return {
        "generation": snapshot.generation,
        "digest": snapshot.digest,
        "server": _server(snapshot),
        "admin": {"listen": str(snapshot.admin.listen), "token": snapshot.admin.token is not None}
        | _reach(snapshot.admin.listen),
        "data": _data(snapshot),
        "journal": _journal(snapshot),
        "drift": _drift(snapshot.drift),
        "routes": [described_route(route, snapshot) for route in snapshot.routes.values()],
        "backends": [described_backend(backend) for backend in snapshot.backends.values()],
        "keys": [_key(key) for key in snapshot.keys.values()],
        "prices": sorted(snapshot.prices),
    }


def shares(route: Route) -> Mapping[str, float]:
    """Each version's share of the route's traffic, in percent."""
    total = sum(version.weight for version in route.versions)
    return {version.name: 100 * version.weight / total if total else 0.0 for version in route.versions}


def sticky(by: Sticky) -> str:
    """Write a sticky rule as the file would."""
    return f"header:{by.header.decode()}" if by.by is StickyBy.HEADER else by.by.value


def _server(snapshot: Snapshot) -> Described:
    server = snapshot.server
    return {
        "listen": str(server.listen),
        "tls": server.tls is not None,
        "workers": server.workers,
        "keys_required": bool(snapshot.keys),
        "cors_origins": list(server.cors.origins),
        "body": size(server.max_body_bytes),
        "upload": size(server.max_upload_bytes),
        "drain": duration(server.drain_s),
    } | _reach(server.listen)


def _reach(address: Address) -> Described:
    return {"reach": "this machine" if address.is_loopback else "public"}


def _data(snapshot: Snapshot) -> Described:
    data = snapshot.data
    return {
        "dir": data.dir,
        "exchanges": duration(data.keep_exchanges_s),
        "bodies": duration(data.keep_bodies_s),
        "max_store": size(data.max_store_bytes),
    }


def _journal(snapshot: Snapshot) -> Described:
    journal = snapshot.journal
    return {
        "durability": journal.durability.value,
        "serve_unlogged": journal.serve_unlogged,
        "max_size": size(journal.max_bytes),
    }


def described_route(route: Route, snapshot: Snapshot) -> Described:
    """One route with its versions and their shares."""
    share = shares(route)
    return {
        "name": route.name,
        "sticky": sticky(route.sticky),
        "fallback": [version.name for version in route.fallback],
        "bodies": route.bodies.value,
        "raw_events": route.raw_events,
        "balance": route.balance.value,
        "in_words": choosing(route),
        "max_attempts": route.retries.max_attempts,
        "on_failure": [fault.value for fault in FaultKind if fault in route.on_failure],
        "rules": [_rule(rule) for rule in route.rules],
        "hedge": hedge(route.hedge) if route.hedge is not None else None,
        "guardrails": [_guardrail(each, snapshot) for each in route.guardrails],
        "keys": allowed_keys(snapshot, route.name) if snapshot.keys else None,
        "shadow": _shadow(route.shadow) if route.shadow is not None else None,
        "rollout": _rollout(route.rollout) if route.rollout is not None else None,
        "golden": _golden(route.golden) if route.golden is not None else None,
        "versions": [_version(version, share[version.name]) for version in route.versions],
    }


def _guardrail(guardrail: Guardrail, snapshot: Snapshot) -> Described:
    return {
        "name": guardrail.name,
        "plugin": guardrail.plugin,
        "stages": [stage.value for stage in guardrail.stages],
        "action": guardrail.action.value,
        "mode": guardrail.mode.value,
        "restore": guardrail.restore,
        "refusal": guardrail.refusal,
        "baseline": guardrail in snapshot.guarding.baseline,
    }


def _rule(rule: Rule) -> Described:
    """A rule in words: all of `when` has to hold, none means that every request fits."""
    total = sum(weight for _, weight in rule.use)
    return {
        "name": rule.name,
        "when": [condition.words for condition in conditions(rule.when)],
        "use": {version: round(100 * weight / total, 3) for version, weight in rule.use},
    }


def _shadow(shadow: Shadow) -> Described:
    return {
        "version": shadow.version.name,
        "share_percent": round(100 * shadow.share, 3),
        "max_concurrent": shadow.max_concurrent,
        "max_per_minute": shadow.max_per_minute,
    }


def _rollout(policy: RolloutPolicy) -> Described:
    """What a rollout would do once it is started."""
    approvals = policy.approvals
    return {
        "candidate": policy.candidate,
        "steps": [
            {
                "weight_percent": round(100 * step.weight, 3),
                "min_time": duration(step.min_time_s),
                "min_units": step.min_units,
                "gate": step.gate,
            }
            for step in policy.steps
        ],
        "metrics": [
            {"name": str(metric.name), "kind": metric.kind.value, "ceiling": metric.ceiling} | _reads(metric.reads)
            for metric in policy.metrics
        ],
        "approvals": {"count": approvals.count, "start": approvals.start, "by": list(approvals.by)},
        "bake": {"holdback": policy.bake.holdback, "min_time": duration(policy.bake.min_time_s)},
        "deadline": duration(policy.deadline_s),
        "replay": list(policy.replay),
        "regression": policy.regression,
        "shadow": None
        if policy.shadow is None
        else {"min_time": duration(policy.shadow.min_time_s), "min_pairs": policy.shadow.min_pairs},
    }


def _golden(golden: Golden) -> Described:
    """Which questions are asked again and again, and how often."""
    return {
        "dataset": golden.dataset,
        "every": duration(golden.every_s),
        "items": golden.items,
        "match": golden.match.value,
        "max_cost": golden.max_cost,
    }


def _drift(drift: Drift) -> Described:
    """What is watched of every version; nothing, if it is off."""
    return {
        "signals": sorted(each.value for each in drift.signals),
        "features": sorted(each.value for each in drift.features),
        "reference": drift.reference,
        "comparison": drift.comparison,
        "floor": drift.floor,
    }


def _reads(rule: ScoreRule | None) -> Described:
    """Which scores a metric looks at, if it does."""
    if rule is None:
        return {}
    whose = {"score": rule.name, "source": rule.source_kind.value, "source_id": rule.source_id}
    return whose | {"bad": list(rule.bad), "below": rule.below, "above": rule.above}


def hedge(hedge: Hedge) -> Described:
    """When a second attempt starts, written as in the file."""
    after = f"p{hedge.percentile:g}" if hedge.after_s is None else duration(hedge.after_s)
    return {"after": after, "min_wait": duration(hedge.min_wait_s)}


def _health(rules: HealthRules) -> Described:
    return {
        "consecutive": rules.consecutive,
        "error_share": rules.error_share,
        "min_attempts": rules.min_attempts,
        "window": duration(rules.window_s),
        "slow": rules.slow,
        "eject": duration(rules.eject_s),
        "eject_max": duration(rules.eject_max_s),
        "probe": rules.probe.value,
        "probe_model": rules.probe_model,
        "probe_interval": duration(rules.probe_interval_s),
        "probe_timeout": duration(rules.probe_timeout_s),
    }


def _version(version: Version, share: float) -> Described:
    return {
        "name": version.name,
        "id": version.id,
        "weight": version.weight,
        "share_percent": round(share, 3),
        "model": version.model,
        "params": dict(version.params),
        "prompt": _prompt(version),
        "backends": [backend.name for backend in version.backends],
    }


def _prompt(version: Version) -> Described | None:
    """What is known of a version's prompt without reading it: the text itself is in `whole_version`."""
    if version.prompt is None:
        return None
    return {
        "characters": len(version.prompt),
        "sha256": sha256(version.prompt.encode()).hexdigest()[:12],
        "file": version.prompt_file,
    }


def described_backend(backend: Backend) -> Described:
    """One backend, its credential told by whether there is one."""
    return {
        "name": backend.name,
        "provider": backend.provider,
        "base_url": backend.base_url,
        "credential": backend.api_key is not None,
        "headers": [name for name, _ in backend.headers],
        "proxy": backend.proxy,
        "connect": duration(backend.connect_timeout_s),
        "first_byte": duration(backend.first_byte_timeout_s),
        "idle": duration(backend.idle_timeout_s),
        "total": duration(backend.total_timeout_s),
        "weight": backend.weight,
        "max_concurrent": backend.max_concurrent,
        "queue": backend.queue,
        "queue_wait": duration(backend.queue_wait_s),
        "drained": backend.is_drained,
        "health": _health(backend.health),
        "in_words": {
            "limit": limits(backend),
            "out_after": ejection(backend.health),
            "out_for": f"{duration(backend.health.eject_s)} to {duration(backend.health.eject_max_s)}",
            "probe": probe(backend.health),
        },
    }


def _key(key: Key) -> Described:
    expires = None if key.expires_at is None else datetime.fromtimestamp(key.expires_at, UTC).isoformat()
    return {
        "name": key.name,
        "routes": list(key.routes),
        "operations": ["*"] if key.operations is None else list(key.operations),
        "default_route": key.default_route,
        "enabled": key.is_enabled,
        "priority": key.priority.value,
        "expires": expires,
        "may_pin": key.may_pin,
        "tags": dict(key.tags),
    }
