"""What guardrails would find in a text, and what would follow, for people who try them: nothing is counted. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

from llmgateway.domain.verdict import Action, Stage
from llmgateway.guarding.chain import Chain, Hit, strictest, united
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.segments import Segmented
from llmgateway.ports.judge import Judge, Piece
from llmgateway.wire.view import View

_SOURCES: Final = {Stage.REQUEST: "user", Stage.REPLY: "assistant"}


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: `text[start:end]` of the text that was given, in code points."""

    guardrail: str
    kind: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a text. `redacted`: it as it would go on or, where it is blocked, with what was found replaced."""

    action: Action
    redacted: str
    findings: Sequence[Found]
    not_asked: Sequence[str] = ()  # those that take their time: nothing is sent to anybody to try them

    def shown(self) -> dict[str, Any]:
        """Give it as the admin API says it."""
        findings = [asdict(each) for each in self.findings]
        shown = {"action": self.action.value, "redacted": self.redacted, "findings": findings}
        return shown | {"not_asked": list(self.not_asked)} if self.not_asked else shown


@dataclass(frozen=True, slots=True)
class Panel:
    """Everybody who is asked about a text."""

    chain: Chain
    judges: Sequence[JudgeLink] = ()

    def check(self, text: str, stage: Stage) -> Checked:
        """Ask them all about a text of that stage."""
        inside = Segmented(text)
        hits = self.chain.hits(View(inside.joined))
        judged = self._judged(text, stage)
        return Checked(
            action=strictest([*hits, *judged]),
            redacted=_redacted(text, inside, united(hit for hit in hits if hit.link.is_enforced)),
            findings=sorted([*(_found(hit, inside) for hit in hits), *map(_whole, judged)], key=_place),
            not_asked=[link.name for link in self.judges if link.is_slow],
        )

    def _judged(self, text: str, stage: Stage) -> list[Hit]:
        piece = Piece(text, _SOURCES[stage])
        return [
            Hit(start, end, link, kind, score)
            for link in self.judges
            if not link.is_slow
            for _, (start, end, kind, score) in cast(Judge, link.guardrail).judge([piece])
        ]


def _found(hit: Hit, inside: Segmented) -> Found:
    start, end, _ = inside.written(hit.start, hit.end)
    return Found(hit.link.name, hit.kind, start, end, hit.score)


def _whole(hit: Hit) -> Found:
    return Found(hit.link.name, hit.kind, hit.start, hit.end, hit.score)


def _place(found: Found) -> tuple[int, int]:
    return found.start, -found.end


def _redacted(text: str, inside: Segmented, hits: Sequence[Hit]) -> str:
    placeholders = Placeholders(text)
    pieces: list[str] = []
    at = 0
    for hit in hits:
        start, end, quote = inside.written(hit.start, hit.end)
        stand_in = placeholders.stand_in(hit, inside.joined[hit.start : hit.end])
        pieces += (text[at:start], f"{quote}{stand_in}{quote}")
        at = end
    pieces.append(text[at:])
    return "".join(pieces)
