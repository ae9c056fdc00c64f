"""Labels before names in Japanese: what stands between them and a name, and lists of names behind one."""

from typing import Final

from llmgateway.guardrails.pii.runs import HAN, KATAKANA, compiled_wide, wide
from llmgateway.guardrails.pii.words_of_names import LABELS, LATIN_LABELS, NOT_LATIN_LABELS
from llmgateway.guardrails.pii.wordset import WordSet

_WHO: Final = frozenset("員役係師士長人官手")  # what those are called that do or are something ends with these
_WHICH: Final = frozenset("ABCDEFGH12345①②③④⑤")  # of several that are called alike: `当事者A`
_LONGEST_LATIN: Final = 12  # characters
_SPREAD: Final = 4  # characters of a label that blanks spread, as in `氏  名`
_LINKS: Final = " :=|「『【】[(\t\"'`*-→"
LISTED: Final = "、,・/と&"
_OTHERS: Final = compiled_wide(  # of a list of names
    rf"(?:[{HAN}{KATAKANA}ぁ-おか-のひ-ん ]{{1,10}}(?:\([^()]{{1,8}}\))?[{LISTED}] *){{1,8}}\z"
)
_BEFORE_LIST: Final = (*_LINKS, "は")
LEADING_ON: Final = frozenset(f"{_LINKS}{LISTED}はがを)>\n")


def is_labelled(before: str, labels: WordSet = LABELS) -> bool:
    """Whether what follows stands behind a label: `氏名:`, `<td>氏名</td><td>`, `"name": "`, `出席者は佐藤、`."""
    if before[-1:] not in LEADING_ON:
        return False
    if before.rstrip(" ")[-1:] not in LISTED:
        return _is_label(before, labels)
    if not any(sign in before for sign in _BEFORE_LIST):
        return False
    raw = wide(before)
    others = _OTHERS.search(raw)
    if others is None:
        return False
    head = raw[: others.start()].decode()
    if head[-1:] in _BEFORE_LIST and _is_label(head, labels):
        return True
    begun, blank, _ = raw[others.start() :].decode().partition(" ")
    return bool(blank) and _is_label(f"{head}{begun} ", labels)


def _is_label(before: str, labels: WordSet) -> bool:
    if before[-1:] == ">" and _is_tag(before[before.rfind("<") + 1 : -1], labels):
        return True
    stem = _without_tags(before)
    if stem is before and stem[-1:] in ("は", "が", "を") and len(before) > 1:
        return labels.end(before[:-1])
    if stem == before and stem[-1:] != ")":
        return False
    bare = stem.removesuffix(")").rpartition("(")[0].rstrip() if stem.endswith(")") else stem
    if before[-1:] == "「":
        bare = bare.removesuffix("は")
    if labels.end(bare) or _is_written_otherwise(bare, labels):
        return True
    if labels is not LABELS:
        return False
    return (":" in before[len(stem) :] and bare[-1:] in _WHO) or _is_in_latin(stem[-_LONGEST_LATIN:])


def _is_written_otherwise(stem: str, labels: WordSet) -> bool:
    """Whether a label ends there that tells which one, or whose characters stand apart: `当事者A`, `氏  名`."""
    if stem[-1:] in _WHICH and labels.end(stem[:-1].rstrip()):
        return True
    return " " in stem[-_SPREAD:] and labels.end(stem[-2 * _SPREAD :].replace(" ", ""))


def _is_in_latin(stem: str) -> bool:
    latin = stem.lower()
    return LATIN_LABELS.end(latin) and not NOT_LATIN_LABELS.end(latin)


def _is_tag(name: str, labels: WordSet) -> bool:
    """Whether a tag is called by a label, as in `<staff>`."""
    return labels.end(name) or (labels is LABELS and _is_in_latin(name))


def _without_tags(before: str) -> str:
    """What is before the signs and tags that lead from a label to its value."""
    stem = before.rstrip(_LINKS)
    while stem.endswith(">"):
        stem = stem[: max(0, stem.rfind("<"))].rstrip(_LINKS)
    return stem.removesuffix("\n").rstrip(_LINKS) if stem.endswith("\n") else stem
