"""What a name in Japanese is looked for beside: family names, honorifics, labels. One pass finds all of them."""

from typing import Final, NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from llmgateway.guardrails.pii.surnames import SINGLE, SURNAMES
from llmgateway.guardrails.pii.words_of_names import CHILDREN, KIN, LABELS, RANKS, READINGS, SURE, TITLED
from llmgateway.wire.expression import Span
from llmgateway.wire.lexicon import hits

_KNOWN: Final = (*SURNAMES, *SINGLE)
_CALLS: Final = ("様", "さま", "さん", "氏", "殿", "くん", "ちゃん", "と申", "と名乗", *KIN, *CHILDREN, *TITLED, *RANKS)
_FIELDS: Final = (
    "ame",
    "AME",
    "kana",
    "gana",
    "Kana",
    "KANA",
    "セイ",
    "メイ",
    "普通",
    "当座",
    "貯蓄",
    "口座",
    "氏 名",
    "名 前",
)
_ALL_LABELS: Final = SURE.words | LABELS.words | READINGS.words
_LABELS: Final = (  # one that ends as another does would be found beside that one, and say no more
    *sorted(word for word in _ALL_LABELS if _ALL_LABELS.isdisjoint(word[size:] for size in range(1, len(word)))),
    *_FIELDS,
)
_FIRST_CALL: Final = len(_KNOWN)
_FIRST_LABEL: Final = _FIRST_CALL + len(_CALLS)
_AUTOMATON: Final = AhoCorasick((*_KNOWN, *_CALLS, *_LABELS), implementation=Implementation.ContiguousNFA)
LONGEST_LABEL: Final = max(map(len, _LABELS))


class Anchors(NamedTuple):
    """Where family names stand, and honorifics or what introduces somebody, and labels."""

    known: list[Span]
    calls: list[Span]
    labels: list[Span]


def anchors(text: str, low: int) -> Anchors | None:
    """All of them in a folded text, from `low` on; None if there is nothing."""
    found = hits(_AUTOMATON, text[low:] if low else text, overlapping=True)
    if not found:
        return None
    known: list[Span] = []
    calls: list[Span] = []
    labels: list[Span] = []
    for which, begin, end in found:
        kind = known if which < _FIRST_CALL else calls if which < _FIRST_LABEL else labels
        kind.append((low + begin, low + end))
    return Anchors(known, calls, labels)
