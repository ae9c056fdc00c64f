"""Other readings of a text that only a model would read: other letters for letters, or letter by letter."""

import unicodedata
from collections.abc import Iterator
from typing import Final

import re2

from llmgateway.guardrails.injection.normal import spaced
from llmgateway.guardrails.injection.score import Hit, hits, run_on_hits

Reading = tuple[list[Hit], str]

_LEET: Final = r"[a-z013457@$!|]*[a-z][013457@$!|]+[a-z][a-z013457@$!|]*"
_LEET_WORDS: Final = re2.compile(rf"{_LEET}[ .,;:]+{_LEET}")  # two words: ids and hashes rarely stand like that
_ACCENTS_IN_WORDS: Final = re2.compile(r"[a-z][\x{00E0}-\x{024F}\x{0300}-\x{036F}]+[a-z]")
_LETTER_BY_LETTER: Final = re2.compile(r"(?: [a-z0-9]){6,} ")


def readings(text: str, words: str) -> Iterator[Reading]:
    """Yield the groups of phrases, and the words where they are known, of other readings of a lower-case text."""
    if not text.isascii() and _ACCENTS_IN_WORDS.search(text):
        yield _read(spaced(unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()))
    if _LEET_WORDS.search(text):
        yield _read(spaced(text, leet=True))
    if " " in words[1:-1] and (apart := _LETTER_BY_LETTER.search(words)):
        yield run_on_hits(words[apart.start() :].replace(" ", "")), ""


def _read(words: str) -> Reading:
    return hits(words), words
