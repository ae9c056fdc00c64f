"""Passwords of several words, in quotes behind what calls them so: `PASSWORD="correct horse battery staple"`.

Forms and messages say much in the same place (`"password": "Enter your new password"`): their words tell them apart.
"""

from collections.abc import Sequence
from typing import Final

from llmgateway.guardrails.secrets.context import CLOSE, PASSWORD, SUFFIX
from llmgateway.guardrails.secrets.scan import Candidate, Scan, compiled
from llmgateway.guardrails.secrets.wording import OF_MESSAGES
from llmgateway.wire.view import SEPARATOR, View

_LONGEST: Final = 80  # characters of one
_NAME: Final = rb"(?i:passw(?:or)?d|passphrase|pwd)" + SUFFIX + CLOSE + rb"[ \t]{0,3}(?::=|=>|[:=])[ \t]{0,3}"
_SIGN: Final = rb"!#-&(->@-\[\]-~\x1a"  # no quotes, no backslash, nothing that is not ASCII
_WORDS: Final = rb"[" + _SIGN + rb"]+"
_INSIDE: Final = _WORDS + rb"(?: " + _WORDS + rb"){1,11}"
_PHRASE: Final = compiled(_NAME + rb"(?:\"(" + _INSIDE + rb")\"|'(" + _INSIDE + rb")')")
_QUOTED: Final = compiled(_NAME + rb"[\"']" + _WORDS + rb" ")
_OPEN: Final = compiled(_NAME + rb"[\"']([" + _SIGN + rb" ]{1,%d})\z" % _LONGEST)
_SIGNS_BEFORE: Final = (b":", b"=", b">")
_NEAR: Final = 64  # characters of a name and what leads from it to a value
_BACK: Final = _LONGEST + _NEAR
_FEWEST: Final = 4  # words of nothing but small letters
_SIGNS: Final = b"0123456789!#$%^&+=~"
_PUNCTUATION: Final = b".,:;!?()[]{}<>*%\x1a"


def opening(view: View) -> int:
    """Where a password of several words begins that is not closed yet; the text's end if none is open."""
    octets = view.octets
    low = max(0, len(octets) - _BACK)
    quote = max(octets.rfind(b'"', low), octets.rfind(b"'", low))
    if quote < 0 or octets[low:quote].rstrip(b" \t")[-1:] not in _SIGNS_BEFORE:
        return len(octets)
    found = _OPEN.search(octets, max(low, octets.rfind(SEPARATOR.encode(), low) + 1))
    words = found.group(1).split(b" ") if found else []
    return found.start(1) if found and len(words) > 1 and _may_be(words[:-1]) else len(octets)


def detect(scan: Scan, at: int) -> Candidate | None:
    """The password of several words that stands in quotes behind the word at `at`."""
    near = scan.octets[at : at + _NEAR]
    if b'"' not in near and b"'" not in near:
        return None
    found = _PHRASE.match(scan.octets, at) if _QUOTED.ends(scan.octets, at) >= 0 else None
    if found is None:
        return None
    start, end = max(found.span(1), found.span(2))
    if end - start > _LONGEST or not _is_phrase(scan.octets[start:end]):
        return None
    return Candidate(start, 1, end, PASSWORD, 0.8)


def _is_phrase(value: bytes) -> bool:
    """Many plain words, or some with a digit or a sign among them; and nothing that messages say."""
    words = value.split(b" ")
    if not _may_be(words):
        return False
    if len(words) >= _FEWEST and all(word.isalpha() and word.islower() and len(word) > 2 for word in words):
        return True
    return len(value.translate(None, _SIGNS)) < len(value) and len(value) >= 10


def _may_be(words: Sequence[bytes]) -> bool:
    """Whether none of them is one that messages have."""
    return not any(word.strip(_PUNCTUATION).lower() in OF_MESSAGES for word in words)
