"""Runs of characters in which values are looked for, and the plain form that disguised ones are brought to.

A run is the longest stretch of one class of characters, so where it begins and ends does not depend on where one starts
to read. A run longer than LONGEST holds no value: that bounds what a stream holds back, and what a finding looks at.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from llmgateway.domain.verdict import Finding
from llmgateway.wire.expression import Expression, Span
from llmgateway.wire.unseen import SIGHT, marked
from llmgateway.wire.view import View

LONGEST: Final = 100
_LONGEST_HIDDEN: Final = 148  # with what stands for nothing in it
HAN: Final = "一-鿿々"  # ranges, for \\p{Han} and the like make patterns a hundred times as large
KATAKANA: Final = "ァ-ヺー"
KANJI_DIGITS: Final = "〇一二三四五六七八九"
DIGITS: Final = b"0123456789"
NO_DIGITS: Final = bytes(sorted(set(range(256)) - set(DIGITS)))
GAP: Final = b"\x7f"  # stands for an invisible character: belongs to every run, and to no value
_PLAIN: Final = {**{ord(digit): 0x30 + at for at, digit in enumerate(KANJI_DIGITS)}, 0x96F6: 0x30, 0x30FC: 0x2D}


def compiled(pattern: bytes, *, longest: bool = False) -> Expression:
    """Compile a pattern for octets; of alternatives the first one counts, or the longest."""
    return Expression(pattern, longest=longest)


def compiled_wide(pattern: str) -> Expression:
    """Compile a pattern for texts that were encoded as UTF-8."""
    return Expression(pattern.encode(), latin=False)


_BARS: Final = "ーｰの・·•‧∙"  # what stands for a hyphen: the key for it writes among kana, and how one says it aloud
_STARS: Final = "☆★◎◆●"  # what stands for the sign of an address
_INSIDE: Final = r"at|AT|At|@|dot|DOT|Dot|\.|アット|ドット|アットマーク|あっと|どっと"
_DISGUISED: Final = compiled_wide(
    f"{SIGHT}|[{KANJI_DIGITS}零]{{2}}|アット|ドット|[0-9][{_BARS}][0-9]"
    rf"|[A-Za-z0-9_][{_STARS}][A-Za-z0-9]|【(?:{_INSIDE})】|[(\[](?:あっと|どっと)"
)
_STAR: Final = re.compile(f"(?<=[A-Za-z0-9_])[{_STARS}](?=[A-Za-z0-9])")
_BRACKETED: Final = re.compile(f"【({_INSIDE})】")
_BAR: Final = re.compile(f"(?<=[0-9])[{_BARS}](?=[0-9])")
_KANJI_NUMBER: Final = compiled_wide(f"[{KANJI_DIGITS}零]{{2,}}(?:[ー()の -][{KANJI_DIGITS}零]+)*")
KANJI_OPEN: Final = rf"[A-Za-z0-9+(@.:% -]{{0,60}}[{KANJI_DIGITS}零][{KANJI_DIGITS}零0-9ー()の A-Za-z./-]{{0,60}}\z"
_SPOKEN: Final = {"アットマーク": ("at    ", "[@   ]"), "アット": ("at ", "[@]"), "ドット": ("dot", "[.]")}
_WORDS: Final = (
    *((f"{bracket}{word}", f"{bracket}{inside}") for word, (inside, _) in _SPOKEN.items() for bracket in "(["),
    *((word, alone) for word, (_, alone) in _SPOKEN.items()),
    *((f"{bracket}あっと", f"{bracket}at ") for bracket in "(["),
    *((f"{bracket}どっと", f"{bracket}dot") for bracket in "(["),
)
_SPACED: Final = compiled(
    rb"\b(?:(?:(?:[0-9] ){8,}|(?:[0-9]-){8,}|(?:[0-9]\.){8,})[0-9]"
    rb"|[0-9](?: [0-9]){1,5}(?:(?:  | - )[0-9](?: [0-9]){1,16}){1,4})\b"
)
_BESIDE: Final = 12  # characters beside a run, of which some may stand for nothing
_FEWEST_GAPS: Final = 8
_SAID: Final = 2.5  # characters of a digit and more, where somebody hides what he says


def wide(text: str) -> bytes:
    """Encode for patterns of `compiled_wide`: every character counts once, the ones that cannot be encoded too."""
    return text.encode("utf-8", "replace")


def matches(pattern: Expression, raw: bytes, low: int = 0) -> Iterator[Span]:
    """Where a wide pattern matches in what `wide` gave of a text from `low` on, in code points of the text."""
    seen = 0
    for begin, end in pattern.spans(raw):
        low += len(raw[seen:begin].decode())
        seen = end
        yield low, (low := low + len(raw[begin:end].decode()))


def groups(pattern: Expression, raw: bytes, low: int = 0) -> Iterator[tuple[int, int, int]]:
    """The same of a pattern's groups, one of which has a part in each match, and which one: from 1 on.

    The next match may begin where that group ends.
    """
    at = 0
    while (found := pattern.search(raw, at)) is not None:
        which = found.chosen()
        begin, end = found.span(which)
        low += len(raw[at:begin].decode())
        at = end
        yield which, low, (low := low + len(raw[begin:end].decode()))


def plain(view: View, low: int, raw: bytes) -> bytes:
    """The text's octets, but numbers in kanji are digits, long marks between digits are hyphens, and each invisible
    character is one control character.

    `raw`: the text from `low` on, as `wide` gives it; nothing if it is ASCII.
    """
    if not raw or _DISGUISED.place(raw)[0] < 0:
        return view.octets
    text = _BRACKETED.sub(r"[\1]", _STAR.sub("@", _BAR.sub("-", view.folded)))
    if view.hides:
        text = marked(text, GAP.decode())
    for word, sign in _WORDS:
        text = text.replace(word, sign)
    return _with_digits(text, low).encode("ascii", "replace")


def _with_digits(text: str, low: int) -> str:
    """The text with digits for its numbers in kanji, from `low` on."""
    parts: list[str] = []
    seen = 0
    for begin, end in matches(_KANJI_NUMBER, wide(text[low:]), low):
        parts += text[seen:begin], text[begin:end].translate(_PLAIN)
        seen = end
    return "".join((*parts, text[seen:])) if parts else text


def replaced(octets: bytes, spans: Sequence[Span], read: Callable[[bytes], bytes]) -> bytes:
    """The same with what `read` makes of each of these pieces, which is as long as the piece."""
    if not spans:
        return octets
    signs = bytearray(octets)
    for begin, end in spans:
        signs[begin:end] = read(octets[begin:end])
    return bytes(signs)


_WORDS_OPEN: Final = {
    **{f"{bracket}{word}": sign for bracket in "([" for word, sign in
       (("アットマー", b"  "), ("アットマ", b" "), ("アッ", b"at"), ("ドッ", b"do"), ("ア", b"a"), ("ド", b"d"))},
    **{f"{bracket}{word}": sign for bracket in "([" for word, sign in
       (("あっと", b"at "), ("どっと", b"dot"), ("あっ", b"at"), ("どっ", b"do"), ("あ", b"a"), ("ど", b"d"))},
    **{f"【{word[:size]}": b"[" + sign for word, sign in
       (("at", b"at"), ("AT", b"AT"), ("At", b"At"), ("@", b"@"), ("dot", b"dot"), ("DOT", b"DOT"), (".", b"."),
        ("アットマーク", b"at    "), ("ドット", b"dot"), ("あっと", b"at "), ("どっと", b"dot"))
       for size in range(len(word), 0, -1) for sign in (sign[:size],)},
    **dict.fromkeys(_STARS, b"@"), "【": b"[",
    "アットマー": b"   ", "アットマ": b"  ", "アッ": b"[@", "ドッ": b"[.", "ア": b"[", "ド": b"[",
}  # fmt: skip
_ENDS_OPEN: Final = tuple(_WORDS_OPEN)
_BAR_ENDS: Final = tuple(_BARS)


def begun(view: View, octets: bytes) -> bytes:
    """The octets of a text that may end within a word that stands for a sign, or with a long mark that does."""
    if view.folded.endswith(_ENDS_OPEN):
        sign = next(sign for word, sign in _WORDS_OPEN.items() if view.folded.endswith(word))
        return octets[: -len(sign)] + sign
    if view.text.endswith(_BAR_ENDS) and view.folded[-2:-1].isdigit():
        return octets[:-1] + b"-"
    return octets


def fits(octets: bytes, begin: int, end: int) -> bool:
    """Whether a run is no longer than one with a value in it may be."""
    size = end - begin
    return size <= LONGEST or (size <= _LONGEST_HIDDEN and size - octets.count(GAP, begin, end) <= LONGEST)


def with_escape(view: View, octets: bytes, at: int) -> int:
    """Where what ends at `at` ends with all of its last sign's escape, which counts for nothing but is seen."""
    while octets[at : at + 1] == GAP and view.text[at].isascii():
        at += 1
    return at


class Run:
    """One run: `octets[begin:end]`, with its neighbours around it. Offsets of the text come from `place`."""

    __slots__ = ("_hidden", "_places", "bare", "begin", "end", "octets", "spaced", "view")

    def __init__(self, view: View, octets: bytes, begin: int, end: int) -> None:
        self.view = view
        self._places: Sequence[int] | None = None
        self._hidden = b""  # the octets as they are, if something has been left out
        self.octets, self.begin, self.end = octets, begin, end
        self.spaced = False
        self.bare = octets[begin:end].isdigit()  # nothing but digits: all of it is one number, or there is none
        if not self.bare and (octets.find(GAP, begin, end) >= 0 or self._is_spaced()):
            self._clean()

    @classmethod
    def over(cls, view: View, octets: bytes, plain: bytes, places: Sequence[int]) -> "Run":
        """A run that is read as `plain`, of what stands at these places of the text; its neighbours are theirs."""
        before, after = octets[max(0, places[0] - 2) : places[0]], octets[places[-1] + 1 : places[-1] + 3]
        run = cls(view, before + plain + after, len(before), len(before) + len(plain))
        whole = (
            *range(places[0] - len(before), places[0]), *places, *range(places[-1] + 1, places[-1] + 1 + len(after))
        )  # fmt: skip
        run._places = whole if run._places is None else [whole[place] for place in run._places]
        run._hidden = octets
        return run

    def _is_spaced(self) -> bool:
        """Whether each digit of a number in the run stands on its own."""
        size = self.end - self.begin
        if size <= 2 * _FEWEST_GAPS:
            return False
        gaps = len(self.octets[self.begin : self.end].translate(None, DIGITS))
        if gaps >= _FEWEST_GAPS and size - gaps > _FEWEST_GAPS:
            self.spaced = _SPACED.place(self.octets, self.begin, self.end)[0] >= 0
        return self.spaced

    def _clean(self) -> None:
        """Leave out what only disguises: invisible characters, and blanks between single digits."""
        octets, gap, size = self.octets, GAP[0], self.end - self.begin
        low, high = max(0, self.begin - _BESIDE), min(len(octets), self.end + _BESIDE)
        drop: set[int] = set()
        for begin, end in _SPACED.spans(octets, self.begin, self.end):
            drop.update(at for at in range(begin + 1, end) if octets[at] not in DIGITS)
        places = [at for at in range(low, high) if octets[at] != gap and at not in drop]
        self.octets = bytes(map(octets.__getitem__, places))
        self.begin, self.end = bisect_left(places, self.begin), bisect_left(places, self.end)
        self.bare = self.octets[self.begin : self.end].isdigit()
        self.spaced = self.spaced or size > _SAID * (self.end - self.begin)
        self._places, self._hidden = places, octets

    def place(self, begin: int, end: int) -> tuple[int, int]:
        """Where in the text what is here at `begin:end` stands."""
        if self._places is None:
            return begin, end
        return self._places[begin], with_escape(self.view, self._hidden, self._places[end - 1] + 1)

    def covers(self, found: Finding) -> bool:
        """Whether there is nothing in the run beside it."""
        begin, end = self.place(self.begin, self.end)
        return found.start <= begin and end <= found.end

    def near(self, at: int) -> bytes:
        """One character, or nothing outside of the text."""
        return self.octets[at : at + 1] if at >= 0 else b""
