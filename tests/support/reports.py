"""Reports of made figures, and pages as a browser reads them."""

from html.parser import HTMLParser
from typing import Any

from tests.support.reviews import item, review

from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.domain.review import Concern, ConcernState, Severity
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.ports.generations import GenerationHead
from llmgateway.ports.report import Found, Kept, Labelled, Reviewed, Took, Traffic
from llmgateway.ports.rollouts import ApprovalRecord, EpochCount, RolloutRecord, TransitionRecord
from llmgateway.ports.scores import Group
from llmgateway.report.document import Report, RouteReport
from llmgateway.report.findings import findings_of
from llmgateway.report.people import Some, changes_of, concerns_of, reviews_of
from llmgateway.report.quality import quality_of
from llmgateway.report.rollouts import story_of
from llmgateway.report.service import service_of
from llmgateway.report.wanted import WantedReport, periods_of

START = 1_700_000_000.0
DAY = 86_400.0
HOSTILE = "<script>alert(1)</script>\"'&\u202e\x1b[2J|`*_[x](javascript:y)\n# heading"
VOID = {"br", "hr", "input", "link", "meta"}


def traffic(count: int = 1, period: int = 0, **changes: Any) -> Traffic:
    made = Traffic(
        period, "support", "v1", "v1", "completed", 200, None, False, count, count, 0.5 * count, START, START + DAY
    )
    return made._replace(**changes)


def failed(count: int = 1, period: int = 0, **changes: Any) -> Traffic:
    given = {"served": None, "end": "upstream_error", "status": 502, "error_code": "upstream_error"}
    return traffic(count, period, **(given | changes))


def took(answers: int = 1, seconds: float = 0.5, period: int = 0, version: str = "v1") -> Took:
    return Took(period, seconds, version, "support", answers)


def record(**changes: Any) -> RolloutRecord:
    values: dict[str, Any] = {
        "id": "r1", "route": "support", "candidate": "v2", "stable": "v1", "version_hash": "c0ffee", "stable_hash": "d0d0",
        "creator": "ann", "created_at": START, "unit_key": "00", "policy": {}, "place": {}, "state": "rolled_back",
        "revision": 3, "filed": 7,
    }  # fmt: skip
    return RolloutRecord(**(values | changes))


def move(revision: int = 1, **changes: Any) -> TransitionRecord:
    values: dict[str, Any] = {
        "rollout": "r1", "revision": revision, "key": str(revision), "at": START + revision, "event": "advance",
        "from_state": "canary", "to_state": "canary", "pause": None, "step": 1, "epoch": 1, "weight": 0.1, "actor": "",
        "reason": "", "evidence": {}, "evidence_hash": "e", "generation": 1,
    }  # fmt: skip
    return TransitionRecord(**(values | changes))


def approval(**changes: Any) -> ApprovalRecord:
    return ApprovalRecord("r1", "bob", "c0ffee", "e", START + 5)._replace(**changes)


def counted(epoch: int = 1, metric: str = "error", **changes: Any) -> EpochCount:
    return EpochCount(epoch, metric, 900, 100, 9, 5)._replace(**changes)


def event(number: int = 1, **changes: Any) -> GatewayEvent:
    values: dict[str, Any] = {
        "id": f"e{number}", "at": START + number, "kind": EventKind.DRIFT, "action": "risen", "severity": EventSeverity.ALARM,
        "text": HOSTILE, "route": "support", "version": "v2",
    }  # fmt: skip
    return GatewayEvent(**(values | changes))


def concern(number: int = 1, **changes: Any) -> Concern:
    values: dict[str, Any] = {
        "id": f"c{number}", "at": START + number, "by": "mika", "route": "support", "version": "v2",
        "severity": Severity.HIGH, "text": HOSTILE, "owner": "chris",
    }  # fmt: skip
    return Concern(**(values | changes))


def accepted(number: int = 1, **changes: Any) -> Concern:
    closed = {"state": ConcernState.ACCEPTED, "closed_at": START + 50, "closed_by": "bob", "closed_reason": HOSTILE}
    return concern(number, **(closed | changes))


def group(count: int = 20, yes: float = 15, **changes: Any) -> Group:
    values: dict[str, Any] = {
        "route": "support", "version": "v1", "name": "helpful", "data_type": DataType.BOOL, "source_kind": SourceKind.USER,
        "category": None, "count": count, "total": yes, "squares": yes,
    }  # fmt: skip
    return Group(**(values | changes))


def found(exchanges: int = 4, **changes: Any) -> Found:
    made = Found("support", "pii", "request", "pii.email", "redact", "enforce", exchanges, 2 * exchanges)
    return made._replace(**changes)


def head(number: int = 1, **changes: Any) -> GenerationHead:
    values: dict[str, Any] = {
        "number": number,
        "at": START + number,
        "author": "ann",
        "reason": HOSTILE,
        "refused": None,
    }
    return GenerationHead(**(values | changes))


def looked() -> list[Any]:
    """Two answers drawn at random, of which two reviewers said the same once."""
    seen = [item(f"x{number}", labels={"quality": "good"}, route="support", served="v1") for number in range(2)]
    return [
        (seen[0], [review(seen[0], "mika"), review(seen[0], "taro")]),
        (seen[1], [review(seen[1], "mika"), review(seen[1], "taro", "bad")]),
    ]


def route_report(**changes: Any) -> RouteReport:
    """One with something in every section."""
    end = START + 2 * DAY
    answers = [traffic(90), traffic(60, 1, served="v2", assigned="v2"), failed(3, 1), traffic(2, assigned="v2")]
    moves = [move(1, event="start"), move(2, event="promote", actor="ann", reason=HOSTILE)]
    values: dict[str, Any] = {
        "route": "support",
        "service": service_of([*answers, traffic(7, is_replay=True)], [took(90), took(60, 1.2, 1, "v2")], [], []),
        "quality": quality_of(
            [group(), group(4, 1, version="v2"), group(9, 20.0, name="length", data_type=DataType.NUMBER, squares=90.0)],
            [Labelled("support", "grounded", "judge-2", "1", "1", 8), Labelled("support", "grounded", "judge-2", "1", "0", 2)],
        ),
        "findings": findings_of([found(), found(2, mode="observe", kind=HOSTILE, action="block")]),
        "rollouts": [story_of(record(), moves, [approval()], [counted()])],
        "events": Some([event(), event(2, cleared_at=START + 9, undone_at=START + 8, undone_by="ann")]),
        "reviews": reviews_of([Reviewed("support", "random", "done", 2)], looked(), "support", end),
        "concerns": concerns_of([concern(1), accepted(2)], START, end),
    }  # fmt: skip
    return RouteReport(**(values | changes))


def empty_route(**changes: Any) -> RouteReport:
    """One of which nothing is known."""
    values: dict[str, Any] = {
        "service": service_of([], [], [], []), "quality": quality_of([], []), "findings": findings_of([]), "rollouts": [],
        "events": Some([]), "reviews": reviews_of([], [], "support", START), "concerns": Some([]),
    }  # fmt: skip
    return route_report(**(values | changes))


def made(*routes: RouteReport, route: str | None = "support", kept: Kept | None = None, **changes: Any) -> Report:
    wanted = WantedReport(START, START + 2 * DAY, START + 2 * DAY, route)
    kept = kept or Kept(START, 0, START)
    values: dict[str, Any] = {
        "wanted": wanted, "kept": kept, "periods": periods_of(wanted, kept), "routes": routes or (route_report(),),
        "routes_left_out": 0, "homeless": 0, "is_cut": False, "events": Some([event(3, route=None, kind=EventKind.BACKEND, backend="one")]),
        "changes": changes_of([head(2), head(1, refused=HOSTILE)]),
    }  # fmt: skip
    return Report(**(values | changes))


class Reader(HTMLParser):
    """Reads a page strictly: `tags` in their order, and `words` that are to be seen. Fails where tags do not match."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> ends nothing"
        opened = self._open.pop()
        assert opened == tag, f"<{opened}> ends with </{tag}>"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader._open == [], "something is not closed"
    return reader
