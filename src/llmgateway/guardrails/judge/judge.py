"""The judge `judge`: a model behind a route of this gateway, asked for its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.verdict import Finding, Stage
from llmgateway.guardrails.judge import llama_guard
from llmgateway.guardrails.judge.chat import Shown, shown
from llmgateway.guardrails.judge.llama_guard import LlamaGuard
from llmgateway.guardrails.judge.rubric import NONE, Rubric
from llmgateway.ports.asking import Question, Whom, reply_text
from llmgateway.ports.judge import SOURCES, Judged, Piece
from llmgateway.wire.extracts import extracts
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.options import OptionError, Options

FORMS: Final = ("llama_guard", "rubric")
_KNOWN: Final = (
    "route", "form", "rubric", "categories", "threshold", "sources", "max_characters", "windowed",
)  # fmt: skip
_SOURCES: Final = ("user", "assistant", "tool")
_SIZE: Final = 2_000
_MOST: Final = 64
_LONGEST_RUBRIC: Final = 8_000


class ModelJudge:
    """Asks a model for its verdict on a conversation, by chat completions of temperature 0.

    Options: `route`, whose model is asked, needed. `form`: "llama_guard" (the default), for models that are served with
    the template of Llama Guard: they judge the last turn; "rubric" for any model: it is told the operator's rules and
    judges all texts of a request, or the reply. `rubric`, those rules, needed for that form and only for it.
    `categories`: those of Llama Guard that count (all), or those that the rubric's findings may have ("flagged").
    `threshold` (0.5): what a rubric's score must reach. `sources`, whose texts of requests are shown (user, assistant,
    tool). `max_characters` (8,000; at most 64,000) of the texts are shown, and half as many of the request where a
    reply is judged. `windowed`, whether a stream may be judged in parts (with llama_guard true, with a rubric false).
    Kinds: `judge.S1` to `judge.S14`, `judge.unsafe` without a category, `judge.other` with one of another list; or
    `judge.<category>`. A finding spans the newest text that was shown: which one is to blame, the model does not say.
    Limits: a model can be talked out of its verdict by the text it judges. Marks around texts make that harder, not
    impossible. What there is no room for is not judged. Reasoning before the answer makes it none.
    """

    name = "judge"
    version = "1"
    kinds: Sequence[str] = ("judge.*",)
    stages: Sequence[Stage] = tuple(Stage)
    is_windowed = False
    whom = Whom.ROUTE

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, _KNOWN)
        self.asked = settings.needed("route")
        self._form, categories = _form(settings)
        self._sources = frozenset(settings.choices("sources", SOURCES, _SOURCES))
        self._room = settings.whole("max_characters", 8_000, _SIZE, 64_000)
        self.is_windowed = settings.flag("windowed", default=isinstance(self._form, LlamaGuard))
        self.kinds = tuple(f"judge.{each}" for each in categories)

    def question(self, pieces: Sequence[Piece], context: Sequence[Piece]) -> Question | None:
        texts = self._shown(pieces, self._room)
        if not texts:
            return None
        messages = self._form.messages(texts, self._shown(context, self._room // 2))
        body = {
            "model": self.asked,
            "messages": messages,
            "temperature": 0,
            "max_tokens": self._form.max_tokens,
            "stream": False,
        }
        return Question("/v1/chat/completions", encode(body))

    def opinion(self, answer: bytes, pieces: Sequence[Piece]) -> list[Judged]:
        said = self._form.read(reply_text(answer))
        texts = self._shown(pieces, self._room)
        if not texts:
            return []
        newest = texts[-1].piece
        whole = len(pieces[newest].text)
        return [Judged(newest, Finding(0, whole, f"judge.{kind}", score)) for kind, score in said]

    def _shown(self, pieces: Sequence[Piece], room: int) -> list[Shown]:
        return shown(extracts(pieces, self._sources, size=_SIZE, most=_MOST, room=room), pieces)


def _form(settings: Options) -> tuple[LlamaGuard | Rubric, Sequence[str]]:
    """Give the form, and the categories that count."""
    form = settings.text("form", FORMS[0])
    if form not in FORMS:
        raise OptionError("form", f"form must be one of {', '.join(FORMS)}.")
    if form == "rubric":
        return _rubric(settings)
    for option in ("rubric", "threshold"):
        if settings.has(option):
            raise OptionError(option, f'{option} is for form = "rubric".')
    categories = settings.choices("categories", llama_guard.NAMED, llama_guard.NAMED)
    return LlamaGuard(categories), categories


def _rubric(settings: Options) -> tuple[Rubric, Sequence[str]]:
    rubric = settings.needed("rubric")
    if len(rubric) > _LONGEST_RUBRIC:
        raise OptionError("rubric", f"rubric must have at most {_LONGEST_RUBRIC} characters.")
    categories = settings.names("categories", ("flagged",))
    if NONE in categories:
        raise OptionError("categories", f"categories must not hold {NONE!r}, which is what has none.")
    return Rubric(rubric, categories, settings.number("threshold", 0.5, 0, 1)), categories
