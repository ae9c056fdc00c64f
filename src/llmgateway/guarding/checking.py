"""What guardrails would find in a text, and what would follow, for people who try them: nothing is counted. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

from llmgateway.config.guardrails import binds
from llmgateway.domain.verdict import Action, Stage
from llmgateway.guarding.binding import Binder
from llmgateway.guarding.chain import Chain, Hit, Linked, strictest, united
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
    """What came of a text. `redacted`: it as it would go on or, where it is blocked, with what was found replaced.

    `not_asked`: those that take their time, as nothing is sent to anybody to try them; `unbound`: those that judge a
    reply by its request, which is not known.
    """

    action: Action
    redacted: str
    findings: Sequence[Found]
    not_asked: Sequence[str] = ()
    unbound: Sequence[str] = ()

    def shown(self) -> dict[str, Any]:
        """Give it as the admin API says it."""
        findings = [asdict(each) for each in self.findings]
        shown = {"action": self.action.value, "redacted": self.redacted, "findings": findings}
        others = {"not_asked": list(self.not_asked), "unbound": list(self.unbound)}
        return shown | {name: names for name, names in others.items() if names}


@dataclass(frozen=True, slots=True)
class Panel:
    """Everybody who is asked about a text."""

    chain: Chain
    judges: Sequence[JudgeLink] = ()
    prompts: Sequence[str] = ()  # of the route's versions

    def check(self, text: str, stage: Stage, document: Mapping[str, Any] | None = None) -> Checked:
        """Ask them all about a text of that stage. `document`: of a reply, the request that it answers, if known."""
        inside = Segmented(text)
        chain = self.chain if document is None else self._binder(document).bound(self.chain)
        hits = chain.hits(View(inside.joined))
        judged = self._judged(text, stage, document)
        found = (each.hit for link in chain.links for each in inside.placed(hit for hit in hits if hit.link is link))
        return Checked(
            action=strictest([*hits, *judged]),
            redacted=_redacted(text, inside, united(hit for hit in hits if hit.link.is_enforced)),
            findings=sorted(map(_found, (*found, *judged)), key=_place),
            not_asked=[link.name for link in self.judges if link.is_slow],
            unbound=[link.name for link in self._binding] if document is None else (),
        )

    @property
    def _binding(self) -> list[Linked]:
        every: list[Linked] = [*self.chain.links, *self.judges]
        return [link for link in every if binds(link.guardrail)]

    def _binder(self, document: Mapping[str, Any]) -> Binder:
        return Binder([link.guardrail for link in self._binding], document, self.prompts)

    def _judged(self, text: str, stage: Stage, document: Mapping[str, Any] | None) -> list[Hit]:
        judges = self.judges if document is None else self._binder(document).judges(self.judges)
        piece = Piece(text, _SOURCES[stage])
        return [
            Hit(start, end, link, kind, score)
            for link in judges
            if not link.is_slow
            for _, (start, end, kind, score) in cast(Judge, link.guardrail).judge([piece])
        ]


def _found(hit: Hit) -> Found:
    return Found(hit.link.name, hit.kind, hit.start, hit.end, hit.score)


def _place(found: Found) -> tuple[int, int]:
    return found.start, -found.end


def _redacted(text: str, inside: Segmented, hits: Sequence[Hit]) -> str:
    placeholders = Placeholders(text)
    pieces: list[str] = []
    at = 0
    for hit, value, quote, _ in sorted(inside.placed(hits), key=lambda each: each.hit[:2]):
        said = placeholders.stand_in(hit, value) if value else ""
        pieces += (text[at : hit.start], f"{quote}{said}{quote}")
        at = hit.end
    pieces.append(text[at:])
    return "".join(pieces)
