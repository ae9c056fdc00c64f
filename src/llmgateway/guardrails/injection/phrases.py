"""The tables of `phrases.toml`, read once: groups of phrases, rules over groups, and the marks between turns."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final, NamedTuple

from llmgateway.guardrails.injection.spelling import hiragana, slips


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
    return {**dict.fromkeys(SLIPS, (MISSPELT,)), **found}


def _kana() -> dict[str, tuple[str, ...]]:
    """The Japanese phrases in hiragana alone, and those that are words only where nothing else is written."""
    found = {hiragana(each): groups for each, groups in PHRASES.items() if not each.isascii()}
    for group, many in _TABLES["kana"].items():
        for phrase in many.split(","):
            found[phrase.strip()] = (*found.get(phrase.strip(), ()), group)
    return found


def _slips() -> dict[str, str]:
    words = "".join(_TABLES["misspelt"]["words"].split()).split(",")
    right = {*words, *"".join(_TABLES["misspelt"]["other_words"].split()).split(",")}
    return {f" {slip} ": word for word in words for slip in slips(word) if slip not in right}


MISSPELT: Final = "misspelt"
SLIPS: Final[Mapping[str, str]] = _slips()
"""Misspelt words, which are a group of their own, with what was meant."""

GROUPS: Final = tuple(sorted([*_TABLES["groups"], MISSPELT]))
PHRASES: Final[Mapping[str, tuple[str, ...]]] = _phrases()
"""Each phrase with its groups."""

KANA: Final[Mapping[str, tuple[str, ...]]] = _kana()
"""The same for texts in kana."""

RULES: Final = tuple(
    Rule(frozenset(groups.split()), within, weight, technique)
    for groups, within, weight, technique in _TABLES["rules"]["table"]
)
DELIMITERS: Final[Mapping[str, float]] = _TABLES["delimiters"]
