"""A quick look at the end of a text: whether a value may be there that words behind it may call a secret.

One expression that is read from the end, for all that look there more closely: it takes whatever one of them may take.
"""

from collections.abc import Sequence
from typing import Final

from llmgateway.guardrails.secrets import behind, clauses, codes
from llmgateway.wire.expression import Expression, begun
from llmgateway.wire.view import View

_BACK: Final = 176  # characters of a value and of words behind it: more than any of them looks at


def _led(links: Sequence[str]) -> str:
    """What words lead on, as far as they go: one of these, and more words."""
    return rf"(?:{begun(links)}|(?:{'|'.join(links)}) [A-Za-z0-9' -]*)?"


_DIGIT: Final = r"(?:[0-9]|-[A-Za-z0-9]{4})"  # or groups of letters
_VALUE: Final = rf"{_DIGIT}[!-~]*"  # the end of one
_MIXED: Final = rf"(?:[a-z][!-~]*{_VALUE}|{_DIGIT}[!-~]*[a-z][!-~]*)"
_CALLED: Final = rf"(?i:{_led((*behind.LINKS, *codes.LINKS))}|\([A-Za-z -]*)"
_JAPANESE: Final = r"[をがは](?:[^\x00-\x7f]|[? A-Za-z-])*"
_MAY_BE: Final = Expression(
    rf"(?:{_VALUE}[」』】]*(?: {_CALLED}|[ 」』】]*{_JAPANESE})?|"
    rf"{_MIXED}(?: {_led(clauses.LINKING)}| ?(?:[^\x00-\x7f、。]|\?)*))\z".encode(),
    latin=False,
)


def may_be(view: View) -> bool:
    """Whether such a value may be there."""
    return view.hides or _MAY_BE.place(view.folded[-_BACK:].encode("utf-8", "replace"))[0] >= 0
