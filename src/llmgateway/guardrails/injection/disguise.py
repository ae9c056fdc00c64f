"""Other readings of a text that only a model would read: odd letters, letter by letter, misspelt, in kana alone."""

import unicodedata
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, Final

import ahocorasick_rs
import re2

from llmgateway.guardrails.injection.normal import spaced
from llmgateway.guardrails.injection.phrases import MISSPELT, SLIPS
from llmgateway.guardrails.injection.score import Hit, hits, kana_hits, run_on_hits
from llmgateway.guardrails.injection.spelling import hiragana

MOST_RUNS: Final = 64
BETWEEN_RUNS: Final = 24  # characters

Reading = tuple[list[Hit], str]

_LEET: Final = r"[a-z0-9@$!|]*(?:[a-z][013457@$!|]+|[013457@$!|]+[a-z])[a-z013457@$!|]*"
_LEET_WORDS: Final = re2.compile(rf"[a-z]{_LEET}[ .,;:]+{_LEET}")  # two words: ids and hashes rarely stand like that
_ACCENTS_IN_WORDS: Final = re2.compile(r"[a-z][\x{00E0}-\x{024F}\x{0300}-\x{036F}]+[a-z]")
_LETTER_BY_LETTER: Final = re2.compile(r"(?: [a-z0-9]){6,} ")
_JAPANESE: Final = r"\x{3041}-\x{30FA}\x{30FC}\x{30FD}\x{3400}-\x{9FFF}"
_BETWEEN: Final = " 、・。"  # in a plain text other signs are spaces
_SYLLABLES: Final = rf"(?:[{_JAPANESE}a-z0-9]{{1,3}}[{_BETWEEN}]){{6,}}"
# Katakana where hiragana belongs, or a sentence of nothing but hiragana.
_KANA_ALONE: Final = (
    r"ヲ|クダサイ|ナサイ|[\x{30A1}-\x{30FA}]{2}(?:セヨ|シロ|シテ)"
    r"|(?:^|[ 。、])[\x{3041}-\x{3096}ー]{14,}(?:[ 。、]|$)"
)
_BY_SYLLABLE: Final = re2.compile(_SYLLABLES)
_KANA: Final = re2.compile(_KANA_ALONE)
_ODD: Final = re2.compile(f"{_SYLLABLES}|{_KANA_ALONE}")  # both at once: most texts are neither
_TOGETHER: Final = str.maketrans("", "", _BETWEEN)
_SLIPS: Final = ahocorasick_rs.AhoCorasick(list(SLIPS))
_SPELT: Final = tuple(SLIPS.values())


def readings(text: str, words: str, groups: Collection[str]) -> Iterator[Reading]:
    """Yield the groups of phrases, and the words where they are known, of other readings of a lower-case text.

    `words` are its plain form, and `groups` the groups of phrases in there.
    """
    if not text.isascii():
        yield from _foreign(text, words)
    if _LEET_WORDS.search(text):
        yield _read(spaced(text, leet=True))
    if " " in words[1:-1] and (apart := _runs(_LETTER_BY_LETTER, words)):
        yield run_on_hits(apart.replace(" ", "")), ""
    if MISSPELT in groups:
        yield _read(_corrected(words))


def _foreign(text: str, words: str) -> Iterator[Reading]:
    if _ACCENTS_IN_WORDS.search(text):
        yield _read(spaced(unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()))
    if not _ODD.search(words):
        return
    if apart := _runs(_BY_SYLLABLE, words):
        yield _read(apart.translate(_TOGETHER))
    if _KANA.search(words):
        folded = hiragana(words)
        yield kana_hits(folded), folded


def _runs(pattern: Any, words: str) -> str:
    """The runs of a pattern with the little that stands between them; what is around them is written as usual."""
    found: list[str] = []
    done = 0
    for run in islice(pattern.finditer(words), MOST_RUNS):
        start, end = run.span()
        found.append(words[done if found and start - done < BETWEEN_RUNS else start : end])
        done = end
    return "".join(found)


def _corrected(words: str) -> str:
    pieces, done = [], 0
    for at, start, end in _SLIPS.find_matches_as_indexes(words, overlapping=True):  # two share the space between them
        pieces += [words[done : start + 1], _SPELT[at]]
        done = end - 1
    return "".join([*pieces, words[done:]])


def _read(words: str) -> Reading:
    return hits(words), words
