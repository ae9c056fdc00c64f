"""How a refusal is known: by why an answer ended, or by what it begins with, in English and Japanese. Pure."""

from collections.abc import Collection
from typing import Final
from unicodedata import normalize

import re2

REASONS: Final = frozenset({"content_filter", "refusal", "safety"})
"""Finish reasons that say so."""

_LOOKED_AT: Final = 400  # characters: a refusal comes first
_CANT: Final = r"(?:can(?:no|')?t|can not|could ?n'?o?t|won'?t|will not|(?:am|'m) (?:not able|unable)|am not allowed)"
_DO: Final = (
    r"(?:help|assist|comply|provide|answer|discuss|do that|do this|fulfil+|support|engage|create|generate|share|"
    r"write|participate|continue|give|offer)"
)
_SORRY: Final = r"\bi(?:'?m| am)? ?(?:really |very )?(?:sorry|afraid)"
_REFRAIN: Final = r"(?:(?:いた|致)?し?かね(?:ます|る)|お断り(?:し|いた|致|させ)|(?:差し)?控え(?:ます|る|させ|たく))"
_PHRASES: Final = (
    rf"\bi(?: really| simply| just)? ?{_CANT}(?: be able)?(?: to)? {_DO}\b",
    r"\bi(?: must|'ll have to| have to| need to) (?:decline|refuse)\b",
    rf"{_SORRY},? but (?:i|this|that|it)\b[^.!?]{{0,40}}(?:n't|not|unable)",
    rf"{_SORRY}(?:,|[.!] (?:but )?i|[^.!?]{{0,60}}\b(?:i|we|this|that|it))(?: am|'m| is)?(?: really| simply| just)? "
    r"(?:can(?:no|')?t|can not|unable|not able)\b",
    r"\b(?:as an ai|as a language model)\b.{0,80}(?:n't|cannot|not|unable)",
    r"\b(?:against|violates?) (?:my|our|the) (?:content |usage |safety )?(?:guidelines|polic)",
    rf"(?:申し訳|すみません|恐れ入り|残念)[^。]{{0,80}}(?:。[^。]{{0,60}})?(?:(?:でき|出来)ません|{_REFRAIN})",
    r"(?:お答え|お手伝い|ご回答|回答|ご提供|提供|対応|ご案内|お応え|支援|お教え|ご協力)(?:する|を|は|に|が|も|こと|すること|の)*"
    rf"(?:(?:でき|出来)(?:ません|ない(?:[のん]?です|。|$))|{_REFRAIN})",
    rf"(?:ご要望|ご依頼|リクエスト|ご質問)に(?:は)?(?:お|応|答)[^。]{{0,10}}(?:(?:でき|出来)ません|{_REFRAIN})",
)
_IDIOMS: Final = re2.compile(
    rf"\b{_CANT} help (?:but|it|myself|feeling|thinking|noticing|wondering|laughing|smiling)\b"
)  # nobody is refused anything
_REFUSES: Final = re2.compile("|".join(_PHRASES))


def declines(answer: str, more: Collection[str] = ()) -> bool:
    """Whether an answer begins with words that decline, or with one of `more`, which are `plain`."""
    head = plain(answer[:_LOOKED_AT])
    return _says_no(head) or any(each in head for each in more)


def _says_no(head: str) -> bool:
    return _REFUSES.search(head) is not None and _REFUSES.search(_IDIOMS.sub("", head)) is not None


def plain(text: str) -> str:
    """Small letters, straight apostrophes, single blanks, and no halves of surrogate pairs."""
    folded = normalize("NFKC", text.encode("utf-8", "replace").decode()).lower().replace("\u2019", "'")
    return " ".join(folded.split())
