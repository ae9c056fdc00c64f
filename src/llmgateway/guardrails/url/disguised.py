"""Links whose beginning is written otherwise than it is read: Markdown and HTML resolve references and escapes in them,
and browsers leave out tabs and line ends. Where they lead nobody has to understand, so that they can be refused.
"""

from collections.abc import Iterator
from typing import Final

from llmgateway.guardrails.url.links import Link, compiled
from llmgateway.wire.regex_ahead import unfinished
from llmgateway.wire.regex_syntax import parse
from llmgateway.wire.view import View

_OPENED: Final = (
    r"(?i)(?:\]\([ \t\n]{0,3}<?|\]:[ \t\n]{1,3}<?|\burl\([\"']?"
    r"|\b(?:src|href|srcset|poster|background|action|data)[ \t\n]{0,3}=[ \t\n]{0,3}[\"']?)"
)
_REFERENCE: Final = r"&(?:#x?[0-9a-f]{1,8}|colon|sol|bsol|tab|newline|period|commat)"
_ESCAPE: Final = r"\\[:/&]"
_GAP: Final = r"[\t\r\n][a-z\t\r\n]{0,12}[:/\\]"
_ODD: Final = rf"(?i)[a-z]{{0,10}}[:/\\]{{0,3}}(?:{_REFERENCE}|{_ESCAPE}|{_GAP})"
_LINK: Final = compiled(_OPENED + _ODD.removeprefix("(?i)"))
_HEAD: Final = compiled(_OPENED)
_UNFINISHED: Final = compiled(_OPENED + rf"(?:{unfinished(parse(_ODD))})\z")
_NEAR: Final = 100  # characters of a link that is about to begin, with what opens it


def disguised(view: View, base: int = 0) -> Iterator[Link]:
    """Give the links that begin so at `base` or later."""
    for found in _LINK.finditer(view.octets, base):
        head = _HEAD.match(view.octets, found.start())
        assert head is not None  # the other begins with it
        yield Link(head.end(), found.end(), "")


def unfinished_disguise(view: View) -> int:
    """Give where such a link may be about to begin at the text's end, with what opens it; else the end."""
    near = max(0, len(view.text) - _NEAR)
    found = _UNFINISHED.search(view.octets, near)
    return found.start() if found is not None else len(view.text)
