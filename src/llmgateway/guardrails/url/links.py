"""Where links begin, what loads them, and how far they go, in Markdown, HTML, CSS and plain text."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import re2

from llmgateway.wire.regex_ahead import unfinished
from llmgateway.wire.regex_syntax import parse
from llmgateway.wire.view import SEPARATOR, View

LEAD: Final = 64  # characters that may stand before a link without a blank, as in "(see:https://…"
AROUND: Final = 250  # characters before a link that tell what it is for
RUN: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#@!$&*+,;=%"
"""What a link consists of after its host."""

_BEGIN: Final = (
    r"(?i)(?:https?|ftp|wss?):[/\\]*|[/\\]{2,}|www\.|(?:java|vb)script:[!->@-~]|data:[a-z]{1,20}/[a-z0-9.+-]{1,60}[;,]"
)
_BEFORE_BARE: Final = (
    r"(?i)(?:\]\([ \t]{0,3}<?|\]:[ \t]{1,3}<?|\burl\([\"']?"
    r"|\b(?:src|href|srcset|poster|background|action|data)[ \t]{0,3}=[ \t]{0,3}[\"']?)\z"
)
_OPENERS: Final = "(<\"'="
_LOADING: Final = ("img", "image", "source", "video", "audio", "iframe", "embed", "object", "script", "link", "input")


def compiled(expression: str) -> "re2._Regexp":
    """An expression over octets without groups."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # one byte a character
    options.never_capture = True
    return re2.compile(expression.encode(), options)


_LINK: Final = compiled(_BEGIN)
_UNFINISHED: Final = compiled(f"(?:{unfinished(parse(_BEGIN))})\\z")
_BARE: Final = compiled(_BEFORE_BARE)
_LONGEST_BEGIN: Final = 100


class Link(NamedTuple):
    """Where a link begins, where its host would (`start` itself for www.), and how it begins, in small letters."""

    start: int
    host: int
    scheme: str


def links(view: View, base: int = 0) -> Iterator[Link]:
    """Give the links that begin at `base` or later; one that stands inside another, as in a query, is not one."""
    text = view.folded
    last = -1
    for found in _LINK.finditer(view.octets, base):
        start, end = found.span()
        lead = _lead(text, start)
        if lead <= LEAD and last < start - lead and _begins(view, start, end):
            last = start
            scheme = text[start:end].lower().rstrip("/\\")
            yield Link(start, start if scheme == "www." else end, scheme)


def unfinished_link(view: View) -> int:
    """Give where a link may be about to begin at the text's end, else the end."""
    text, size = view.folded, len(view.text)
    near = max(0, size - _LONGEST_BEGIN)
    tail = view.octets[near:]
    at = 0
    while (at := _UNFINISHED.search(tail, at).start()) < len(tail):
        if not _goes_on_before(text, near + at):
            break
        at += 1
    return near + at


def run_end(text: str, at: int) -> int:
    """Give where the characters end, from `at` on, that a link consists of."""
    while piece := text[at : at + 1024]:
        rest = piece.lstrip(RUN)
        if rest:
            return at + len(piece) - len(rest)
        at += len(piece)
    return at


def is_loaded(view: View, start: int) -> bool:
    """Tell whether what shows the text fetches the link at `start` by itself: images, and what else a page loads."""
    before = view.folded[max(0, start - AROUND) : start].rpartition(SEPARATOR)[2].rstrip(" \t<")
    return _in_markdown_image(before) or _in_loading_tag(before) or before.rstrip("\"'").lower().endswith("url(")


def _in_markdown_image(before: str) -> bool:
    """`![alt](`, or the definition `[name]:` that an image elsewhere may refer to; `[^1]:` is a footnote."""
    if before.endswith("]:"):
        return "[^" not in before[before.rfind("[") :]
    begin = before.rfind("![")
    return begin >= 0 and before.endswith("](") and before.find("](", begin) == len(before) - 2


def _in_loading_tag(before: str) -> bool:
    inside = before[before.rfind("<") + 1 :] if "<" in before else ""
    return inside.lower().startswith(_LOADING) and ">" not in inside


def _lead(text: str, start: int) -> int:
    """Count the characters before a link that stand in one run with it, up to one more than there may be."""
    before = text[max(0, start - LEAD - 1) : start]
    return len(before) - len(before.rstrip(RUN))


def _begins(view: View, start: int, end: int) -> bool:
    text = view.folded
    if text[start] in "/\\":
        return _BARE.search(view.octets[max(0, start - 40) : start]) is not None
    if text[end - 1] == ":" and (not start or text[start - 1] not in _OPENERS):
        return False  # browsers need no slashes, but "https:" alone in prose is only a word
    return not _goes_on_before(text, start)


def _goes_on_before(text: str, start: int) -> bool:
    """Tell whether a name stands right before, as in xhttp: slashes alone may follow one."""
    return start > 0 and text[start] not in "/\\" and text[start - 1].isascii() and text[start - 1].isalnum()
