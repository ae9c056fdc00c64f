"""The guardrail `denylist`: an operator's own words."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.denylist.lexicon import MAX_WORD, Lexicon, lowered
from llmgateway.wire.options import OptionError, Options
from llmgateway.wire.spans import laid
from llmgateway.wire.view import View

_KIND_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.")


class Denylist:
    """Finds words and phrases of a list, 100,000 as quickly as ten; case and full or half width do not matter.

    Options: `words`, the list, each at most 200 characters; `kind`, what its findings are called ("denylist");
    `whole_words` (true): letters of alphabets with spaces between words count only as whole words, so "ban" is not
    found in "urban"; words in kana and kanji, Chinese, Korean or Thai are found wherever they stand.
    Kinds: the one of `kind`.
    Limits: a word is found as it is written. Other inflections, two spaces for one, a line's end inside a phrase,
    characters that show nothing, letters from other alphabets and leetspeak are not seen through.
    """

    name = "denylist"
    version = "1"

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("words", "kind", "whole_words"))
        self._kind = _kind(settings.text("kind", "denylist"))
        self.kinds = (self._kind,)
        self._lexicon = Lexicon(_words(settings), whole=settings.flag("whole_words", default=True))

    def find(self, view: View, start: int = 0) -> list[Finding]:
        return laid(self._matches(lowered(view.folded), start), start)

    def settled(self, view: View, start: int = 0) -> int:
        text = lowered(view.folded)
        live = self._lexicon.live(text)
        if live == len(text):
            return live
        return max(start, live, *(end for begin, end, _ in self._matches(text, live) if begin < live))

    def continues(self, kind: str, text: str) -> int:  # noqa: ARG002 - the port's signature
        """No word is longer than what is held back, so none goes on."""
        return 0

    def _matches(self, text: str, start: int) -> Iterator[tuple[int, int, str]]:
        """Give what begins at `start` or before it and may reach it."""
        base = max(0, start - self._lexicon.longest - 1)
        for begin, end in self._lexicon.find(text[base:] if base else text):
            yield base + begin, base + end, self._kind


def _words(settings: Options) -> tuple[str, ...]:
    words = settings.texts("words")
    if not words:
        raise OptionError("words", "words must hold at least one word.")
    for at, word in enumerate(words, 1):
        if len(word) > MAX_WORD:
            raise OptionError("words", f"words must be at most {MAX_WORD} characters long; number {at} is longer.")
        if any(char < " " or char == "\x7f" for char in word):
            raise OptionError("words", f"words must not hold control characters; number {at} does.")
    return words


def _kind(kind: str) -> str:
    if not _KIND_LETTERS.issuperset(kind):
        raise OptionError("kind", "kind must consist of small letters, digits, _ and dots.")
    return kind
