"""Marks of Markdown and HTML within a value count for nothing: `**415**-555-0187`, `jane<b>@</b>example.com`."""

from typing import Final

from llmgateway.guardrails.pii.runs import GAP, compiled, replaced

_STRESS: Final = rb"(?:\*{1,3}|~~|`|__?)"
_TAG: Final = rb"<(?:/?(?:b|i|u|s|em|strong|span|mark|font|small|code|tt|wbr|a)/?|!--[ a-z]*--)>"
_TAGS: Final = rb"(?:" + _TAG + rb"){1,2}"
_SIGNS: Final = rb"[ ().-]"
_ANY: Final = compiled(
    rb"[0-9](?:" + _SIGNS + rb"{1,2}(?:" + _STRESS + rb"|" + _TAGS + rb")[(+]?[0-9]"
    rb"|(?:" + _STRESS + rb"|" + _TAGS + rb")" + _SIGNS + rb"{1,2}(?:" + _STRESS + rb"|" + _TAGS + rb")?[(+]?[0-9]"
    rb"|" + _TAGS + rb"[0-9])"
    rb"|[A-Za-z0-9](?:(?:" + _STRESS + rb"|" + _TAGS + rb"|\\)@(?:" + _STRESS + rb"|" + _TAGS + rb")?"
    rb"|@(?:" + _STRESS + rb"|" + _TAGS + rb"))[A-Za-z0-9]"
    rb"|[A-Za-z0-9]\\[_.+-][A-Za-z0-9]"
)
_MARK_OPEN: Final = rb"(?:[*~`_\\]|</?[a-z]*/?>?|<!-*[ a-z]*-*>?)"
IN_NUMBER: Final = _MARK_OPEN + rb"(?:" + _SIGNS + rb"|" + _MARK_OPEN + rb")*[(+]?"
"""The pattern of what may have more of a number behind it."""
IN_ADDRESS: Final = rb"[0-9A-Za-z]" + _MARK_OPEN + rb"*@?" + _MARK_OPEN + rb"*"
"""The same of an address, with the last letter before it."""
_PLAIN: Final = bytes.maketrans(b"*~`_\\", GAP * 5)


def plain(octets: bytes, low: int = 0) -> bytes:
    """The same with characters that count for nothing in the place of these marks, from `low` on."""
    return replaced(octets, _ANY.spans(octets, low), _without) if _has_any(octets) else octets


def _has_any(octets: bytes) -> bool:
    """Whether there is a sign that such marks are made of: one is looked for much faster than the patterns are."""
    return b"*" in octets or b"<" in octets or b"_" in octets or b"`" in octets or b"\\" in octets or b"~" in octets


def _without(piece: bytes) -> bytes:
    """A piece with characters that count for nothing in the place of its marks and tags."""
    texts = piece.split(b"<")
    for at, text in enumerate(texts[1:], 1):
        tag, _, behind = text.partition(b">")
        texts[at] = GAP * (len(tag) + 2) + behind
    return b"".join(texts).translate(_PLAIN)
