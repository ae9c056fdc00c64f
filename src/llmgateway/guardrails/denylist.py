"""The guardrail `denylist`: an operator's own words."""

from collections.abc import Mapping
from typing import Any, Final

from llmgateway.domain.verdict import Finding
from llmgateway.wire.lexicon import MAX_WORD, Lexicon, check
from llmgateway.wire.options import OptionError, Options
from llmgateway.wire.plain import MOST_HIDDEN, Plain
from llmgateway.wire.spans import laid
from llmgateway.wire.unseen import hides
from llmgateway.wire.view import View, fold

_BLANK: Final = " "
_BREAKS: Final = "\n\t"
_FAR: Final = MAX_WORD + MOST_HIDDEN + 1  # a word, with what shows nothing before and in it, and its neighbour


class Denylist:
    """Finds words and phrases of a list, 100,000 as quickly as ten; case and full or half width do not matter.

    Options: `words`, the list, each at most 200 characters; `kind`, what its findings are called ("denylist");
    `whole_words` (true): letters of alphabets with spaces between words count only as whole words, so "ban" is not
    found in "urban"; words in kana and kanji, Chinese, Korean or Thai are found wherever they stand.
    Kinds: the one of `kind`.
    Characters that nobody sees inside a word do not hide it, up to 50 together and 200 characters in all, nor do
    letters of mathematics or in circles.
    The words of a phrase may stand on two lines, or with a tab between them.
    Limits: a word is found as it is written. Other inflections, two spaces for one, letters from other alphabets and
    leetspeak are not seen through.
    """

    name = "denylist"
    version = "3"

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("words", "kind", "whole_words"))
        self._kind = settings.name("kind", "denylist")
        self.kinds = (self._kind,)
        words = _words(settings)
        self._lexicon = Lexicon(words, whole=settings.flag("whole_words", default=True))
        self._has_phrases = any(_BLANK in fold(word) for word in words)

    def find(self, view: View, start: int = 0) -> list[Finding]:
        matches = self._matches(view, start)
        return laid(matches, start) if matches else []

    def settled(self, view: View, start: int = 0) -> int:
        text = view.folded
        plain = Plain(text, max(0, len(text) - self._reach(view, len(text))), hiding=view.hides)
        at = self._lexicon.live(self._read(plain.text))
        if at == len(plain.text):
            return len(text)
        live = plain.place(at)
        return max(start, live, *(end for begin, end, _ in self._matches(view, live) if begin < live))

    def continues(self, kind: str, text: str) -> int:  # noqa: ARG002 - the port's signature
        """No word is longer than what is held back, so none goes on."""
        return 0

    def _matches(self, view: View, start: int) -> list[tuple[int, int, str]]:
        """Give what begins at `start` or before it and may reach it."""
        plain = Plain(view.folded, max(0, start - self._reach(view, start)), hiding=view.hides)
        found = self._lexicon.find(self._read(plain.text))
        places = [(plain.place(first), plain.place(after - 1) + 1) for first, after in found]
        return [(begin, end, self._kind) for begin, end in places if end - begin <= MAX_WORD]

    def _read(self, text: str) -> str:
        """The text as phrases are written: on one line."""
        if self._has_phrases:
            for sign in _BREAKS:
                text = text.replace(sign, _BLANK)
        return text

    def _reach(self, view: View, start: int) -> int:
        """Give how far before a place something may decide about it: one more than a word takes, for its border."""
        far = view.hides and hides(view.folded[max(0, start - _FAR) :])
        return _FAR if far else self._lexicon.longest + 1


def _words(settings: Options) -> tuple[str, ...]:
    words = settings.texts("words")
    if not words:
        raise OptionError("words", "words must hold at least one word.")
    check("words", words)
    return words
