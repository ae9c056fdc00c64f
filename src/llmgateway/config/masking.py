"""Shows a configuration without its secrets: references as they are written, literals as `***`.

Which settings hold secrets is asked of the schema, so that a new one is masked from its first day on. What cannot be
masked is not shown: every function here fails closed.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from re import compile as regex
from typing import Any, Final, get_args

import tomlkit
from pydantic import BaseModel, SecretStr
from tomlkit.exceptions import TOMLKitError

from llmgateway.config import source
from llmgateway.config.problems import ConfigError, Fault, Path
from llmgateway.config.schema import Config

MASK: Final = "***"
CHANGED: Final = "*** (another)"  # in a diff: it was a literal before and is a different one now
_EACH: Final = "*"
_TRACEABLE: Final = 8  # a literal at least so long is masked wherever else it stands, in comments too
_TAIL: Final = regex(r"#[^\n]*")
_WHOLE_LINE: Final = regex(r"(?m)^[ \t]*#[^\n]*")
_ASSIGNED: Final = regex(r"""(\b(?:api_key|token)["']?\s*=\s*)(["'])(?!(?:env|file):)[^"'\n]*\2""")

Secrets = dict[Path, str]


class UnmaskableError(Exception):
    """The text can't be shown: its secrets can't be told from the rest."""


def secrets(document: Mapping[str, Any]) -> Secrets:
    """Every setting of a parsed file that holds a secret, as it is written: literal or reference."""
    found = (each for place in places() for each in _at(document, place, ()))
    return {path: value for path, value in found if isinstance(value, str) and value}


def literals(document: Mapping[str, Any]) -> Secrets:
    """Those that are written out."""
    return {path: value for path, value in secrets(document).items() if not is_reference(value)}


def is_reference(value: str) -> bool:
    return value.startswith(("env:", "file:"))


def masked(text: str, before: str | None = None) -> str:
    """The text with `***` for its literals; raises UnmaskableError.

    With the text `before`, a literal that has become another one shows as such: else a diff would not show it.
    """
    found = _literals_of(text)
    old = _literals_of(before) if before is not None else {}
    masks = {path: CHANGED if path in old and old[path] != value else MASK for path, value in found.items()}
    shown = written(text, masks)
    return _in_comments(shown, {value for value in (*found.values(), *old.values()) if len(value) >= _TRACEABLE})


def masked_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """A parsed file with `***` for its literals."""
    shown: dict[str, Any] = _copied(document)
    for *parents, last in literals(document):
        _table(shown, parents)[last] = MASK
    return shown


def unmasked(text: str, before: str) -> tuple[str, frozenset[Path], list[Fault]]:
    """Put the literals of `before` where the text has `***`: (the text, where that was done, where it can't be)."""
    asked = [path for path, value in _literals_of(text).items() if value in {MASK, CHANGED}]
    if not asked:
        return text, frozenset(), []
    try:
        known = _literals_of(before)
    except UnmaskableError:
        known = {}
    faults: list[Fault] = [(path, f'"{MASK}" stands for a secret that is not known here; write it, or a reference')
                           for path in asked if path not in known]  # fmt: skip
    restored = {path: known[path] for path in asked if path in known}
    return written(text, restored), frozenset(restored), faults


def written(text: str, values: Mapping[Path, str]) -> str:
    """The text with some settings' values replaced, all else as it was; raises UnmaskableError."""
    if not values:
        return text
    try:
        document = tomlkit.parse(text)
        wanted = tomllib.loads(text)
        for path, value in values.items():
            for root in (document, wanted):
                _table(root, path[:-1])[path[-1]] = value
        result = tomlkit.dumps(document)
        is_as_wanted = tomllib.loads(result) == wanted
    except (TOMLKitError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, RecursionError):
        raise UnmaskableError from None
    if not is_as_wanted:
        raise UnmaskableError
    return result


@cache
def places() -> tuple[Path, ...]:
    """Where the schema has secrets, as paths; `*` stands for any name."""
    return tuple(_places(Config, ()))


def _places(annotation: Any, path: Path) -> Iterator[Path]:
    if annotation is SecretStr:
        yield path
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield from _places(field.annotation, (*path, name))
    elif getattr(annotation, "__origin__", None) is dict:
        yield from _places(get_args(annotation)[1], (*path, _EACH))
    else:
        for inner in get_args(annotation):
            yield from _places(inner, path)


def _at(node: Any, place: Path, path: Path) -> Iterator[tuple[Path, Any]]:
    """What stands at a place, with its real path."""
    if not place:
        yield path, node
    elif isinstance(node, Mapping):
        for name in node if place[0] == _EACH else (place[0],):
            if name in node:
                yield from _at(node[name], place[1:], (*path, str(name)))


def _in_comments(text: str, values: Collection[str]) -> str:
    """Mask in comments, too. Whatever else has a # in it must mean the same afterwards."""
    for pattern in (_TAIL, _WHOLE_LINE):  # the second where a # in some value was taken for a comment
        shown = pattern.sub(lambda comment: _comment_masked(comment[0], values), text)
        if tomllib.loads(shown) == tomllib.loads(text):
            return shown
    raise UnmaskableError


def _comment_masked(comment: str, values: Collection[str]) -> str:
    for value in values:
        comment = comment.replace(value, MASK)
    return _ASSIGNED.sub(rf"\1\2{MASK}\2", comment)


def _literals_of(text: str) -> Secrets:
    try:
        return literals(source.parse(text, ""))
    except ConfigError:
        raise UnmaskableError from None


def _table(root: Any, path: Any) -> Any:
    for part in path:
        root = root[part]
    return root


def _copied(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _copied(inner) for name, inner in node.items()}
    return [_copied(inner) for inner in node] if isinstance(node, list) else node
