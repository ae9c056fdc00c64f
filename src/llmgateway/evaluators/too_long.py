"""The evaluator `too_long`: answers with more tokens than is usual on their route."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.usage import TOKEN_LIMIT
from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.options import Options

_COLUMN: Final = "output_tokens"


class TooLongEvaluator:
    """Whether an answer has more output tokens than it should.

    Options: `tokens`, the limit; without it `factor` (2.0) times the route's frozen 95th percentile.
    Scores: `too_long`, true or false; the comment has both figures.
    Limits: thoughts that a model is billed for count as its backend reports them. A long answer may be a good one.
    """

    name = "too_long"
    version = "1"
    gives: Sequence[str] = ("too_long",)
    needs_bodies = False
    needs_reference = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("tokens", "factor"))
        self._tokens = settings.whole("tokens", 1, 1, TOKEN_LIMIT) if settings.has("tokens") else None
        self._factor = settings.number("factor", 2.0, 0.1, 100)
        self.measures: Sequence[str] = () if self._tokens is not None else (_COLUMN,)

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        tokens = case.facts.get(_COLUMN)
        if tokens is None:
            return Unknown(Why.NO_ANSWER)
        limit: float | None = self._tokens
        if limit is None and _COLUMN in case.usual:
            limit = self._factor * case.usual[_COLUMN]
        if limit is None:
            return Unknown(Why.NO_BASELINE)
        is_bad = tokens > limit
        return (Given("too_long", is_bad, is_bad, f"{tokens} tokens, limit {limit:.0f}" if is_bad else None),)
