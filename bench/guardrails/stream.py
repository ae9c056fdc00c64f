"""A reply that comes in deltas, as guardrails see it: a window that begins before what is held back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.guardrails.dice import Dice
from llmgateway.domain.verdict import Finding
from llmgateway.ports.guardrail import MAX_OPEN, REACH, Guardrail
from llmgateway.wire.view import View


@dataclass(slots=True)
class Run:
    """What one reply came to: characters that waited after each delta, all findings, seconds of CPU."""

    held: list[int] = field(default_factory=list)
    found: set[tuple[int, int, str]] = field(default_factory=set)
    seconds: float = 0.0


def deltas(text: str, dice: Dice) -> list[str]:
    """Cut a text into pieces of about a token's size."""
    low, high = (1, 2) if dice.language == "ja" else (1, 6)
    pieces, at = [], 0
    while at < len(text):
        size = dice.number(low, high)
        pieces.append(text[at : at + size])
        at += size
    return pieces


def run(group: Sequence[Guardrail], pieces: Sequence[str]) -> Run:
    """Feed them; what no guardrail's rules can change any more is let go after each."""
    told, text, done = Run(), "", 0
    for piece in pieces:
        text += piece
        begins = max(0, done - REACH)
        window = text[begins:]
        started = time.process_time()
        view = View(window)
        findings = [each.find(view, done - begins) for each in group]
        cut = min(each.settled(view, done - begins) for each in group) + begins
        told.seconds += time.process_time() - started
        if len(text) - cut > MAX_OPEN:  # a finding that reaches the end: a stream shows its replacement at once
            cut = len(text) - MAX_OPEN
        told.found |= _before(findings, begins, cut)
        told.held.append(len(text) - cut)
        done = cut
    told.found |= _before(
        [each.find(View(text[max(0, done - REACH) :]), min(done, REACH)) for each in group],
        max(0, done - REACH),
        len(text) + 1,
    )
    return told


def _before(findings: Sequence[Sequence[Finding]], begins: int, cut: int) -> set[tuple[int, int, str]]:
    """What begins before the cut, by its place in the whole text."""
    return {
        (found.start + begins, found.end + begins, found.kind)
        for several in findings
        for found in several
        if found.start + begins < cut
    }


def whole(group: Sequence[Guardrail], text: str) -> set[tuple[int, int, str]]:
    """What the whole text gives."""
    view = View(text)
    return _before([each.find(view) for each in group], 0, len(text))
