"""Changes one thing in a configuration's text and leaves the rest as people wrote it: comments, order, spaces.

What comes out is parsed and compared with what was wanted: an edit that went wrong is refused, never written.
"""

import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import tomlkit
from tomlkit.items import AoT, InlineTable, Table

from llmgateway.config import section, source
from llmgateway.config.masking import masked_document
from llmgateway.config.positions import Positions
from llmgateway.config.problems import ConfigError, Path, Problem, did_you_mean, dotted, quoted
from llmgateway.config.routenames import unknown_route

Toml = dict[str, Any]
_INLINE: Final = 60  # characters: a longer table gets lines of its own


class UnknownRouteError(Exception):
    """There is no such route; the message says which there are."""


class EditError(Exception):
    """The text can't be changed in place; the message says what to do."""


def routes_in(text: str, file: str) -> Toml:
    """The routes of a text as they are written; raises ConfigError where it is no TOML."""
    found = source.parse(text, file).get("routes")
    return found if isinstance(found, dict) else {}


def route_in(text: str, file: str, name: str) -> Toml:
    """One route's table as it is written; raises UnknownRouteError."""
    routes = routes_in(text, file)
    if not isinstance(routes.get(name), dict):
        raise UnknownRouteError(unknown_route(name, routes))
    return dict(routes[name])


def shown_route(text: str, file: str, name: str) -> Toml:
    """The same for showing: what may be a secret in it is masked."""
    route_in(text, file, name)
    route: Toml = masked_document(source.parse(text, file))["routes"][name]
    return route


def with_route(text: str, file: str, name: str, table: Toml) -> str:
    """The text with a route's table as given; what stays the same in it keeps its comments."""
    if place := _null(table, ()):
        _refuse(text, file, ("routes", name, *place), "null stands for nothing in TOML; leave the setting out")
    source.parse(text, file)

    def change(document: Any) -> None:
        if "routes" not in document:
            document["routes"] = tomlkit.table(is_super_table=True)
        _merge_member(document["routes"], name, table)

    def want(wanted: Toml) -> None:
        wanted.setdefault("routes", {})[name] = table

    if (span := section.of_route(text, name)) is not None:
        with suppress(EditError):
            return _edited(text, change, want, span)
    return _edited(text, change, want, (0, len(text)))


def with_patch(text: str, file: str, name: str, patch: Toml) -> str:
    """The text with a route changed as a JSON merge patch says (RFC 7396): null takes a setting out."""
    return with_route(text, file, name, merged(route_in(text, file, name), patch))


def with_weights(text: str, file: str, name: str, weights: Mapping[str, float]) -> str:
    """The text with other weights for some of a route's versions; raises ConfigError for one that is not there."""
    route = route_in(text, file, name)
    versions = route.get("versions")
    known = versions if isinstance(versions, dict) else {}
    for version in weights:
        if version not in known:
            reason = f"no version of this route is called {quoted(version)}{did_you_mean(version, known)}"
            _refuse(text, file, ("routes", name, "versions"), reason)
    patch = {"versions": {version: {"weight": _plain(weight)} for version, weight in weights.items()}}
    return with_route(text, file, name, merged(route, patch))


def merged(table: Toml, patch: Toml) -> Toml:
    """A table after a JSON merge patch."""
    result = dict(table)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            inner = result.get(name)
            result[name] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            result[name] = value
    return result


def _edited(text: str, change: Callable[[Any], None], want: Callable[[Toml], None], span: tuple[int, int]) -> str:
    """The text with what is within the span changed. tomlkit takes its time: it had better not see the whole file."""
    begin, end = span
    try:
        document = tomlkit.parse(text[begin:end])
        change(document)
        result = text[:begin] + _line_ends_of(text, tomlkit.dumps(document)) + text[end:]
        is_as_wanted = same(tomllib.loads(result), _after(text, want))
    except Exception:  # noqa: BLE001  tomlkit stumbles over odd files in many ways, and each means the same here
        is_as_wanted, result = False, ""
    if not is_as_wanted:
        raise EditError(
            "this file is written in a way that can't be changed in place; send the whole text, or edit it by hand"
        )
    return result


def _after(text: str, want: Callable[[Toml], None]) -> Toml:
    wanted = tomllib.loads(text)
    want(wanted)
    return wanted


def same(one: Any, other: Any) -> bool:
    """Equal, and true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return False
        return all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


def _merge_member(container: Any, name: str, value: Any) -> None:
    held = container.get(name)
    if isinstance(value, dict) and isinstance(held, dict) and (value or not _is_headless(held)):
        _merge(held, value)
    elif name not in container or not same(_unwrapped(held), value):
        container[name] = _item(value, is_inline=isinstance(container, InlineTable))


def _merge(container: Any, table: Toml) -> None:
    for name in [name for name in container if name not in table]:
        del container[name]
    for name, value in table.items():
        _merge_member(container, name, value)


def _is_headless(table: Any) -> bool:
    """Whether a table stands only in the headers of its inner ones: without those it would be gone."""
    return isinstance(table, Table) and table.is_super_table()


def _unwrapped(item: Any) -> Any:
    return item.unwrap() if hasattr(item, "unwrap") else item


def _item(value: Any, *, is_inline: bool) -> Any:
    """A value as TOML of its own. Small tables are inline, and so are those within inline tables and lists."""
    if isinstance(value, dict):
        return _table(value, is_inline=is_inline or (_is_flat(value) and len(str(value)) <= _INLINE))
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value) and not is_inline:
        tables: AoT = tomlkit.aot()
        for each in value:
            tables.append(_table(each, is_inline=False))
        return tables
    if isinstance(value, list):
        array = tomlkit.array()
        for each in value:
            array.append(_item(each, is_inline=True))
        return array
    return tomlkit.item(value)


def _table(members: Toml, *, is_inline: bool) -> InlineTable | Table:
    table: InlineTable | Table = tomlkit.inline_table() if is_inline else tomlkit.table()
    # Plain settings first: behind the header of an inner table they would belong to that one.
    for name, inner in sorted(members.items(), key=lambda each: isinstance(each[1], dict)):
        table[name] = _item(inner, is_inline=is_inline)
    return table


def _is_flat(table: Toml) -> bool:
    return not any(isinstance(each, dict) for each in table.values())


def _line_ends_of(text: str, result: str) -> str:
    """New lines end as the text's do."""
    if "\r\n" not in text:
        return result
    return result.replace("\r\n", "\n").replace("\n", "\r\n")


def _null(value: Any, path: Path) -> Path | None:
    """Where the first null stands, if any."""
    if value is None:
        return path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for name, each in members if (found := _null(each, (*path, name))) is not None), None)


def _plain(weight: float) -> float | int:
    return int(weight) if float(weight).is_integer() else weight


def _refuse(text: str, file: str, path: Path, reason: str) -> None:
    raise ConfigError([Problem(file, Positions(text).line(path), dotted(path), reason)])
