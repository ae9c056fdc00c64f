"""A reply that comes in deltas, as the gateway passes it on: the end of it that may become a value waits."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.guardrails.dice import Dice
from llmgateway.domain.verdict import Action
from llmgateway.guarding.chain import Chain, Link, united
from llmgateway.guarding.holdback import HoldBack, joined
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.ports.guardrail import Guardrail
from llmgateway.wire.view import View


@dataclass(frozen=True, slots=True)
class Run:
    """What one reply came to: characters that waited after each delta, what went on, seconds of CPU."""

    held: list[int]
    text: str
    seconds: float


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
    """Feed them to a hold-back, with everything that is found redacted."""
    links, held, parts = _linked(group), [], []
    hold = _hold(links)
    for piece in pieces:
        parts += hold.feed(piece)
        held.append(len(hold.held))
    parts += hold.finish()
    return Run(held, joined(parts), _timed(links, pieces))


def whole(group: Sequence[Guardrail], text: str) -> str:
    """The text as it is redacted where all of it is there at once."""
    links, placeholders, parts, at = _linked(group), Placeholders(), [], 0
    for hit in united(links.enforced_hits(View(text))):
        parts += [text[at : hit.start], placeholders.stand_in(hit, text[hit.start : hit.end])]
        at = hit.end
    return "".join((*parts, text[at:]))


def _linked(group: Sequence[Guardrail]) -> Chain:
    return Chain([Link(each.name, each, Action.REDACT) for each in group])


def _hold(links: Chain) -> HoldBack:
    return HoldBack(links, Notes(), Placeholders())


def _timed(links: Chain, pieces: Sequence[str]) -> float:
    """All of it again at a stretch: asking the clock at every delta would cost more than some guardrails do."""
    started = time.process_time()
    hold = _hold(links)
    for piece in pieces:
        hold.feed(piece)
    hold.finish()
    return time.process_time() - started
