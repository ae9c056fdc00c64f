"""Checks what rules say of other tables: versions, keys, tags. Works on the parsed file, like `references`."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from llmgateway.config.patterns import overlap
from llmgateway.config.problems import Fault, Path, did_you_mean, quoted

_Toml = Mapping[str, Any]


class Callers:
    """The keys, and which of them may use a route: found without asking each of thousands for each of thousands."""

    def __init__(self, keys: Mapping[str, _Toml]) -> None:
        self.keys = keys
        self._by_pattern: dict[str, dict[str, _Toml]] = {}
        for name, key in keys.items():
            patterns = key.get("routes", ["*"])
            for each in patterns if isinstance(patterns, list) else ["*"]:
                if isinstance(each, str):
                    self._by_pattern.setdefault(each, {})[name] = key
        self._wide = [pattern for pattern in self._by_pattern if "*" in pattern]

    def of(self, route: str) -> dict[str, _Toml]:
        """The keys that may use at least some of what `route` covers."""
        patterns = self._by_pattern if "*" in route else [route, *self._wide]
        allowed: dict[str, _Toml] = {}
        for pattern in patterns:
            if pattern == route or overlap(pattern, route):
                allowed.update(self._by_pattern.get(pattern, {}))
        return allowed


def of_rules(path: Path, route: _Toml, callers: Callers) -> Iterator[Fault]:
    """Find what the rules of the route at `path` name and nobody has, and names given twice."""
    if not _list(route.get("rules")):
        return
    keys, allowed = callers.keys, callers.of(str(path[-1]))
    versions = _table(route.get("versions"))
    names = set[str]()
    for index, rule in enumerate(_list(route.get("rules"))):
        if not isinstance(rule, dict):
            continue
        at = (*path, "rules", index)
        name = rule.get("name")
        if isinstance(name, str) and name in names:
            yield (*at, "name"), f"another rule of this route is called {quoted(name)} too"
        names.add(str(name))
        yield from _use((*at, "use"), _table(rule.get("use")), versions)
        when = _table(rule.get("when"))
        yield from _keys((*at, "when", "key"), _listed(when.get("key")), keys, allowed)
        yield from _tags((*at, "when", "key_tags"), _table(when.get("key_tags")), allowed)


def _use(path: Path, use: _Toml, versions: Collection[str]) -> Iterator[Fault]:
    for name in use:
        if name not in versions:
            yield (*path, name), f"no version of this route is called {quoted(name)}{did_you_mean(name, versions)}"
    weights = list(use.values())
    if weights and all(isinstance(weight, int | float) and weight == 0 for weight in weights):
        yield path, "no version has a weight above 0, so none would get traffic"


def _keys(path: Path, names: list[Any], keys: Collection[str], allowed: Collection[str]) -> Iterator[Fault]:
    for name in names:
        if not isinstance(name, str):
            continue
        if name not in keys:
            yield path, f"no key is called {quoted(name)}{did_you_mean(name, keys)}"
        elif name not in allowed:
            yield path, f"key {quoted(name)} may not use this route"


def _tags(path: Path, wanted: _Toml, keys: Mapping[str, _Toml]) -> Iterator[Fault]:
    """A tag that no key has is a slip of the pen: the rule could never hold."""
    tags = [_table(key.get("tags")) for key in keys.values()]
    known = {name for each in tags for name in each}
    for name, values in wanted.items():
        if name not in known:
            yield (*path, name), f"no key that may use this route has the tag {quoted(name)}{did_you_mean(name, known)}"
            continue
        there = {str(each[name]) for each in tags if name in each}
        for value in _listed(values):
            if isinstance(value, str) and value not in there:
                hint = did_you_mean(value, there)
                yield (*path, name), f"no key that may use this route has {quoted(value)} as this tag{hint}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _table(value: Any) -> _Toml:
    return value if isinstance(value, dict) else {}
