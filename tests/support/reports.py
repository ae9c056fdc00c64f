"""Reports of made figures, and pages as a browser reads them."""

from html.parser import HTMLParser
from typing import Any

from llmgateway.ports.report import Kept, Took, Traffic
from llmgateway.ports.rollouts import ApprovalRecord, RolloutRecord, TransitionRecord
from llmgateway.report.document import Report, RouteReport
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


def route_report(**changes: Any) -> RouteReport:
    """One with something in every section."""
    values: dict[str, Any] = {
        "route": "support",
        "service": service_of(
            [traffic(90), traffic(60, 1, served="v2", assigned="v2"), failed(3, 1)], [took(90), took(60, 1.2, 1, "v2")], [], []
        ),
        "rollouts": [
            story_of(record(), [move(1, event="start"), move(2, event="promote", actor="ann", reason=HOSTILE)], [approval()])
        ],
    }  # fmt: skip
    return RouteReport(**(values | changes))


def made(*routes: RouteReport, route: str | None = "support", kept: Kept | None = None, **changes: Any) -> Report:
    wanted = WantedReport(START, START + 2 * DAY, START + 2 * DAY, route)
    kept = kept or Kept(START, 0, START)
    values: dict[str, Any] = {
        "wanted": wanted, "kept": kept, "periods": periods_of(wanted, kept), "routes": routes or (route_report(),),
        "routes_left_out": 0, "homeless": 0,
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
