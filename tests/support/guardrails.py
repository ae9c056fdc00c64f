"""Guardrails that are simple enough to be obviously right, for tests of what is made of them."""

import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

from llmgateway import plugins
from llmgateway.domain.verdict import Action, Finding, Mode, Stage
from llmgateway.guarding.chain import Chain, Link
from llmgateway.ports.asking import OpinionError, Question, Whom
from llmgateway.ports.guardrail import Guardrail
from llmgateway.ports.judge import Judged, Piece
from llmgateway.wire.jsoncodec import decode, encode
from llmgateway.wire.options import OptionError, Options
from llmgateway.wire.view import View


class Runs:
    """Finds runs of some characters that are long enough, however long."""

    name = "runs"
    version = "1"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.alphabet: str = options.get("alphabet", "0123456789")
        self.least: int = options.get("least", 4)
        self.kind: str = options.get("kind", "number")
        self.kinds: Sequence[str] = (self.kind,)

    def find(self, view: View, start: int = 0) -> list[Finding]:
        runs = (match.span() for match in re.finditer(f"[{re.escape(self.alphabet)}]+", view.text))
        return [Finding(at, end, self.kind) for at, end in runs if end - at >= self.least and at >= start]

    def settled(self, view: View, start: int = 0) -> int:
        return max(start, len(view.text.rstrip(self.alphabet)))

    def continues(self, kind: str, text: str) -> int:
        return len(text) - len(text.lstrip(self.alphabet))


class Word:
    """Finds one word wherever it stands."""

    name = "word"
    version = "7"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.word: str = options["word"]
        self.kinds: Sequence[str] = ("word",)

    def find(self, view: View, start: int = 0) -> list[Finding]:
        found, at = [], view.text.find(self.word)
        while at >= 0:
            if at >= start:
                found.append(Finding(at, at + len(self.word), "word"))
            at = view.text.find(self.word, at + len(self.word))
        return found

    def settled(self, view: View, start: int = 0) -> int:
        text = view.text
        for size in range(min(len(self.word) - 1, len(text) - start), 0, -1):
            if self.word.startswith(text[-size:]):
                return len(text) - size
        return len(text)

    def continues(self, kind: str, text: str) -> int:
        return 0


class Named(Runs):
    """Finds runs of digits behind a name, as in `pin": "1234`, in whole texts."""

    name = "named"

    def find(self, view: View, start: int = 0) -> list[Finding]:
        found = super().find(view, start)
        return [each for each in found if view.text[: each.start].rstrip('": ').endswith("pin")]


class Fragile(Runs):
    """Fails on a text with `boom` in it."""

    name = "fragile"

    def find(self, view: View, start: int = 0) -> list[Finding]:
        if "boom" in view.text:
            raise RuntimeError("a guardrail failed")
        return super().find(view, start)


class Redactor(Runs):
    """In the place of those that redact what is stored: finds runs of capitals that begin with a Z."""

    name = "pii"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__({"alphabet": "Z", "least": 3, "kind": "mark"})


class OtherRedactor(Redactor):
    name = "secrets"


class Told(Word):
    """Finds the words of the system prompt in a reply: bound to an exchange it knows which these are."""

    name = "told"
    stages = (Stage.REPLY,)
    kinds = ("told",)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.word = ""

    def bind(self, document: Mapping[str, Any], pieces: Sequence[Piece]) -> "Told | None":
        self.asked.append(document)
        bound = Told({})
        bound.word = next((piece.text for piece in pieces if piece.source == "system"), "")
        return bound if bound.word else None

    def find(self, view: View, start: int = 0) -> list[Finding]:
        return [each._replace(kind="told") for each in super().find(view, start)] if self.word else []


class Shouting:
    """A judge: a text of a tool that is all capitals is an attack."""

    name = "shouting"
    version = "1"
    kinds = ("shouting.loud",)
    stages = tuple(Stage)
    is_heavy = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.source = options.get("source", "tool")

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        return [
            Judged(at, Finding(0, len(piece.text), "shouting.loud", 0.9))
            for at, piece in enumerate(pieces)
            if piece.source == self.source and piece.text.isupper()
        ]


class Oracle:
    """Asks a route whether a text is bad; the answer is `yes`, `no`, or makes no sense."""

    name = "oracle"
    version = "3"
    kinds = ("oracle.bad",)
    stages = tuple(Stage)
    is_windowed = True
    whom = Whom.ROUTE

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("route", "windowed"))
        self.asked = settings.text("route", "oracle")
        self.is_windowed = settings.flag("windowed", default=True)

    def question(self, pieces: Sequence[Piece], context: Sequence[Piece]) -> Question | None:
        messages = [{"role": "user", "content": piece.text} for piece in (*context, *pieces)]
        return Question("/v1/chat/completions", encode({"model": self.asked, "messages": messages}))

    def opinion(self, answer: bytes, pieces: Sequence[Piece]) -> list[Judged]:
        said = decode(answer)["choices"][0]["message"]["content"]
        if said not in {"yes", "no"}:
            raise OpinionError("neither yes nor no")
        return [Judged(0, Finding(0, len(pieces[0].text), "oracle.bad"))] if said == "yes" else []


class Ponderer:
    """A heavy judge: ponders on a text for as long as it says, and finds fault with one that it calls bad."""

    name = "ponderer"
    version = "1"
    kinds = ("ponderer.bad",)
    stages = tuple(Stage)
    is_heavy = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = dict(options)

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        for piece in pieces:
            if "die" in piece.text:
                os.kill(os.getpid(), signal.SIGKILL)
            if "stumble" in piece.text:
                raise OptionError("text", piece.text)
            if "ponder" in piece.text:
                time.sleep(60)
        found = [(at, piece.text) for at, piece in enumerate(pieces) if "bad" in piece.text]
        return [Judged(at, Finding(0, len(text), "ponderer.bad")) for at, text in found]


HERE = "tests.support.guardrails"
INSTALLED = {
    "fragile": f"{HERE}:Fragile",
    "runs": f"{HERE}:Runs",
    "told": f"{HERE}:Told",
    "word": f"{HERE}:Word",
    "pii": f"{HERE}:Redactor",
    "secrets": f"{HERE}:OtherRedactor",
}


def install(monkeypatch) -> None:
    """Have the gateway know these and no other guardrails."""
    judges = {"length": plugins.BUILT_IN["judge"]["length"], "shouting": f"{HERE}:Shouting"}
    judges |= {"oracle": f"{HERE}:Oracle", "ponderer": f"{HERE}:Ponderer"}
    monkeypatch.setattr(plugins, "BUILT_IN", {**plugins.BUILT_IN, "guardrail": INSTALLED, "judge": judges})


def numbers(action: Action = Action.REDACT, mode: Mode = Mode.ENFORCE, *, restore: bool = False, **options) -> Link:
    return Link("numbers", Runs(options), action, mode, restore)


def word(text: str, action: Action = Action.REDACT, mode: Mode = Mode.ENFORCE) -> Link:
    return Link("word", Word({"word": text}), action, mode)


def chain(*links: Link) -> Chain:
    return Chain(links)


def waits(guardrail: Guardrail, text: str, value: str) -> bool:
    """Whether a value waits in streams for all that decides about it, so that early findings are those of the whole."""
    start, found = text.index(value), guardrail.find(View(text))
    for cut in range(len(text)):
        settled = guardrail.settled(View(text[:cut]))
        early = [each for each in guardrail.find(View(text[:cut])) if each.start < settled]
        if start < settled < start + len(value) or early != [each for each in found if each.start < settled]:
            return False
    return True
