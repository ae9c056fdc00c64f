"""A reply that comes in deltas, as guardrails see it: a window that begins before what is held back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.guardrails.dice import Dice
from llmgateway.domain.verdict import Finding
from llmgateway.ports.guardrail import MAX_OPEN, REACH, Guardrail
from llmgateway.wire.heads import NOTHING, Above
from llmgateway.wire.rows import below
from llmgateway.wire.view import View, fold


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
    told, text, done, above, begins = Run(), "", 0, NOTHING, 0
    windows: list[tuple[str, int, Above]] = []
    for piece in pieces:
        text += piece
        above, begins = _moved(above, text, begins, done)
        windows.append((text[begins:], done - begins, above))
        findings, cut = _looked(group, *windows[-1])
        # Beyond the limit a finding reaches the end: a stream shows its replacement at once.
        done = max(begins + cut, len(text) - MAX_OPEN)
        told.found |= _before(findings, begins, done)
        told.held.append(len(text) - done)
    above, begins = _moved(above, text, begins, done)
    view = View(text[begins:], above)
    told.found |= _before([each.find(view, done - begins) for each in group], begins, len(text))
    told.seconds = _timed(group, windows)
    return told


def _moved(above: Above, text: str, begins: int, done: int) -> tuple[Above, int]:
    """Where a window begins now, and what is known of what stands before it."""
    begin = max(0, done - REACH)
    return below(above, fold(text[begins:begin])) if begin > begins else above, begin


def _looked(group: Sequence[Guardrail], window: str, start: int, above: Above) -> tuple[list[list[Finding]], int]:
    view = View(window, above)
    findings = [each.find(view, start) for each in group]
    return findings, min(each.settled(view, start) for each in group)


def _timed(group: Sequence[Guardrail], windows: Sequence[tuple[str, int, Above]]) -> float:
    """All of it again at a stretch: asking the clock at every delta would cost more than some guardrails do."""
    started = time.process_time()
    for window, start, above in windows:
        _looked(group, window, start, above)
    return time.process_time() - started


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
