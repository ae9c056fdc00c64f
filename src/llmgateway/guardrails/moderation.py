"""The judge `moderation`: what a moderation endpoint, asked through a route of this gateway, says of each text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.verdict import Finding, Stage
from llmgateway.ports.asking import OpinionError, Question, Whom, document
from llmgateway.ports.judge import SOURCES, Judged, Piece, surest
from llmgateway.wire.extracts import Extract, extracts
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.options import Options

CATEGORIES: Final = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
OTHER: Final = "other"
_NAMED: Final = (*CATEGORIES, OTHER)
_SOURCES: Final = ("user", "tool", "other")
_SIZE: Final = 2_000
_MOST: Final = 32
_OVERLAP: Final = 200


class ModerationJudge:
    """Asks an endpoint that speaks OpenAI's `/v1/moderations` about each text.

    Options: `route`, whose model is asked, needed; `categories`, those that count (all); `threshold`, from 0 to 1: a
    category counts from this score on, and not where the endpoint flags it; `thresholds`, the same for single
    categories, in a table; `sources`, whose texts of requests (user, tool, other): of replies all are asked about.
    Kinds: `moderation.<category>`, one for each category that counts, and `moderation.other` for categories that are
    none of the documented ones. A finding spans the part of a text that was asked about; its score is the endpoint's.
    Limits: a question has 32 inputs of 2,000 characters at most. Texts that are longer are asked about in parts, which
    overlap, as far as there is room: of too many texts the oldest are left out, of too long ones the middle.
    """

    name = "moderation"
    version = "1"
    kinds: Sequence[str] = tuple(f"moderation.{each}" for each in _NAMED)
    stages: Sequence[Stage] = tuple(Stage)
    is_windowed = True
    whom = Whom.ROUTE

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("route", "categories", "threshold", "thresholds", "sources"))
        self.asked = settings.needed("route")
        counted = settings.choices("categories", _NAMED, _NAMED)
        self._threshold = settings.number("threshold", 0, 0, 1) if settings.has("threshold") else None
        self._thresholds = settings.numbers("thresholds", _NAMED, 0, 1)
        self._sources = frozenset(settings.choices("sources", SOURCES, _SOURCES))
        self._counted = frozenset(counted)
        self.kinds = tuple(f"moderation.{each}" for each in _NAMED if each in self._counted)

    def question(self, pieces: Sequence[Piece], context: Sequence[Piece]) -> Question | None:  # noqa: ARG002 - the port's
        inputs = [each.text for each in self._parts(pieces)]
        body = {"model": self.asked, "input": inputs}
        return Question("/v1/moderations", encode(body)) if inputs else None

    def opinion(self, answer: bytes, pieces: Sequence[Piece]) -> list[Judged]:
        results = document(answer).get("results")
        parts = self._parts(pieces)
        if type(results) is not list or len(results) != len(parts):
            raise OpinionError("The answer has not one result for each text.")
        return surest(judged for part, result in zip(parts, results, strict=True) for judged in self._of(part, result))

    def _parts(self, pieces: Sequence[Piece]) -> list[Extract]:
        return extracts(pieces, self._sources, size=_SIZE, most=_MOST, overlap=_OVERLAP)

    def _of(self, part: Extract, result: Any) -> Iterator[Judged]:
        flags, scores = _tables(result)
        found = {each: _score(scores.get(each)) for each in {**flags, **scores}}
        counted = {each: score for each, score in found.items() if self._counts(each, flags.get(each), score)}
        if not counted and self._flags_unnamed(result, flags):
            counted = {OTHER: None}
        for category, score in counted.items():
            sureness = 1.0 if score is None else score
            yield Judged(part.piece, Finding(part.start, part.end, f"moderation.{_name(category)}", sureness))

    def _flags_unnamed(self, result: dict[str, Any], flags: Mapping[str, Any]) -> bool:
        """Whether a text is flagged, and no category says why."""
        by_flag = self._threshold is None and OTHER in self._counted
        return by_flag and result.get("flagged") is True and True not in flags.values()

    def _counts(self, category: str, flag: Any, score: float | None) -> bool:
        name = _name(category)
        if name not in self._counted:
            return False
        threshold = self._thresholds.get(name, self._threshold)
        if threshold is None:
            if type(flag) is not bool and flag is not None:
                raise OpinionError("A category of a result is neither flagged nor not.")
            return flag is True
        return score is not None and score >= threshold


def _name(category: str) -> str:
    return category if category in CATEGORIES else OTHER


def _tables(result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    flags = result.get("categories") if type(result) is dict else None
    scores = result.get("category_scores") if type(result) is dict else None
    if type(flags) is not dict or type(scores) is not dict or not flags:
        raise OpinionError("A result has no categories or no scores.")
    return flags, scores


def _score(value: Any) -> float | None:
    """A category's score; None where it has none, as some endpoints have of categories that they do not know."""
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 <= value <= 1:
        raise OpinionError("A score of a result is no number from 0 to 1.")
    return float(value)
