"""The words of a list in one automaton, and the question which of them the end of a text may be the beginning of."""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from ahocorasick_rs import AhoCorasick

from llmgateway.wire.expression import Span
from llmgateway.wire.options import OptionError
from llmgateway.wire.plain import lowered, shown
from llmgateway.wire.view import fold

MAX_WORD: Final = 200
_HEAD: Final = 3  # characters of a word that are looked for before the word is looked up


def check(option: str, words: Sequence[str]) -> None:
    """Refuse words that are too long to be looked for, or that nobody would see; OptionError."""
    for at, word in enumerate(words, 1):
        if len(word) > MAX_WORD:
            raise OptionError(option, f"{option} must be at most {MAX_WORD} characters long; number {at} is longer.")
        if any(char < " " or char == "\x7f" for char in word):
            raise OptionError(option, f"{option} must not hold control characters; number {at} does.")


def spaced(char: str) -> bool:
    """Tell whether `char` belongs to words that are written with something between them, unlike kana or kanji."""
    if char.isascii():
        return char.isalnum() or char == "_"
    return ("\u0300" <= char < "\u0370") or (char.isalnum() and (char < "\u0590" or "\u1e00" <= char < "\u2000"))


class Lexicon:
    """Words, looked for in texts that `lowered` gave. `whole`: not inside longer words, where words have borders."""

    def __init__(self, words: Iterable[str], *, whole: bool) -> None:
        self._whole = whole
        self._forms = sorted({form for word in words for form in forms(word) if len(form) <= MAX_WORD})
        self._automaton = AhoCorasick(self._forms, store_patterns=False)
        heads = {form[:_HEAD] for form in self._forms if len(form) >= _HEAD}
        self._heads = AhoCorasick(sorted(heads), store_patterns=False)
        self._begun = frozenset(form[:size] for form in self._forms for size in range(1, _HEAD))
        self.longest = max(map(len, self._forms), default=0)

    def find(self, text: str) -> list[Span]:
        """Give where words begin and end, those inside others too."""
        found = hits(self._automaton, text, overlapping=True)
        return [(begin, end) for _, begin, end in found if self._begins(text, begin) and self._ends(text, end)]

    def live(self, text: str) -> int:
        """Give the first place from which what follows may complete a word, or show that it was only a part of one."""
        base = max(0, len(text) - self.longest)
        tail = text[base:]
        near = [begin for _, begin, _ in hits(self._heads, tail, overlapping=True)]
        near += (at for at in range(max(0, len(tail) - _HEAD + 1), len(tail)) if tail[at:] in self._begun)
        for at in near:
            if self._begins(text, base + at) and self._goes_on(tail[at:]):
                return base + at
        return len(text)

    def _begins(self, text: str, at: int) -> bool:
        return not (self._whole and at and spaced(text[at]) and spaced(text[at - 1]))

    def _ends(self, text: str, at: int) -> bool:
        return not (self._whole and at < len(text) and spaced(text[at]) and spaced(text[at - 1]))

    def _goes_on(self, tail: str) -> bool:
        at = bisect_left(self._forms, tail)
        if at < len(self._forms) and self._forms[at] == tail:
            if self._whole and spaced(tail[-1]):
                return True
            at += 1
        return at < len(self._forms) and self._forms[at].startswith(tail)


def forms(word: str) -> set[str]:
    """Give how `word` may stand in a lowered text: composed, with accents apart, and in half-width katakana."""
    composed = unicodedata.normalize("NFKC", shown(word)).strip()
    apart = unicodedata.normalize("NFD", composed)
    ways = (composed, apart, apart.translate(_HALF_WIDTH))
    return {lowered(fold(way)) for way in ways}


def _half_width() -> dict[int, int]:
    """Half-width katakana by the full-width ones; voiced ones are two characters, as in text with accents apart."""
    pairs = ((ord(unicodedata.normalize("NFKC", chr(code))), code) for code in range(0xFF66, 0xFF9E))
    return dict(pairs) | {0x3099: 0xFF9E, 0x309A: 0xFF9F}


_HALF_WIDTH: Final = _half_width()


def hits(automaton: AhoCorasick, text: str, *, overlapping: bool = False) -> list[tuple[int, int, int]]:
    """Give which words of an automaton begin and end where."""
    try:
        return automaton.find_matches_as_indexes(text, overlapping=overlapping)
    except UnicodeEncodeError:  # half a surrogate pair, which JSON may hold and no word does
        return automaton.find_matches_as_indexes(text.encode("utf-8", "replace").decode(), overlapping=overlapping)
