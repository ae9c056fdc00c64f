"""The evaluator `repetition`: answers that go round in circles."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zlib import compress

from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.options import Options

_TAIL: Final = 3_000  # bytes: a model that has begun to repeat itself does so to the end
_QUICK: Final = 1  # how hard to compress; what repeats itself does not need more


class RepetitionEvaluator:
    """Whether the end of an answer repeats itself: it compresses as no text does that goes on.

    Options: `ratio` (0.12), of the size compressed to the size as it is, below which it repeats itself; `min_bytes`
    (600), shorter answers are not judged. Scores: `repetition`, true or false; the comment is the ratio.
    Limits: the last 3,000 bytes are looked at. English and Japanese prose is at 0.4 and more, tables of figures at
    0.2; a list of a hundred almost equal lines that somebody asked for repeats itself, too.
    """

    name = "repetition"
    version = "1"
    gives: Sequence[str] = ("repetition",)
    needs_bodies = True
    needs_reference = False
    measures: Sequence[str] = ()

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("ratio", "min_bytes"))
        self._ratio = settings.number("ratio", 0.12, 0.01, 1)
        self._least = settings.whole("min_bytes", 600, 200, _TAIL)

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        if case.answer is None:
            return Unknown(case.unseen)
        tail = case.answer[-_TAIL:].encode("utf-8", "replace")[-_TAIL:]
        if len(tail) < self._least:
            return Unknown(Why.TOO_SHORT)
        ratio = len(compress(tail, _QUICK)) / len(tail)
        is_bad = ratio < self._ratio
        return (Given("repetition", is_bad, is_bad, f"ratio {ratio:.3f}" if is_bad else None),)
