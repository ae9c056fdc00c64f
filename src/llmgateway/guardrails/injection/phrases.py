"""The tables of `phrases.toml`, read once: groups of phrases, rules over groups, and the marks between turns."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final, NamedTuple


class Rule(NamedTuple):
    """Groups that, all within so many characters, speak for a technique, with a weight in logits."""

    groups: frozenset[str]
    within: int
    weight: float
    technique: str


def _bounded(phrase: str) -> str:
    """A phrase as it stands in a plain text, where words have a space on both sides."""
    if not phrase[0].isascii():
        return phrase
    if phrase.endswith("*"):
        return f" {phrase[:-1]}"
    return f" {phrase} " if phrase.isascii() else phrase


_TABLES: Final[Mapping[str, Any]] = tomllib.loads(files(__package__).joinpath("phrases.toml").read_text("utf-8"))


def _phrases() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group, many in _TABLES["groups"].items():
        for phrase in {_bounded(" ".join(each.split())): None for each in many.split(",")}:
            found[phrase] = (*found.get(phrase, ()), group)
    return found


GROUPS: Final = tuple(sorted(_TABLES["groups"]))
PHRASES: Final[Mapping[str, tuple[str, ...]]] = _phrases()
"""Each phrase with its groups."""

RULES: Final = tuple(
    Rule(frozenset(groups.split()), within, weight, technique)
    for groups, within, weight, technique in _TABLES["rules"]["table"]
)
DELIMITERS: Final[Mapping[str, float]] = _TABLES["delimiters"]
