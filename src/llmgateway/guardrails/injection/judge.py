"""The judge `injection`: scores attempts to override instructions, to free a model of its rules, to have its prompt."""

from collections.abc import Iterator, Mapping, Sequence
from math import exp
from typing import Any, Final

from llmgateway.domain.verdict import Finding, Stage
from llmgateway.guardrails.injection.assess import assess
from llmgateway.guardrails.injection.joined import CUT_BY, joined
from llmgateway.guardrails.injection.weights import FLAG, STRICT
from llmgateway.ports.judge import SOURCES, Judged, Piece
from llmgateway.wire.options import Options

TECHNIQUES: Final = (
    "override", "role_play", "prompt_leak", "encoded", "obfuscated", "tool_abuse", "delimiter", "wording",
)  # fmt: skip
SETTINGS: Final = ("threshold", "strict_threshold", "sources")
JUDGED: Final = ("user", "tool", "other")
BESIDE: Final = 0.7  # logits off what several texts say together: they may have nothing to do with each other
LEAST: Final = 1e-9  # a threshold of 0 would flag everything


class InjectionJudge:
    """Judges the user's texts by `threshold`, what tools brought by `strict_threshold`, and only texts of `sources`.

    Short texts of the user's that go on within a sentence are judged as one too, where nothing was found in them.
    """

    name = "injection"
    version = "6"
    kinds: Sequence[str] = tuple(f"injection.{each}" for each in TECHNIQUES)
    stages: Sequence[Stage] = (Stage.REQUEST,)
    is_heavy = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, SETTINGS)
        usual = settings.number("threshold", FLAG, LEAST, 1)
        strict = settings.number("strict_threshold", min(STRICT, usual), LEAST, 1)
        judged = settings.choices("sources", SOURCES, JUDGED)
        self._thresholds = {each: strict if each == "tool" else usual for each in judged}

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        """Give one finding for each piece whose score reaches the threshold of its source.

        What several pieces say together is found in the last of them.
        """
        found = {
            at: Judged(at, finding)
            for at, piece in enumerate(pieces)
            if piece.text and piece.source in self._thresholds
            if (finding := _finding(piece.text)).score >= self._thresholds[piece.source]
        }
        if CUT_BY in self._thresholds:
            found.update({each.piece: each for each in self._together(pieces, found)})
        return [found[at] for at in sorted(found)]

    def _together(self, pieces: Sequence[Piece], found: Mapping[int, Judged]) -> Iterator[Judged]:
        for which, text in joined(pieces):
            if found.keys().isdisjoint(which):
                finding = _finding(text, BESIDE)
                if finding.score >= self._thresholds[CUT_BY]:
                    yield Judged(which[-1], finding._replace(end=len(pieces[which[-1]].text)))


def _finding(text: str, off: float = 0.0) -> Finding:
    evidence = assess(text)
    score = 1 / (1 + exp(-max(-30.0, min(30.0, evidence.logit - off))))
    return Finding(0, len(text), f"injection.{evidence.technique or 'wording'}", round(score, 6))
