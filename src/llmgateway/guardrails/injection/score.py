"""How much a text speaks for an attack, in logits, and for which technique."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import ahocorasick_rs

from llmgateway.guardrails.injection.phrases import DELIMITERS, GROUPS, PHRASES, RULES, Rule

MOST_DELIMITERS: Final = 4.0  # logits: chats are quoted in chats


class Evidence(NamedTuple):
    """The sum of what speaks for an attack, and the technique that most of it is about ("" for none)."""

    logit: float
    technique: str = ""


_GROUP_OF: Final = tuple(PHRASES.values())
_AUTOMATON: Final = ahocorasick_rs.AhoCorasick(list(PHRASES))
_RULES_OF: Final[Mapping[str, tuple[Rule, ...]]] = {
    group: tuple(rule for rule in RULES if group in rule.groups) for group in GROUPS
}
_DELIMITERS: Final = ahocorasick_rs.AhoCorasick(list(DELIMITERS))
_WEIGHTS: Final = tuple(DELIMITERS.values())


def groups(words: str) -> list[tuple[str, int]]:
    """List the groups whose phrases a plain text has, each with the place where the phrase ends."""
    return [(_GROUP_OF[at], end) for at, _, end in _AUTOMATON.find_matches_as_indexes(words, overlapping=True)]


def rules(words: str) -> dict[str, float]:
    """Sum what rules say of a plain text, by technique."""
    found = _fired(groups(words))
    logits: dict[str, float] = {}
    for rule in found:
        logits[rule.technique] = logits.get(rule.technique, 0.0) + rule.weight
    return logits


def delimiters(text: str) -> float:
    """What a lower-case text has of the marks between turns, which belong to whoever writes the prompt."""
    if "<" not in text and "[" not in text and ":" not in text and "#" not in text:
        return 0.0
    found = {at for at, _, _ in _DELIMITERS.find_matches_as_indexes(text)}
    return min(MOST_DELIMITERS, sum(_WEIGHTS[each] for each in found))


def _fired(hits: list[tuple[str, int]]) -> set[Rule]:
    last: dict[str, int] = {}
    found: set[Rule] = set()
    for group, end in hits:
        last[group] = end
        for rule in _RULES_OF[group]:
            if rule not in found and all(end - last.get(each, -rule.within) < rule.within for each in rule.groups):
                found.add(rule)
    return found
