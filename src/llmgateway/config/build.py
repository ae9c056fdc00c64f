"""Turns the schema's tables into the frozen snapshot, field by field."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmgateway.config import evaluators, guardrails, schema, snapshot
from llmgateway.config.build_rules import rule
from llmgateway.config.drift import Drift
from llmgateway.config.golden_schema import golden
from llmgateway.config.problems import Path
from llmgateway.config.review import Review
from llmgateway.config.rollout_schema import policy
from llmgateway.config.rollout_scores import Reading
from llmgateway.config.secrets import SecretResolver
from llmgateway.config.webhooks import Webhook


def build(
    config: schema.Config,
    secrets: SecretResolver,
    generation: int,
    digest: str,
    makers: guardrails.Makers,
    *,
    evaluating: evaluators.Makers,
    prompts: Mapping[str, str],
) -> snapshot.Snapshot:
    """Build the snapshot; references must have been checked. Faults of secrets are left in `secrets`.

    `prompts`: the texts of the files that versions name.
    """
    backends = {name: _backend(name, table, secrets) for name, table in config.backends.items()}
    guards = guardrails.guarding(config.guardrails, makers)
    reading = Reading(config.evaluators, evaluating)
    keys = (_key(name, table) for name, table in config.keys.items())
    return snapshot.Snapshot(
        generation=generation,
        digest=digest,
        server=_server(config.server),
        admin=_admin(config.admin, secrets),
        data=_data(config.data),
        journal=_journal(config.journal),
        scores=_scores(config.scores, secrets),
        review=_review(config.review),
        drift=_drift(config.drift),
        backends=backends,
        routes={
            name: replace(
                _route(name, table, backends, config.journal, prompts),
                guardrails=guardrails.of_route(table.guardrails, guards, makers),
                golden=golden(table.golden, _golden_key(name, table, secrets)),
                rollout=policy(table.rollout, reading),
            )
            for name, table in config.routes.items()
        },
        keys={key.digest: key for key in keys},
        prices={name: _price(name, table) for name, table in config.prices.items()},
        webhooks=tuple(_webhook(name, table, secrets) for name, table in config.webhooks.items()),
        guarding=guards,
        evaluators={
            name: evaluators.evaluator(name, table, evaluating, _evaluators_key(name, table, secrets))
            for name, table in config.evaluators.items()
        },
    )


def version_id(
    backends: Sequence[snapshot.Backend], model: str | None, params: Mapping[str, Any], prompt: str | None = None
) -> str:
    """Name a version by its content: the first 12 hex digits of the SHA-256 of its canonical JSON.

    Weight and name are not content; nor is a backend's name, credential or timeout.
    """
    return hashlib.sha256(canonical_spec(backends, model, params, prompt).encode()).hexdigest()[:12]


def canonical_spec(
    backends: Sequence[snapshot.Backend], model: str | None, params: Mapping[str, Any], prompt: str | None
) -> str:
    """What a version is made of, as JSON that is the same for the same content."""
    content: dict[str, Any] = {
        "backends": sorted([backend.provider, backend.base_url] for backend in backends),
        "model": model,
        "params": params,
    }
    if prompt is not None:  # else versions without one keep the ids that they had before there were any
        content["prompt"] = prompt
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _server(table: schema.ServerTable) -> snapshot.Server:
    limits, timeouts = table.limits, table.timeouts
    return snapshot.Server(
        listen=table.listen,
        workers=table.workers,
        tls=snapshot.Tls(table.tls.cert, table.tls.key) if table.tls else None,
        cors=snapshot.Cors(tuple(table.cors.origins), round(table.cors.max_age)),
        max_body_bytes=limits.body,
        max_upload_bytes=limits.upload,
        max_header_bytes=limits.header_block,
        max_header_line_bytes=limits.header_line,
        max_headers=limits.header_count,
        max_target_bytes=limits.target,
        max_json_depth=limits.json_depth,
        max_json_tokens=limits.json_tokens,
        max_pipelined=limits.pipelined,
        max_connections=limits.connections,
        max_connections_per_peer=limits.connections_per_peer,
        body_min_rate=limits.body_rate,
        max_tunnels=limits.tunnels,
        max_tunnel_message_bytes=limits.tunnel_message,
        header_timeout_s=timeouts.header,
        body_grace_s=timeouts.body_grace,
        keepalive_s=timeouts.keepalive,
        write_stall_s=timeouts.write_stall,
        tunnel_idle_s=timeouts.tunnel_idle,
        tunnel_total_s=timeouts.tunnel_total,
        drain_s=timeouts.drain,
        pre_stop_s=timeouts.pre_stop,
        overload=_overload(table.overload),
        trusted_proxies=tuple(table.trusted_proxies),
    )


def _overload(table: schema.OverloadTable) -> snapshot.Overload:
    return snapshot.Overload(table.memory, table.max_body_memory, table.loop_lag)


def _admin(table: schema.AdminTable, secrets: SecretResolver) -> snapshot.Admin:
    token = None if table.token is None else secrets.resolve(table.token, ("admin", "token"))
    return snapshot.Admin(table.listen, token)


def _data(table: schema.DataTable) -> snapshot.Data:
    keep = table.retention
    return snapshot.Data(table.dir, keep.exchanges, keep.bodies, keep.max_store)


def _journal(table: schema.JournalTable) -> snapshot.Journal:
    return snapshot.Journal(
        durability=table.durability,
        bodies=table.bodies,
        raw_events=table.raw_events,
        serve_unlogged=table.serve_unlogged,
        segment_bytes=table.segment,
        reserve_bytes=table.reserve,
        max_bytes=table.max_size,
        max_record_bytes=table.max_record,
    )


def _scores(table: schema.ScoresTable, secrets: SecretResolver) -> snapshot.Scores:
    written = table.token_secret
    secret = None if written is None else secrets.resolve(written, ("scores", "token_secret"))
    return snapshot.Scores(table.window, table.rate, table.burst, secret)


def _review(table: schema.ReviewTable) -> Review:
    return Review(
        lease_s=table.lease,
        overlap=table.overlap,
        max_waiting=table.max_waiting,
        random=table.random,
        near_threshold=table.near_threshold,
        thumbs_down=table.thumbs_down,
        drift=table.drift,
        per_hour=table.per_hour,
    )


def _drift(table: schema.DriftTable) -> Drift:
    return Drift(
        signals=frozenset(table.signals),
        features=frozenset(table.features),
        reference=table.reference,
        comparison=table.comparison,
        floor=table.floor,
    )


def _golden_key(name: str, table: schema.RouteTable, secrets: SecretResolver) -> snapshot.Secret | None:
    written = None if table.golden is None else table.golden.api_key
    return None if written is None else secrets.resolve(written, ("routes", name, "golden", "api_key"))


def _evaluators_key(name: str, table: evaluators.EvaluatorTable, secrets: SecretResolver) -> snapshot.Secret | None:
    return None if table.api_key is None else secrets.resolve(table.api_key, ("evaluators", name, "api_key"))


def _backend(name: str, table: schema.BackendTable, secrets: SecretResolver) -> snapshot.Backend:
    path: Path = ("backends", name)
    headers = (
        (header, secrets.resolve(value, (*path, "headers", header), is_public=not carries_credential(header)))
        for header, value in table.headers.items()
    )
    return snapshot.Backend(
        name=name,
        provider=table.provider,
        base_url=table.base_url,
        api_key=secrets.resolve(table.api_key, (*path, "api_key")) if table.api_key is not None else None,
        headers=tuple((header.lower(), value.reveal()) for header, value in headers),
        proxy=table.proxy,
        ca_file=table.ca_file,
        connect_timeout_s=table.timeouts.connect,
        first_byte_timeout_s=table.timeouts.first_byte,
        idle_timeout_s=table.timeouts.idle,
        total_timeout_s=table.timeouts.total,
        keepalive_s=table.keepalive,
        max_connections=table.max_connections,
        weight=table.weight,
        max_concurrent=table.max_concurrent,
        queue=table.queue,
        queue_wait_s=table.queue_wait,
        is_drained=table.drained,
        health=_health(table.health),
    )


def _health(table: schema.HealthTable) -> snapshot.HealthRules:
    return snapshot.HealthRules(
        consecutive=table.consecutive,
        error_share=table.error_share,
        min_attempts=table.min_attempts,
        window_s=table.window,
        slow=table.slow,
        eject_s=table.eject,
        eject_max_s=max(table.eject_max, table.eject),
        probe=table.probe,
        probe_model=table.probe_model,
        probe_interval_s=table.probe_interval,
        probe_timeout_s=table.probe_timeout,
    )


def carries_credential(header: str) -> bool:
    """Whether a header of this name lets somebody in."""
    return any(word in header.lower() for word in ("auth", "key", "token", "secret", "cookie", "password"))


def _route(
    name: str,
    table: schema.RouteTable,
    backends: dict[str, snapshot.Backend],
    journal: schema.JournalTable,
    prompts: Mapping[str, str],
) -> snapshot.Route:
    default_weight = 1.0 if len(table.versions) == 1 else 0.0  # who stands alone need not say so
    versions = {
        each: _version(each, version, backends, default_weight, prompts) for each, version in table.versions.items()
    }
    retries = table.retries
    return snapshot.Route(
        name=name,
        versions=tuple(versions.values()),
        fallback=tuple(versions[each] for each in table.fallback),
        sticky=table.sticky,
        salt=table.salt,
        bodies=journal.bodies if table.bodies is None else table.bodies,
        raw_events=journal.raw_events if table.raw_events is None else table.raw_events,
        retries=snapshot.Retries(retries.max_attempts, retries.budget, retries.base, retries.max_wait),
        rules=tuple(rule(each) for each in table.rules),
        on_failure=frozenset(table.on_failure.faults),
        shadow=_shadow(table.shadow, versions),
        balance=table.balance,
        hedge=_hedge(table.hedge),
        is_parallel=table.parallel,
    )


def _shadow(table: schema.ShadowTable | None, versions: dict[str, snapshot.Version]) -> snapshot.Shadow | None:
    if table is None:
        return None
    return snapshot.Shadow(versions[table.version], table.share, table.max_concurrent, table.max_per_minute)


def _hedge(table: schema.HedgeTable | None) -> snapshot.Hedge | None:
    if table is None:
        return None
    percentile, after_s = table.after
    return snapshot.Hedge(percentile or snapshot.Hedge().percentile, after_s, table.min_wait)


def _version(
    name: str,
    table: schema.VersionTable,
    backends: dict[str, snapshot.Backend],
    default_weight: float,
    prompts: Mapping[str, str],
) -> snapshot.Version:
    chosen = tuple(backends[each] for each in table.backends)
    prompt = table.prompt if table.prompt_file is None else prompts[table.prompt_file]
    return snapshot.Version(
        name=name,
        id=version_id(chosen, table.model, table.params, prompt),
        backends=chosen,
        model=table.model,
        params=table.params,
        weight=default_weight if table.weight is None else table.weight,
        prompt=prompt,
        prompt_file=table.prompt_file,
    )


def _key(name: str, table: schema.KeyTable) -> snapshot.Key:
    return snapshot.Key(
        name=name,
        digest=table.hash,
        routes=tuple(table.routes),
        operations=None if "*" in table.operations else tuple(table.operations),
        default_route=table.default_route,
        tags=table.tags,
        expires_at=table.expires,
        is_enabled=table.enabled,
        may_pin=table.may_pin,
        priority=table.priority,
    )


def _webhook(name: str, table: schema.WebhookTable, secrets: SecretResolver) -> Webhook:
    path: Path = ("webhooks", name)
    url = secrets.resolve(table.url, (*path, "url"), is_public=True)
    if url.reveal() and not url.reveal().startswith(("http://", "https://", "env:", "file:")):
        secrets.faults.append(((*path, "url"), "has to begin with http:// or https://"))
    secret = None if table.secret is None else secrets.resolve(table.secret, (*path, "secret"))
    return Webhook(name, url, secret)


def _price(name: str, table: schema.PriceTable) -> snapshot.Price:
    return snapshot.Price(name, table.input, table.output, table.cached)
