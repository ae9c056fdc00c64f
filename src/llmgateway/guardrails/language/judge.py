"""The judge `language`: texts in other languages than those allowed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.verdict import Finding, Stage
from llmgateway.guardrails.language.shares import KNOWN, UNKNOWN, shares
from llmgateway.ports.judge import SOURCES, Judged, Piece
from llmgateway.wire.options import OptionError, Options

_FEW_IDEOGRAPHS: Final = 60.0  # 30 of them, counted twice: a name, a title, a list of words
_SOURCES: Final = ("user", "assistant", "other")


class LanguageJudge:
    """Judges whether a text is in a language that is allowed: coarsely, by script and by the commonest words.

    Options: `allowed`, a list of codes (ar de el en es fa fr he hi id it ja ko nl pl pt ru sv th tr uk vi zh), needed;
    `share` (0.5), how much of a text's letters must be in languages that are not allowed; `min_letters` (20), shorter
    texts pass; `refuse_unknown` (false), whether text in no known language counts too; `sources`, whose texts (user,
    assistant, other).
    Kinds: `language.<code>`, the one most of the text is in, and `language.unknown`. The score is the share.
    Limits: it tells what a text is mostly in, and does not keep a secret language out. Text in Latin letters without
    small words (names, code, keywords, most of one line) is unknown. Languages that are not listed are taken for the
    nearest one of their script: Bulgarian for Russian, Urdu for Arabic or Persian. Ideographs alone, up to 30 of them,
    may be either Japanese or Chinese and pass where one is allowed. Of texts over 8,000 characters eight pieces are
    looked at. A language written in another's letters (romaji, pinyin) is not known.
    """

    name = "language"
    version = "2"
    kinds: Sequence[str] = tuple(f"language.{each}" for each in (*KNOWN, UNKNOWN))
    stages: Sequence[Stage] = tuple(Stage)
    is_heavy = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("allowed", "share", "min_letters", "refuse_unknown", "sources"))
        if not settings.has("allowed"):
            raise OptionError("allowed", "allowed must be a list of languages, such as en and ja.")
        self._allowed = frozenset(settings.choices("allowed", KNOWN, ()))
        self._passes = self._allowed if settings.flag("refuse_unknown", default=False) else self._allowed | {UNKNOWN}
        self._share = settings.number("share", 0.5, 0.05, 1)
        self._least = settings.whole("min_letters", 20, 1, 10_000)
        self._sources = frozenset(settings.choices("sources", SOURCES, _SOURCES))

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        found = ((at, self._finding(each.text)) for at, each in enumerate(pieces) if each.source in self._sources)
        return [Judged(at, finding) for at, finding in found if finding is not None]

    def _finding(self, text: str) -> Finding | None:
        if len(text) * 2 < self._least:  # not even if each letter counted twice
            return None
        found, letters = shares(text, self._allowed)
        foreign = {
            language: share for language, share in found.items() if not self._lets_pass(language, share * letters)
        }
        total = min(1.0, sum(foreign.values()))
        if letters < self._least or not foreign or total < self._share:
            return None
        most = max(sorted(foreign), key=foreign.__getitem__)
        return Finding(0, len(text), f"language.{most}", round(total, 3))

    def _lets_pass(self, language: str, letters: float) -> bool:
        if language in self._passes:
            return True
        return language == "zh" and "ja" in self._allowed and letters <= _FEW_IDEOGRAPHS
