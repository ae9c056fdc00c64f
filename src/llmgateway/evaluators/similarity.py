"""The evaluator `similarity`: how near a shadow's answer is to the stable version's, letter by letter."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from unicodedata import normalize

from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.options import Options

_READ: Final = 8_000  # characters of each


class SimilarityEvaluator:
    """The cosine of both answers' character n-grams, from 0 (nothing in common) to 1 (the same).

    Options: `n` (3), how many characters a gram has; `least` (0.0), what is below it is counted as bad.
    Scores: `similarity`, a number, on the copy.
    Limits: it sees letters, not meanings: a paraphrase is far away, a wrong figure is near. The order of words counts
    little. Good for "did anything change", not for "is it better". The first 8,000 characters are compared.
    """

    name = "similarity"
    version = "1"
    gives: Sequence[str] = ("similarity",)
    needs_bodies = True
    needs_reference = True
    measures: Sequence[str] = ()

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("n", "least"))
        self._n = settings.whole("n", 3, 1, 8)
        self._least = settings.number("least", 0.0, 0, 1)

    def evaluate(self, case: Case) -> Sequence[Given] | Unknown:
        if case.answer is None:
            return Unknown(case.unseen)
        if case.reference is None:
            return Unknown(Why.NO_REFERENCE)
        value = round(cosine(self._grams(case.answer or case.refused), self._grams(case.reference)), 4)
        return (Given("similarity", value, value < self._least),)

    def _grams(self, text: str) -> Counter[str]:
        folded = " ".join(normalize("NFKC", text[:_READ]).lower().split())
        return Counter(folded[at : at + self._n] for at in range(max(1, len(folded) - self._n + 1)) if folded)


def cosine(one: Counter[str], other: Counter[str]) -> float:
    """Of two counts, from 0 to 1; two empty ones are the same."""
    if not one or not other:
        return 1.0 if not one and not other else 0.0
    small, large = sorted((one, other), key=len)
    product = sum(count * large[gram] for gram, count in small.items() if gram in large)
    lengths = math.hypot(*one.values()) * math.hypot(*other.values())
    return min(1.0, product / lengths)
