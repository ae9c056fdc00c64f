"""The evaluator `slow`: exchanges that took longer than is usual on their route."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.exchange import End
from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.options import OptionError, Options

_OF: Final = {"duration": "duration_s", "first_token": "first_token_s"}
_LONGEST: Final = 86_400.0


class SlowEvaluator:
    """Whether an exchange took longer than 95 of 100 did when the route's baseline was frozen.

    Options: `of`, `duration` (the whole exchange, the default) or `first_token` (until a stream's first content);
    `seconds`, a limit of your own instead of the baseline; `factor` (1.0), how many times the baseline is still usual.
    Scores: `slow`, true or false; the comment has both times.
    Limits: by its definition some 5 of 100 are slow while nothing is wrong: compare versions, don't look at one.
    Longer answers take longer. What did not complete is not judged.
    """

    name = "slow"
    version = "1"
    gives: Sequence[str] = ("slow",)
    needs_bodies = False
    needs_reference = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("of", "seconds", "factor"))
        of = settings.text("of", "duration")
        if of not in _OF:
            raise OptionError("of", f"of must be one of {', '.join(_OF)}.")
        self._column = _OF[of]
        self._seconds = settings.number("seconds", _LONGEST, 0.001, _LONGEST) if settings.has("seconds") else None
        self._factor = settings.number("factor", 1.0, 0.1, 100)
        self.measures: Sequence[str] = () if self._seconds is not None else (self._column,)

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        took = case.facts.get(self._column)
        if took is None or case.facts.get("end") != End.COMPLETED.value:
            return Unknown(Why.NO_ANSWER)
        limit = self._seconds
        if limit is None and self._column in case.usual:
            limit = self._factor * case.usual[self._column]
        if limit is None:
            return Unknown(Why.NO_BASELINE)
        is_bad = bool(took > limit)
        return (Given("slow", is_bad, is_bad, f"{took:.3f} s, limit {limit:.3f} s" if is_bad else None),)
