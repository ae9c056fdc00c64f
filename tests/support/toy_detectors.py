"""A guardrail and a judge that are simple enough to know what they must give."""

import string
from typing import NamedTuple

import re2

from llmgateway.domain.verdict import Finding
from llmgateway.ports.guardrail import OptionError

MAIL = re2.compile(rb"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")
OPEN = string.ascii_letters + string.digits + "._+-@"


class ToyGuardrail:
    """Finds addresses of e-mail, and says `kind` to them."""

    name = "pii"
    version = "1"

    def __init__(self, options):
        for each in options:
            if each != "kind":
                raise OptionError(each, "There is no such setting.")
        self.kind = options.get("kind", "email")
        self.kinds = (self.kind,)

    def find(self, view, start=0):
        found = (Finding(each.start(), each.end(), self.kind) for each in MAIL.finditer(view.octets))
        return [each for each in found if each.start >= start]

    def settled(self, view, start=0):
        return max(start, len(view.folded.rstrip(OPEN)))

    def continues(self, kind, text):
        return len(text) - len(text.lstrip(OPEN))


class Hasty(ToyGuardrail):
    """Lets everything go at once, and so gives other things in streams than in whole texts."""

    def settled(self, view, start=0):
        return len(view.text)


class Piece(NamedTuple):
    text: str
    source: str


class Judged(NamedTuple):
    piece: int
    finding: Finding


class ToyJudge:
    """Scores by words, and flags what tools bring from a lower score on."""

    name = "injection"
    words = ("ignore", "instructions", "prompt", "無視", "指示")

    def __init__(self, options):
        self.thresholds = {"tool": options.get("strict_threshold", 0.2)}
        self.usual = options.get("threshold", 0.4)

    def judge(self, pieces):
        found = []
        for number, piece in enumerate(pieces):
            score = sum(word in piece.text.lower() for word in self.words) / len(self.words)
            if score >= self.thresholds.get(piece.source, self.usual):
                found.append(Judged(number, Finding(0, len(piece.text), "injection.word", score)))
        return found
