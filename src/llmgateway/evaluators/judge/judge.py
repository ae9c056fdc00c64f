"""The evaluator `judge`: asks a model of this gateway how an answer is, or which of two is better."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from llmgateway.evaluators.judge.rubric import messages, read, shortened
from llmgateway.ports.asking import Question
from llmgateway.ports.evaluator import Case, Given, Unknown, Why
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.options import OptionError, Options

FORMS: Final = ("binary", "three_way", "pairwise")
_KNOWN: Final = ("route", "rubric", "rubric_version", "form", "score", "max_characters")
_LONGEST_RUBRIC: Final = 8_000
_MAX_TOKENS: Final = 300
_PATH: Final = "/v1/chat/completions"
_VERDICTS: Final = {
    "binary": ("pass", "fail"),
    "three_way": ("good", "mixed", "bad"),
    "pairwise": ("first", "second", "tie"),
}
_MEANINGS: Final = {
    "binary": '"pass" where the answer satisfies the rules, else "fail"',
    "three_way": '"good" where the answer satisfies the rules, "bad" where it breaks one that matters, else "mixed"',
    "pairwise": '"first" or "second", whichever answer is better by the rules, or "tie" where neither clearly is',
}
_WINS: Final = {("first", "second"): "better", ("second", "first"): "worse"}


class JudgeEvaluator:
    """Asks a model with a rubric.

    Options: `route`, who is asked; `rubric`, the rules, in words; `rubric_version`, its name (by default a digest of
    rubric and form); `form`: `binary` (pass or fail, the default), `three_way` (good, mixed, bad) or `pairwise` (a
    shadow's answer against the stable version's); `score` (`judged`), what the score is called: the name under which
    people score the same thing; `max_characters` (12,000), how much of the texts is shown.
    Scores: with `binary` true (pass) or false; with `three_way` one of the three; with `pairwise`, on the copy,
    `better`, `worse` or `tie`. Pairs are judged in both orders, and where the two verdicts disagree it is a tie.
    Limits: a model can be talked into its verdict by the text it judges; marks make that harder, not impossible. Judges
    prefer their own family's answers, and longer ones. An answer in another form than asked for is no verdict and never
    a bad score.
    """

    name = "judge"
    version = "1"
    needs_reference = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, _KNOWN)
        self.asked = settings.needed("route")
        self._rubric = settings.needed("rubric")
        if len(self._rubric) > _LONGEST_RUBRIC:
            raise OptionError("rubric", f"rubric must have at most {_LONGEST_RUBRIC} characters.")
        self._form = settings.text("form", FORMS[0])
        if self._form not in FORMS:
            raise OptionError("form", f"form must be one of {', '.join(FORMS)}.")
        self._room = settings.whole("max_characters", 12_000, 500, 100_000)
        self.needs_reference = self._form == "pairwise"
        self.gives: Sequence[str] = (settings.name("score", "judged"),)
        digest = sha256(f"{self.version}\0{self._form}\0{self._rubric}".encode("utf-8", "replace")).hexdigest()[:12]
        self.rubric = settings.name("rubric_version", digest)

    def questions(self, case: Case) -> Sequence[Question] | Unknown:
        if case.answer is None:
            return Unknown(case.unseen)
        asked = [each.text for each in case.prompt if each.source == "user"]
        said = case.answer.strip() or case.refused
        if not asked or not said:
            return Unknown(Why.NO_ANSWER)
        room = self._room // 3
        shown = ("what the user asked", shortened("\n\n".join(asked[-3:]), room))
        answer = shortened(said, room)
        if self._form != "pairwise":
            return (self._question([shown, ("the answer", answer)]),)
        if case.reference is None:
            return Unknown(Why.NO_REFERENCE)
        stable = shortened(case.reference, room)
        orders = ((answer, stable), (stable, answer))
        return [self._question([shown, ("the first answer", one), ("the second answer", two)]) for one, two in orders]

    def opinion(self, answers: Sequence[bytes]) -> Sequence[Given]:
        said = [read(answer, _VERDICTS[self._form]) for answer in answers]
        verdict, reason = said[0]
        (name,) = self.gives
        if self._form == "binary":
            return (Given(name, verdict == "pass", verdict == "fail", reason or None),)
        if self._form == "three_way":
            return (Given(name, verdict, verdict == "bad", reason or None),)
        found = _WINS.get((verdict, said[1][0]), "tie")
        why = reason if found != "tie" or verdict == said[1][0] else "the two orders disagree"
        return (Given(name, found, found == "worse", why or None),)

    def _question(self, texts: Sequence[tuple[str, str]]) -> Question:
        body = {
            "model": self.asked,
            "messages": messages(self._rubric, _VERDICTS[self._form], _MEANINGS[self._form], texts),
            "temperature": 0,
            "max_tokens": _MAX_TOKENS,
            "stream": False,
        }
        return Question(_PATH, encode(body))
