"""The evaluator `refusal`: answers that decline, in English or Japanese, or by a member of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmgateway.ports.evaluator import Case, Given, Unknown
from llmgateway.wire.options import Options
from llmgateway.wire.refusals import REASONS, declines, plain


class RefusalEvaluator:
    """Whether an answer declines to do what was asked.

    Options: `phrases`, a list of further beginnings of refusals, in any case. Scores: `refusal`, true or false; the
    comment says by what it was known: `finish_reason`, `member` or `phrase`.
    Limits: phrases are looked for in the first 400 characters, in English and Japanese. A story in which somebody says
    "I can't help you" is taken for a refusal if it begins so, and a polite evasion is not. Whether declining was right
    is not judged.
    """

    name = "refusal"
    version = "3"
    gives: Sequence[str] = ("refusal",)
    needs_bodies = True
    needs_reference = False
    measures: Sequence[str] = ()

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._more = tuple(plain(each) for each in Options(options, ("phrases",)).texts("phrases"))

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        by = self._known_by(case)
        if isinstance(by, Unknown):
            return by
        return (Given("refusal", by is not None, by is not None, by),)

    def _known_by(self, case: Case) -> str | Unknown | None:
        if case.facts.get("finish_reason") in REASONS:
            return "finish_reason"
        if case.refused:
            return "member"
        if case.answer is None:
            return Unknown(case.unseen)
        return "phrase" if declines(case.answer, self._more) else None
