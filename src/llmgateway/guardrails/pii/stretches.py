"""The stretches of a text that stand behind labels of names: nothing else of it is read for what they are labels of."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from llmgateway.guardrails.pii.anchors import LONGEST_LABEL
from llmgateway.guardrails.pii.runs import wide
from llmgateway.wire.expression import Span
from llmgateway.wire.view import CONTEXT

LONGEST: Final = 40  # characters of a name in Japanese, with what is looked at behind it
_REACH: Final = CONTEXT + LONGEST  # characters from a label to the end of a name
_BEFORE: Final = 8  # characters before it that belong to it: of `first_name` three are known
BESIDE: Final = _REACH + LONGEST_LABEL + _BEFORE
"""Characters before a place in which a label may begin that matters there."""
_WHICH: Final = tuple("ABCDEFGH")  # of several that are called alike
_LEADING: Final = "はが・"  # of kana and the like, what stands between a label and a name


class Stretch(NamedTuple):
    """`text[start:end]`, and that as UTF-8; what is behind its end is no matter of a label before it."""

    start: int
    end: int
    raw: bytes


def stretches(text: str, low: int, labels: Iterable[Span]) -> Iterator[Stretch]:
    """Those of a folded text, from `low` on and none over another; `labels`: where labels stand, by their ends."""
    start, end = low, low
    for label, behind in labels:
        following = text[behind : behind + 1]
        if (following in _WHICH and not text[behind + 1 : behind + 2].isalnum()) or (
            following.isdigit() and text[behind + 1 : behind + 2] == ":"
        ):
            following = ""
        if following.isalnum() if following < "ぁ" else following <= "鿿" and following not in _LEADING:
            continue  # the label is only a part of a word
        if label - _BEFORE > end:
            if end > start:
                yield Stretch(start, end, wide(text[start:end]))
            start = label - _BEFORE
        end = behind + _REACH
    end = min(len(text), end)
    if end > start:
        yield Stretch(start, end, wide(text[start:end]))
