"""The judge `http`: a service of the operator's own, asked by a small JSON contract."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.verdict import Finding, Stage
from llmgateway.ports.asking import OpinionError, Question, Whom, document
from llmgateway.ports.judge import SOURCES, Judged, Piece, placed
from llmgateway.wire.extracts import Extract, extracts
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.options import OptionError, Options

_VERSION: Final = 1
_SIZE: Final = 8_000
_OVERLAP: Final = 400
_MOST: Final = 64
_ROOM: Final = 64_000
_CONTEXT_ROOM: Final = 32_000
_MOST_FINDINGS: Final = 1_000
_LONGEST_PATH: Final = 200


class HttpJudge:
    """Asks a service of the operator's own by POST, signed (`wire.signature`).

    Options: `backend`, whose base_url is asked, needed; `path` ("/check"), which comes behind that; `kinds`, what the
    service may call its findings ("flagged"); `sources`, whose texts of requests are sent (all), of replies all are.
    Sent: `{"version": 1, "texts": [{"text": …, "source": …}], "context": […]}`, the context in the same form: what was
    asked, where the texts are a reply's. Taken: `{"findings": [{"text": 0, "kind": …, "start": …, "end": …,
    "score": …}]}`: the number of a text; start and end, both or none of them, in its code points; a score from 0 to 1.
    Kinds: `http.<kind>`.
    Limits: 64 texts and 64,000 characters of them are sent, 32,000 of the context. A text of more than 8,000 comes in
    parts, which overlap, as texts of their own. A service that names other kinds, texts or places has said nothing.
    """

    name = "http"
    version = "2"
    kinds: Sequence[str] = ("http.*",)
    stages: Sequence[Stage] = tuple(Stage)
    is_windowed = True
    locates = True
    whom = Whom.BACKEND

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("backend", "path", "kinds", "sources"))
        self.asked = settings.needed("backend")
        self._path = _path(settings.text("path", "/check"))
        self._names = settings.names("kinds", ("flagged",))
        self._sources = frozenset(settings.choices("sources", SOURCES, SOURCES))
        self.kinds = tuple(f"http.{each}" for each in self._names)

    def question(self, pieces: Sequence[Piece], context: Sequence[Piece]) -> Question | None:
        texts = self._parts(pieces, _ROOM)
        if not texts:
            return None
        body = {
            "version": _VERSION,
            "texts": _written(texts, pieces),
            "context": _written(self._parts(context, _CONTEXT_ROOM), context),
        }
        return Question(self._path, encode(body))

    def opinion(self, answer: bytes, pieces: Sequence[Piece]) -> list[Judged]:
        findings = document(answer).get("findings")
        if type(findings) is not list or len(findings) > _MOST_FINDINGS:
            raise OpinionError(f"The answer has no list of at most {_MOST_FINDINGS} findings.")
        parts = self._parts(pieces, _ROOM)
        return placed(self._judged(each, parts) for each in findings)

    def _parts(self, pieces: Sequence[Piece], room: int) -> list[Extract]:
        return extracts(pieces, self._sources, size=_SIZE, most=_MOST, overlap=_OVERLAP, room=room)

    def _judged(self, finding: Any, parts: Sequence[Extract]) -> Judged:
        if type(finding) is not dict:
            raise OpinionError("A finding of the answer is no object.")
        number = finding.get("text")
        if type(number) is not int or not 0 <= number < len(parts):
            raise OpinionError("A finding is in a text that was not sent.")
        kind = finding.get("kind")
        if kind not in self._names:
            raise OpinionError("A finding is of a kind that the settings do not have.")
        part = parts[number]
        start, end = _span(finding, len(part.text))
        return Judged(part.piece, Finding(part.start + start, part.start + end, f"http.{kind}", _score(finding)))


def _written(parts: Sequence[Extract], pieces: Sequence[Piece]) -> list[dict[str, str]]:
    return [{"text": each.text, "source": pieces[each.piece].source} for each in parts]


def _span(finding: Mapping[str, Any], size: int) -> tuple[int, int]:
    """Where in its text a finding is; it is the whole text where neither start nor end are given."""
    if "start" not in finding and "end" not in finding:
        return 0, size
    start, end = finding.get("start"), finding.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= size:
        raise OpinionError("A finding has a place that is not in its text.")
    return start, end


def _score(finding: Mapping[str, Any]) -> float:
    score = finding.get("score", 1)
    if type(score) not in {int, float} or not 0 <= score <= 1:
        raise OpinionError("A finding has a score that is no number from 0 to 1.")
    return float(score)


def _path(path: str) -> str:
    is_plain = path.isascii() and path.isprintable() and not set(path) & set(' "<>\\^`{|}#')
    if not path.startswith("/") or not is_plain or len(path) > _LONGEST_PATH:
        raise OptionError("path", f"path must be a path such as /check, of at most {_LONGEST_PATH} characters.")
    return path
