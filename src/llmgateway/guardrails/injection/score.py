"""What rules say for an attack, in logits, by technique."""

from collections.abc import Iterable
from typing import Final

import ahocorasick_rs

from llmgateway.guardrails.injection.phrases import DELIMITERS, PHRASES, RULES, Rule

MOST_DELIMITERS: Final = 4.0  # logits: chats are quoted in chats
SHORTEST: Final = 5  # characters of a phrase without its spaces: "act as" is in "contact as"

_GROUP_OF: Final = tuple(PHRASES.values())
_AUTOMATON: Final = ahocorasick_rs.AhoCorasick(list(PHRASES))
_RUN_ON: Final = {joined: group for each, group in PHRASES.items() if len(joined := each.replace(" ", "")) >= SHORTEST}
_GROUP_OF_RUN_ON: Final = tuple(_RUN_ON.values())
_RUN_ONS: Final = ahocorasick_rs.AhoCorasick(list(_RUN_ON))
_DELIMITERS: Final = ahocorasick_rs.AhoCorasick(list(DELIMITERS))
_WEIGHTS: Final = tuple(DELIMITERS.values())


def hits(words: str) -> list[tuple[str, int]]:
    """List the groups whose phrases a plain text has, each with the place where the phrase ends."""
    return [(_GROUP_OF[at], end) for at, _, end in _AUTOMATON.find_matches_as_indexes(words, overlapping=True)]


def run_on_hits(letters: str) -> list[tuple[str, int]]:
    """The same for a text that has lost its spaces."""
    found = _RUN_ONS.find_matches_as_indexes(letters, overlapping=True)
    return [(_GROUP_OF_RUN_ON[at], end) for at, _, end in found]


def rules(words: str) -> dict[str, float]:
    """Sum what rules say of a plain text, by technique."""
    return weighed(hits(words))


def weighed(found: list[tuple[str, int]]) -> dict[str, float]:
    """Sum the weights of the rules that hold, each once, by technique."""
    present = {group for group, _ in found}
    possible = [rule for rule in RULES if rule.groups <= present]
    logits: dict[str, float] = {}
    for rule in possible:
        if _holds(rule, found):
            logits[rule.technique] = logits.get(rule.technique, 0.0) + rule.weight
    return logits


def delimiters(text: str) -> float:
    """What a lower-case text has of the marks between turns, which belong to whoever writes the prompt."""
    if "<" not in text and "[" not in text and ":" not in text and "#" not in text and "=" not in text:
        return 0.0
    found = {at for at, _, _ in _DELIMITERS.find_matches_as_indexes(text)}
    return min(MOST_DELIMITERS, sum(_WEIGHTS[each] for each in found))


def _holds(rule: Rule, found: Iterable[tuple[str, int]]) -> bool:
    """Whether all groups of a rule end within its reach somewhere."""
    last: dict[str, int] = {}
    for group, end in found:
        if group in rule.groups:
            last[group] = end
            if len(last) == len(rule.groups) and end - min(last.values()) < rule.within:
                return True
    return False
