"""One text on its way through the detectors, and how far each of them may look.

What a stream can still change must be short, so every decision is made on little text: a token's on the first MAX_OPEN
characters of the segment (a run of TOKEN characters) that it stands in, a value's on its own first MAX_OPEN. Where that
much is a secret already, the rest of the run belongs to it, however long.
"""

from collections.abc import Callable
from string import ascii_letters, digits, printable
from typing import Final, NamedTuple

from llmgateway.ports.guardrail import MAX_OPEN
from llmgateway.wire.expression import Expression, Span
from llmgateway.wire.unseen import marked
from llmgateway.wire.view import CONTEXT, SEPARATOR, View

FOREIGN: Final = b"?"  # stands for every character that is not ASCII
_QUESTION: Final = "\x1a"  # stands for a question mark, so that FOREIGN is never one
GAP: Final = b"\x7f"  # stands for a character that nobody sees

TOKEN: Final = ascii_letters + digits + "_-./+=~%:"
_BREAKS: Final = set("\"'`\\?" + printable[-6:])
RUN: Final = "".join(each for each in printable if each not in _BREAKS) + "?" + _QUESTION
"""What a secret may consist of: the characters that keep a text's end open."""

_BREAKING: Final = bytes(0x2E if chr(each) in TOKEN else 0x20 for each in range(256))  # what ends a segment: blanks
_ALNUM: Final = frozenset((ascii_letters + digits).encode())
_ESCAPES: Final = frozenset(b"nrt")
_BACKSLASH: Final = 0x5C


Judge = Callable[[bytes], bool]
"""Whether a value can be a secret."""


class Candidate(NamedTuple):
    """What may be found; of two that overlap the one that sorts first is."""

    start: int
    rank: int  # the surer it is what it is, the lower
    end: int
    kind: str
    score: float


def compiled(pattern: bytes) -> Expression:
    """Compile for `Scan.octets`."""
    return Expression(pattern)


def of_class(characters: str) -> bytes:
    """The pattern that any one of these characters matches."""
    return b"[" + b"".join(b"\\x%02x" % ord(each) for each in sorted(set(characters))) + b"]"


TOKENS: Final = compiled(of_class(TOKEN) + b"*")
SIGN: Final = of_class("".join(each for each in RUN if each.encode() != FOREIGN))
"""Any one character of what streams hold back, but no letter of another alphabet."""


class Scan:
    """A text's octets, with each question mark told from what is not ASCII."""

    __slots__ = ("_breaks", "folded", "octets", "runs", "shown", "spans", "told", "values")

    def __init__(self, view: View) -> None:
        self._breaks: bytes | None = None
        self.runs: dict[int, Span] = {}  # which run of signs comes next, by where it was looked for
        self.shown: dict[int, Candidate | None] = {}  # what shows by itself that it is one, by where a run begins
        self.values: dict[int, tuple[int, bool]] = {}  # where a value ends (-1: it is too late), and whether it fills
        self.spans: dict[tuple[int, Judge], Span | None] = {}  # where a value is that was taken, by where one may begin
        self.told: dict[tuple[bytes, Judge], bool] = {}  # whether it was, wherever it stands
        self.folded = view.folded
        self.octets = view.octets
        if view.hides:
            plain = marked(self.folded.replace("?", _QUESTION), GAP.decode())
            self.octets = plain.encode("ascii", "replace")
        elif "?" in self.folded:
            self.octets = self.folded.replace("?", _QUESTION).encode("ascii", "replace")

    def begins(self, at: int) -> bool:
        """Whether a word may begin here: after no letter or digit, or after an escape such as \\n."""
        octets = self.octets
        if at == 0 or octets[at - 1] not in _ALNUM:
            return True
        return at > 1 and octets[at - 1] in _ESCAPES and octets[at - 2] == _BACKSLASH

    def limit(self, at: int) -> int:
        """Where the part of this segment ends that decides; not after `at` if nothing that begins there counts."""
        if self._breaks is None:
            self._breaks = self.octets.translate(_BREAKING)
        low = max(0, at - MAX_OPEN)
        return max(low, self._breaks.rfind(b" ", low, at) + 1) + MAX_OPEN

    def takes(self, judge: Judge, value: bytes) -> bool:
        """What `judge` says of a value: several words may name it, and a text may have it several times."""
        key = value, judge
        if key not in self.told:
            self.told[key] = judge(value)
        return self.told[key]

    def whole(self, end: int, limit: int) -> int:
        """Where something ends that the deciding part shows to `end`."""
        return end if end < limit else self.tokens(end)

    def tokens(self, at: int) -> int:
        """Where the segment that goes on at `at` ends."""
        return max(at, TOKENS.ends(self.octets, at))

    def before(self, at: int, length: int = CONTEXT) -> bytes:
        """The lower-case octets before `at`."""
        return self.octets[max(0, at - length) : at].rpartition(SEPARATOR.encode())[2].lower()


Detector = Callable[[Scan, int], Candidate | None]
"""Judges what a gate word at this place may be the beginning of."""
