"""The evaluator `language_mismatch`: answers in another language than the question."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.guardrails.language.shares import UNKNOWN, shares
from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.expression import Expression
from llmgateway.wire.options import Options

_LEAST: Final = 20  # letters
_SPOKEN: Final = 0.2  # a language that so much of the question is in may be answered in
_ASKED_FOR: Final = Expression(
    (
        r"(?i)\btranslat|翻訳|[訳译]して|英訳|和訳|übersetz|tradu|"
        r"\b(?:in|into|to|auf|en) (?:english|japanese|german|french|spanish|chinese|korean|italian|portuguese|russian|"
        r"deutsch|englisch|japanisch|anglais|français|español|inglés)\b|"
        r"(?:英語|日本語|中国語|韓国語|フランス語|ドイツ語|スペイン語)(?:で|に|へ)"
    ).encode(),
    latin=False,
)
_READ: Final = 400  # characters of a text: what it is mostly in shows by then


class LanguageMismatchEvaluator:
    """Whether an answer is mostly in a language that the user's last message is not in.

    Options: `min_letters` (20): shorter questions or answers are not judged. Scores: `language_mismatch`, true or
    false; the comment names both languages.
    Limits: languages are told coarsely, by script and common words (as the guardrail `language` does). Where a message
    speaks of translating, or names a language to answer in, nothing is said. Of a text longer than 400 characters its
    beginning and end are looked at. A system prompt that wants one language
    whatever the user writes makes every answer to another one a mismatch: leave such routes out.
    """

    name = "language_mismatch"
    version = "1"
    gives: Sequence[str] = ("language_mismatch",)
    needs_bodies = True
    needs_reference = False
    measures: Sequence[str] = ()

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._least = Options(options, ("min_letters",)).whole("min_letters", _LEAST, 1, 10_000)

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        if case.answer is None:
            return Unknown(case.unseen)
        asked = next((each.text for each in reversed(case.prompt) if each.source == "user"), "")
        asked = _ends(asked)
        if _ASKED_FOR.search(asked.encode("utf-8", "replace")):
            return Unknown(Why.UNCLEAR)
        question, letters = shares(asked)
        spoken = {language for language, share in question.items() if share >= _SPOKEN and language != UNKNOWN}
        answer, answered = shares(_ends(case.answer), spoken)
        if min(letters, answered) < self._least:
            return Unknown(Why.TOO_SHORT)
        main = max(sorted(answer), key=answer.__getitem__)
        if not spoken or main == UNKNOWN:
            return Unknown(Why.UNCLEAR)
        is_bad = main not in spoken
        comment = f"asked in {', '.join(sorted(spoken))}, answered in {main}" if is_bad else None
        return (Given("language_mismatch", is_bad, is_bad, comment),)


def _ends(text: str) -> str:
    """A text's beginning and end: there a wish for a language stands, and what lies between is more of the same."""
    return text if len(text) <= _READ else f"{text[: _READ // 2]} {text[-_READ // 2 :]}"
