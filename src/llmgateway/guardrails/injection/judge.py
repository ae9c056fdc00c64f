"""The judge `injection`: scores attempts to override instructions, to free a model of its rules, to have its prompt."""

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any, Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.injection.assess import assess
from llmgateway.guardrails.injection.weights import FLAG, STRICT
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import SOURCES, Judged, Piece

TECHNIQUES: Final = (
    "override", "role_play", "prompt_leak", "encoded", "obfuscated", "tool_abuse", "delimiter", "wording",
)  # fmt: skip
DEFAULTS: Final[Mapping[str, Any]] = {
    "threshold": FLAG,
    "strict_threshold": STRICT,
    "sources": ("user", "tool", "other"),
}


class InjectionJudge:
    """Judges the user's texts by `threshold`, what tools brought by `strict_threshold`, and only texts of `sources`."""

    name = "injection"
    version = "1"
    kinds: Sequence[str] = tuple(f"injection.{each}" for each in TECHNIQUES)

    def __init__(self, options: Mapping[str, Any] = DEFAULTS) -> None:
        settings = {**DEFAULTS, **options}
        _refuse_unknown(options)
        usual, strict = (_share(settings, each) for each in ("threshold", "strict_threshold"))
        self._thresholds = {each: strict if each == "tool" else usual for each in _sources(settings["sources"])}

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        """Give one finding for each piece whose score reaches the threshold of its source."""
        return [
            Judged(at, finding)
            for at, piece in enumerate(pieces)
            if piece.text and piece.source in self._thresholds
            if (finding := _finding(piece.text)).score >= self._thresholds[piece.source]
        ]


def _finding(text: str) -> Finding:
    evidence = assess(text)
    score = 1 / (1 + exp(-max(-30.0, min(30.0, evidence.logit))))
    return Finding(0, len(text), f"injection.{evidence.technique or 'wording'}", round(score, 3))


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    for each in options:
        if each not in DEFAULTS:
            raise OptionError(each, f"There is no such setting; known are {', '.join(DEFAULTS)}.")


def _share(settings: Mapping[str, Any], option: str) -> float:
    value = settings[option]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise OptionError(option, "It must be a number above 0 and at most 1.")
    return float(value)


def _sources(value: Any) -> Sequence[str]:
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not value
        or any(each not in SOURCES for each in value)
    ):
        raise OptionError("sources", f"It must be a list of some of {', '.join(SOURCES)}.")
    return tuple(value)
