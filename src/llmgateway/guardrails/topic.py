"""The judge `topic`: what a text is about, by words that an operator lists."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llmgateway.domain.verdict import Finding, Stage
from llmgateway.ports.judge import SOURCES, Judged, Piece
from llmgateway.wire.lexicon import Lexicon, check, forms
from llmgateway.wire.options import OptionError, Options
from llmgateway.wire.plain import Plain
from llmgateway.wire.view import fold

_SOURCES: Final = ("user", "assistant")
_OFF: Final = "off"

Place = tuple[int, int]


class TopicJudge:
    """Judges a text by the words in it: those of denied topics, and none of any allowed one.

    Options, at least one of the first two: `denied` and `allowed`, tables of topics, each a list of words and phrases
    of at most 200 characters; `least` (2), so many different words of a denied topic make a text one about it;
    `min_letters` (40), shorter texts may be without a word of an allowed topic; `sources`, whose texts (user,
    assistant).
    Words are found as `denylist` finds them: whatever their case and width, whole where words have borders. Of words
    inside each other only the longest counts, and a word counts once however often it is there.
    Kinds: `topic.<name>` of the denied topic with the most words in the text, of equals the one that comes up first;
    it spans from the first of its words to the last, and its score is 0.5 at `least` and 1 at twice as many.
    `topic.off` where no allowed topic has a word in it.
    Limits: it counts words and understands nothing. Who writes about a topic in other words, in another language or in
    another inflection passes; who quotes the words to say that he does not want to talk about them is found. Each text
    is judged alone, so that "tell me more about the second one, please" is off every topic.
    """

    name = "topic"
    version = "1"
    kinds: Sequence[str] = ("topic.*",)
    stages: Sequence[Stage] = tuple(Stage)
    is_heavy = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("denied", "allowed", "least", "min_letters", "sources"))
        denied, allowed = _topics(settings, "denied"), _topics(settings, "allowed")
        if not (denied or allowed):
            raise OptionError("denied", "denied or allowed must be set.")
        if _OFF in denied:
            raise OptionError("denied", f"denied.{_OFF} is what findings off all allowed topics are called.")
        self._least = settings.whole("least", 2, 1, 100)
        _check_least(denied, self._least)
        self._min_letters = settings.whole("min_letters", 40, 1, 10_000)
        self._sources = frozenset(settings.choices("sources", SOURCES, _SOURCES))
        self._denied = _Words(denied)
        self._allowed = _Words(allowed) if allowed else None
        self.kinds = (*(f"topic.{each}" for each in denied), *([f"topic.{_OFF}"] if allowed else ()))

    def judge(self, pieces: Sequence[Piece]) -> list[Judged]:
        found = ((at, self._finding(each.text)) for at, each in enumerate(pieces) if each.source in self._sources)
        return [Judged(at, finding) for at, finding in found if finding is not None]

    def _finding(self, text: str) -> Finding | None:
        plain = Plain(fold(text))
        words = self._denied.count(plain.text)
        if words:
            topic = max(words, key=lambda each: len(words[each]))
            if (many := len(words[topic])) >= self._least:
                places = words[topic].values()
                begin, end = min(at for at, _ in places), max(after for _, after in places)
                score = min(1.0, many / (2 * self._least))
                return Finding(plain.place(begin), plain.place(end - 1) + 1, f"topic.{topic}", score)
        return self._off(text, plain.text)

    def _off(self, text: str, plain: str) -> Finding | None:
        if self._allowed is None or len(text) < self._min_letters or self._allowed.has_any(plain):
            return None
        letters = sum(map(str.isalpha, text))
        return Finding(0, len(text), f"topic.{_OFF}") if letters >= self._min_letters else None


class _Words:
    """The words of topics, looked for all at once."""

    def __init__(self, topics: Mapping[str, Sequence[str]]) -> None:
        self._lexicon = Lexicon((word for words in topics.values() for word in words), whole=True)
        self._of: dict[str, dict[str, str]] = {}  # by the form in which a word may stand: its topics, and itself
        for topic, words in topics.items():
            for word in words:
                for form in forms(word):
                    self._of.setdefault(form, {})[topic] = _same(word)

    def has_any(self, text: str) -> bool:
        """Whether a word of any topic is there."""
        return bool(self._lexicon.find(text))

    def count(self, text: str) -> dict[str, dict[str, Place]]:
        """Give the different words of each topic, and where each is the first time."""
        found: dict[str, dict[str, Place]] = {}
        ends: dict[str, int] = {}
        for begin, end in sorted(self._lexicon.find(text), key=lambda each: (each[0], -each[1])):
            for topic, word in self._of.get(text[begin:end], {}).items():
                if end > ends.get(topic, 0):
                    ends[topic] = end
                    found.setdefault(topic, {}).setdefault(word, (begin, end))
        return found


def _same(word: str) -> str:
    """Give what all ways to write a word have in common."""
    return min(forms(word))


def _topics(settings: Options, option: str) -> dict[str, tuple[str, ...]]:
    topics = settings.lists(option)
    for words in topics.values():
        check(option, words)
    return topics


def _check_least(denied: Mapping[str, Sequence[str]], least: int) -> None:
    for topic, words in denied.items():
        if len(set(map(_same, words))) < least:
            raise OptionError("denied", f"denied.{topic} has fewer words than least ({least}): it is never found.")
