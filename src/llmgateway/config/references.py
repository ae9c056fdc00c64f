"""Checks what one table says of another: backends of versions, fallbacks, routes and operations of keys, providers.

Works on the parsed file itself, so that wrong references show up together with wrong types; whatever has the
wrong type is skipped here, because `shape` reports it.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from llmgateway.config.patterns import best_match, matches, overlap
from llmgateway.config.problems import Fault, Path, did_you_mean, quoted
from llmgateway.config.rule_references import Callers, of_rules

_Toml = Mapping[str, Any]


def dangling(document: _Toml, providers: Collection[str], operations: Collection[str] = ()) -> Iterator[Fault]:
    """Find every reference that leads nowhere. Without `operations` those of keys are not looked at."""
    for path, backend in _tables(document, "backends"):
        provider = backend.get("provider")
        if isinstance(provider, str) and provider not in providers:
            yield (*path, "provider"), f"no provider is called {quoted(provider)}{did_you_mean(provider, providers)}"
    backends = [name for (_, name), _ in _tables(document, "backends")]
    callers = Callers({str(path[-1]): key for path, key in _tables(document, "keys")})
    for path, route in _tables(document, "routes"):
        yield from _of_route(path, route, [str(name) for name in backends])
        yield from of_rules(path, route, callers)
    routes = {str(path[1]): None for path, _ in _tables(document, "routes")}
    for path, key in _tables(document, "keys"):
        yield from _of_key(path, key, routes)
        yield from _unknown_operations(path, key, operations)
    yield from _shared_hashes(document)


def _of_route(path: Path, route: _Toml, backends: Collection[str]) -> Iterator[Fault]:
    versions = {str(at[-1]): (at, version) for at, version in _tables(route, "versions", path)}
    for at, version in versions.values():
        yield from _named((*at, "backends"), version.get("backends"), backends, "backend")
    yield from _named((*path, "fallback"), route.get("fallback"), versions, "version of this route")
    yield from _of_shadow((*path, "shadow"), route.get("shadow"), versions)
    weights = [version.get("weight", 0) for _, version in versions.values()]
    if len(weights) == 1 and "weight" not in next(iter(versions.values()))[1]:
        return
    numbers = [weight for weight in weights if isinstance(weight, int | float)]
    if weights and len(numbers) == len(weights) and not any(number > 0 for number in numbers):
        yield (*path, "versions"), "no version has a weight above 0, so none would get traffic"


def _of_shadow(path: Path, shadow: object, versions: Collection[str]) -> Iterator[Fault]:
    name = shadow.get("version") if isinstance(shadow, dict) else None
    if isinstance(name, str) and name not in versions:
        reason = f"no version of this route is called {quoted(name)}{did_you_mean(name, versions)}"
        yield (*path, "version"), reason


def _named(path: Path, names: object, known: Collection[str], kind: str) -> Iterator[Fault]:
    """Each of `names` must be `known`, once."""
    seen = set[str]()
    for index, name in enumerate(names if isinstance(names, list) else ()):
        if not isinstance(name, str):
            continue
        if name not in known:
            yield (*path, index), f"no {kind} is called {quoted(name)}{did_you_mean(name, known)}"
        elif name in seen:
            yield (*path, index), f"{quoted(name)} is named twice"
        seen.add(name)


def _of_key(path: Path, key: _Toml, routes: Collection[str]) -> Iterator[Fault]:
    allowed = key.get("routes", ["*"])
    patterns = [each for each in allowed if isinstance(each, str)] if isinstance(allowed, list) else []
    for index, pattern in enumerate(patterns):
        if pattern not in routes and not any(overlap(pattern, route) for route in routes):
            known = did_you_mean(pattern, routes)
            yield (*path, "routes", index), f"no route is called {quoted(pattern)}{known}"
    default = key.get("default_route")
    if not isinstance(default, str):
        return
    route = default if default in routes else best_match((each for each in routes if "*" in each), default)
    if route is None:
        yield (*path, "default_route"), f"no route is called {quoted(default)}{did_you_mean(default, routes)}"
    elif not any(matches(pattern, default) or matches(pattern, route) for pattern in patterns):
        yield (*path, "default_route"), f"this key may not use {quoted(default)}: add it to the key's routes"


def _unknown_operations(path: Path, key: _Toml, known: Collection[str]) -> Iterator[Fault]:
    named = key.get("operations")
    for index, pattern in enumerate(named if known and isinstance(named, list) else ()):
        if isinstance(pattern, str) and pattern and not any(matches(pattern, name) for name in known):
            yield (
                (*path, "operations", index),
                f"no operation is called {quoted(pattern)}{did_you_mean(pattern, known)}",
            )


def _shared_hashes(document: _Toml) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for path, key in _tables(document, "keys"):
        digest = key.get("hash")
        if isinstance(digest, str) and digest:
            owner = owners.setdefault(digest.lower(), str(path[-1]))
            if owner != path[-1]:
                yield (*path, "hash"), f"is the same as that of key {quoted(owner)}"


def _tables(parent: _Toml, name: str, path: Path = ()) -> Iterator[tuple[Path, _Toml]]:
    """The well-formed tables of [name.*], each with its path."""
    tables = parent.get(name)
    for key, table in tables.items() if isinstance(tables, dict) else ():
        if isinstance(table, dict):
            yield (*path, name, key), table
