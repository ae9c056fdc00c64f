"""Judges in a chain: what follows from what they say of an exchange's texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from llmgateway.domain.verdict import Action, Mode, Stage
from llmgateway.guarding.chain import Hit, Linked
from llmgateway.guarding.holdback import Blocked
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.pieces import Said, as_read, pieces_of
from llmgateway.guarding.places import Places
from llmgateway.ports.asking import AskingJudge
from llmgateway.ports.judge import Judge, Judged, Piece


@dataclass(frozen=True, slots=True)
class JudgeLink(Linked):
    """One judge as a route uses it; it flags or blocks, and one that finds places may redact.

    `timeout_s`, `fails_closed`: of one that takes its time.
    """

    guardrail: Judge | AskingJudge
    timeout_s: float = 2.0
    fails_closed: bool = False  # nothing passes that it could not be asked about
    definition: str = (
        ""  # its plug-in and settings: what has the same is the same judge, whichever configuration made it
    )
    is_slow: bool = False  # it takes its time: it asks somebody, or needs a process of its own
    is_windowed: bool = False  # it may be asked about a part of a text
    locates: bool = False  # what it finds are places

    @property
    def must_answer(self) -> bool:
        """Whether what it looks at has to wait for it."""
        return self.is_enforced or (self.mode is Mode.ENFORCE and self.fails_closed)


def ask(links: Sequence[JudgeLink], document: Mapping[str, Any], notes: Notes) -> None:
    """Have every quick judge look at a request. Raises Blocked where one does not let it pass."""
    judge_all(links, pieces_of(document), Stage.REQUEST, notes)


def judge_all(links: Sequence[JudgeLink], pieces: Sequence[Piece], stage: Stage, notes: Notes) -> None:
    """Have every quick judge look at these texts. Raises as `judge_read`."""
    judge_read(links, as_read(pieces), stage, notes)


def judge_read(links: Sequence[JudgeLink], pieces: Sequence[Piece], stage: Stage, notes: Notes) -> None:
    """The same of texts that are `as_read` already. Raises Blocked where a judge does not let them pass, RuntimeError
    where one fails.
    """
    for link in links:
        try:
            judged = cast(Judge, link.guardrail).judge(pieces)
        except Exception as error:  # noqa: BLE001 - what it says may quote a text, and it is logged
            failed = RuntimeError(f"{link.name}: {type(error).__name__}")
            raise failed.with_traceback(error.__traceback__) from None
        weigh(link, judged, stage, notes)


def shown_to(link: JudgeLink, said: Sequence[Said]) -> list[Piece]:
    """The texts of a reply that a judge is asked about: all, unless it says itself which."""
    looks_at = getattr(link.guardrail, "looks_at", None)
    return [each.piece for each in said if looks_at is None or looks_at(each.path)]


def weigh(
    link: JudgeLink,
    judged: Sequence[Judged],
    stage: Stage,
    notes: Notes,
    *,
    pieces: Sequence[Piece] = (),
    places: Places | None = None,
) -> None:
    """Note what a judge said. Raises Blocked where it does not let the texts pass.

    `places` takes what it has found in the `pieces`; without, nothing can be replaced, and what redacts does not let
    them pass either.
    """
    hits = [Hit(found.start, found.end, link, found.kind, found.score) for _, found in judged]
    notes.add(stage, hits)
    if places is not None and link.locates:
        for (at, _), hit in zip(judged, hits, strict=True):
            places.add(pieces[at], hit)
    if hits and link.is_enforced and not (link.redacts and places is not None):
        raise Blocked(hits[0])


def note_failure(link: JudgeLink, why: str, stage: Stage, notes: Notes) -> None:
    """Note that a judge gave no answer, and what follows from that."""
    closed = Action.BLOCK if link.fails_closed else Action.FLAG
    notes.add(stage, [Hit(0, 0, replace(link, action=closed), f"error.{why}", 1.0)])


def may_pass(links: Sequence[JudgeLink], why: str, stage: Stage, notes: Notes) -> bool:
    """Note that none of those whom something waits for can be asked about it; whether it goes on all the same."""
    waited_for = [link for link in links if link.must_answer]
    for link in waited_for:
        note_failure(link, why, stage, notes)
    return not any(link.fails_closed for link in waited_for)
