"""What rules say for an attack, in logits, by technique."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import ahocorasick_rs

from llmgateway.guardrails.injection.phrases import DELIMITERS, GROUPS, KANA, MISSPELT, PHRASES, RULES, Rule

MOST_DELIMITERS: Final = 4.0  # logits: chats are quoted in chats
DENSE: Final = 1.5  # octets for each character of a text that is Japanese
SHIFT: Final = 7  # buckets of 128 columns; three are weighed together
NEAR: Final = 64  # columns: about a sentence
LOOK: Final = 8  # groups before one that are looked at
SHORTEST: Final = 5  # characters of a phrase without its spaces: "act as" is in "contact as"

T = TypeVar("T")
Hit = tuple[str, int]  # a group of phrases, and the column where one of its phrases ends

_GROUPS_OF: Final = tuple(PHRASES.values())
_AUTOMATON: Final = ahocorasick_rs.AhoCorasick(list(PHRASES))
_RUN_ON: Final = {
    joined: groups
    for each, groups in PHRASES.items()
    if len(joined := each.replace(" ", "")) >= SHORTEST and MISSPELT not in groups
}
_GROUPS_OF_RUN_ON: Final = tuple(_RUN_ON.values())
_RUN_ONS: Final = ahocorasick_rs.AhoCorasick(list(_RUN_ON))
_GROUPS_OF_KANA: Final = tuple(KANA.values())
_KANA: Final = ahocorasick_rs.AhoCorasick(list(KANA))
_DELIMITERS: Final = ahocorasick_rs.AhoCorasick(list(DELIMITERS))
_WEIGHTS: Final = tuple(DELIMITERS.values())


def wide(words: str) -> int:
    """1 where a character of a plain text takes two columns, as a Japanese one does and says as much as two, else 0."""
    return int(len(words.encode()) > DENSE * len(words))


def hits(words: str) -> list[Hit]:
    """List the groups whose phrases a plain text has, each with the column where the phrase ends."""
    found = _AUTOMATON.find_matches_as_indexes(words, overlapping=True)
    shift = wide(words)
    return [(group, end << shift) for at, _, end in found for group in _GROUPS_OF[at]]


def near(named: Mapping[str, T]) -> dict[str, dict[str, T]]:
    """Order what is known of groups ("ignore") and of two of them ("ignore rules"), both ways round, for `pairs`."""
    table: dict[str, dict[str, T]] = {group: {} for group in GROUPS}
    for name, known in named.items():
        one, _, other = name.partition(" ")
        table[one][other] = known
        if other:
            table[other][one] = known
    return table


def pairs(found: Sequence[Hit], near: Mapping[str, Mapping[str, T]]) -> list[tuple[T, int]]:
    """What `near` has of each group ("" for itself) and of each two close together; where the later ends."""
    heard: list[tuple[T, int]] = []
    recent: deque[Hit] = deque(maxlen=LOOK)
    for group, end in found:
        known = near[group]
        if "" in known:
            heard.append((known[""], end))
        heard += [(known[other], end) for other, before in recent if other in known and end - before < NEAR]
        recent.append((group, end))
    return heard


def run_on_hits(letters: str) -> list[Hit]:
    """The same for a text that has lost its spaces."""
    found = _RUN_ONS.find_matches_as_indexes(letters, overlapping=True)
    return [(group, end) for at, _, end in found for group in _GROUPS_OF_RUN_ON[at]]


def kana_hits(words: str) -> list[Hit]:
    """The same for a text whose Japanese is all in hiragana."""
    found = _KANA.find_matches_as_indexes(words, overlapping=True)
    return [(group, end) for at, _, end in found for group in _GROUPS_OF_KANA[at]]


def rules(words: str) -> dict[str, float]:
    """Sum what rules say of a plain text, by technique."""
    return weighed(hits(words))


def weighed(found: Sequence[Hit]) -> dict[str, float]:
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


def _holds(rule: Rule, found: Iterable[Hit]) -> bool:
    """Whether all groups of a rule end within its reach somewhere."""
    last: dict[str, int] = {}
    for group, end in found:
        if group in rule.groups:
            last[group] = end
            if len(last) == len(rule.groups) and end - min(last.values()) < rule.within:
                return True
    return False
