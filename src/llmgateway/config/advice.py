"""What is allowed and still deserves a second look; shown by `llmgateway check`, never a reason to refuse."""

from collections.abc import Iterator, Sequence
from typing import Final

from llmgateway.config.patterns import overlap
from llmgateway.config.problems import Fault, Path, quoted
from llmgateway.config.snapshot import Address, Backend, Route, Snapshot

SESSIONS: Final = "realtime"  # the operation


def advise(snapshot: Snapshot, literals: Sequence[Path], now: float) -> list[Fault]:
    """List the warnings. `literals`: settings whose secret stands in the file; `now`: Unix time."""
    return [
        *((path, 'the secret stands in this file; write "env:NAME" or "file:PATH" instead') for path in literals),
        *_plain_listeners(snapshot),
        *_plain_backends(snapshot),
        *_bare_backends(snapshot),
        *_unused_backends(snapshot),
        *_drained_versions(snapshot),
        *_scarce_places(snapshot),
        *_without_streams(snapshot),
        *_unreachable_routes(snapshot),
        *_dead_keys(snapshot, now),
        *_unheard_prompts(snapshot),
    ]


def _plain_listeners(snapshot: Snapshot) -> Iterator[Fault]:
    if not snapshot.server.listen.is_loopback and snapshot.server.tls is None:
        yield ("server", "listen"), "plain HTTP on a public address: keys and prompts can be read on the way; set tls"
    if not snapshot.admin.listen.is_loopback:
        yield ("admin", "listen"), "plain HTTP on a public address: put a TLS proxy in front, or listen on 127.0.0.1"


def _plain_backends(snapshot: Snapshot) -> Iterator[Fault]:
    for name, backend in snapshot.backends.items():
        if backend.url.scheme == "http" and backend.api_key is not None and not _is_near(backend):
            yield ("backends", name, "base_url"), "plain HTTP to another host: the credential can be read on the way"


def _bare_backends(snapshot: Snapshot) -> Iterator[Fault]:
    asked = _asked(snapshot, "backend")
    for name, backend in snapshot.backends.items():
        if name in asked:
            if backend.api_key is None:
                yield ("backends", name), "guardrails ask it unsigned: with an api_key it could tell who asks"
        elif backend.provider == "openai" and backend.url.path in {"", "/"}:
            usual = quoted(f"{backend.base_url.rstrip('/')}/v1")
            yield ("backends", name, "base_url"), f"has no path; OpenAI's SDK has {usual} here"


def _is_near(backend: Backend) -> bool:
    return Address(backend.url.hostname or "", 0).is_loopback


def _unused_backends(snapshot: Snapshot) -> Iterator[Fault]:
    used = {
        backend.name for route in snapshot.routes.values() for version in route.versions for backend in version.backends
    }
    used |= _asked(snapshot, "backend")
    for name in snapshot.backends:
        if name not in used:
            yield ("backends", name), "no version of any route uses this backend"


def _drained_versions(snapshot: Snapshot) -> Iterator[Fault]:
    for route in snapshot.routes.values():
        for version in route.versions:
            if all(backend.is_drained for backend in version.backends):
                path: Path = ("routes", route.name, "versions", version.name)
                yield path, f"all backends of {quoted(version.name)} are drained: it answers nothing"


def _scarce_places(snapshot: Snapshot) -> Iterator[Fault]:
    workers = snapshot.server.workers
    for name, backend in snapshot.backends.items():
        if backend.max_concurrent is not None and backend.max_concurrent < workers:
            yield ("backends", name, "max_concurrent"), f"each of the {workers} workers has one place all the same"


def _asked(snapshot: Snapshot, whom: str) -> set[str]:
    """Backends or routes that guardrails ask."""
    return {str(each.options[whom]) for each in snapshot.guarding.named.values() if whom in each.options}


def _without_streams(snapshot: Snapshot) -> Iterator[Fault]:
    for name, guardrail in snapshot.guarding.named.items():
        if guardrail.refuses_streams:
            reason = "redacts replies and needs the whole of them: on its routes, requests for a stream are refused"
            yield ("guardrails", name, "stages"), reason


def _unreachable_routes(snapshot: Snapshot) -> Iterator[Fault]:
    patterns = {pattern for key in snapshot.keys.values() if key.is_enabled for pattern in key.routes}
    wide = [pattern for pattern in patterns if "*" in pattern]
    asked = _asked(snapshot, "route")
    may_pin = any(key.may_pin for key in snapshot.keys.values())
    for name, route in snapshot.routes.items():
        # a route of its own name needs no look at every key: 2,000 routes and 5,000 keys would take seconds
        is_named = name in patterns or any(overlap(each, name) for each in (patterns if "*" in name else wide))
        if snapshot.keys and not is_named and name not in asked:
            yield ("routes", name), "no enabled key may use this route"
        if not may_pin:
            yield from _idle_versions(route)
        yield from _own_shadow(route)


def _idle_versions(route: Route) -> Iterator[Fault]:
    used = {name for rule in route.rules for name, weight in rule.use if weight}
    used |= {version.name for version in route.fallback}
    if route.shadow is not None:
        used.add(route.shadow.version.name)
    if route.rollout is not None:
        used.add(route.rollout.candidate)
    for version in route.versions:
        if not version.weight and version.name not in used:
            reason = f"{quoted(version.name)} has no weight and is in no fallback, rule or shadow: it gets no traffic"
            yield ("routes", route.name, "versions", version.name), reason


def _own_shadow(route: Route) -> Iterator[Fault]:
    if route.shadow is None:
        return
    path: Path = ("routes", route.name, "shadow")
    name = quoted(route.shadow.version.name)
    weighted = [version for version in route.versions if version.weight > 0]
    if weighted == [route.shadow.version]:
        yield (*path, "version"), f"all traffic goes to {name} already: its copies compare it with itself"
    if route.shadow.share == 0:
        yield (*path, "share"), f"is 0: nothing is copied to {name}"


def _dead_keys(snapshot: Snapshot, now: float) -> Iterator[Fault]:
    for key in snapshot.keys.values():
        if key.expires_at is not None and key.expires_at <= now:
            yield ("keys", key.name, "expires"), "this key has expired and is refused"


def _unheard_prompts(snapshot: Snapshot) -> Iterator[Fault]:
    """Prompts on routes that some key is to have realtime sessions with."""
    talking = [key for key in snapshot.keys.values() if key.is_enabled and SESSIONS in (key.operations or ())]
    if not talking:
        return
    for route in snapshot.routes.values():
        key = next((each for each in talking if any(overlap(pattern, route.name) for pattern in each.routes)), None)
        for version in route.versions:
            if key is not None and version.prompt is not None:
                reason = f"refuses the realtime sessions on this route that key {quoted(key.name)} is for"
                setting = "prompt" if version.prompt_file is None else "prompt_file"
                yield ("routes", route.name, "versions", version.name, setting), reason


def allowed_keys(snapshot: Snapshot, route: str) -> list[str]:
    """Names of the enabled keys that may use at least some of what `route` covers."""
    return [
        key.name
        for key in snapshot.keys.values()
        if key.is_enabled and any(overlap(pattern, route) for pattern in key.routes)
    ]
