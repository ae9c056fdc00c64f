"""The guardrail `pattern`: an operator's own expressions."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pattern.rule import Rule, RuleError, compiled
from llmgateway.wire.options import OptionError, Options
from llmgateway.wire.spans import laid
from llmgateway.wire.view import SEPARATOR, View

_NAME_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
MAX_PATTERNS: Final = 100
MAX_TOGETHER: Final = 20_000  # instructions
MAX_LENGTH: Final = 250  # less than what a stream may hold


class Pattern:
    """Finds what regular expressions match, in the text as it is written.

    Options: `patterns`, a table of names and RE2 expressions, or a list of expressions, named 1, 2 and so on;
    `max_length` (128, at most 250): a match is looked for in that many characters from where it begins.
    Kinds: `pattern.<name>`, one for each.
    Limits: `^` and `$` are a line's beginning and end; `\\A` and `\\z`, which a stream cannot keep, are refused, and so
    is what matches the empty text or needs more than 5,000 instructions (20,000 all together). `\\d`, `\\w` and `\\b`
    know ASCII only, full width is not folded. Unlike a search from the left, every place is looked at: where two
    matches overlap, both count, and the second finding begins where the first ends. A class repeated, such as
    `\\d{10}`, finds as many of its characters as follow each other. A stream waits where a match may begin, at most
    for `max_length` characters. A text full of matches over each other costs microseconds a character.
    """

    name = "pattern"
    version = "1"

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("patterns", "max_length"))
        self._longest = settings.whole("max_length", 128, 1, MAX_LENGTH)
        self._rules = _rules(settings.table("patterns"), self._longest)
        self.kinds = tuple(rule.kind for rule in self._rules)
        self._runs = {rule.kind: rule for rule in self._rules if rule.run}
        self._any = _together([rule.source for rule in self._rules], "")
        self._unfinished = _together([rule.unfinished for rule in self._rules], "\\z")

    def find(self, view: View, start: int = 0) -> list[Finding]:
        base = max(0, start - self._longest - 2)
        return laid(self._matches(view.text[base:] if base else view.text, base), start)

    def settled(self, view: View, start: int = 0) -> int:
        text = view.text
        begin = text.rfind(SEPARATOR) + 1
        live = self._live(text, begin)
        if live >= len(text):
            return len(text)
        base = max(begin, live - self._longest - 2)
        return max(start, live, *(end for at, end, _ in self._matches(text[base:], base) if at < live))

    def continues(self, kind: str, text: str) -> int:
        rule = self._runs.get(kind)
        data = _encoded(text.partition(SEPARATOR)[0])
        return len(data[: rule.goes_on(data)].decode()) if rule else 0

    def _live(self, text: str, begin: int) -> int:
        """Give the first place from which a match may still begin or grow, in what follows the last separator."""
        near = max(begin, len(text) - self._longest)
        context = max(begin, near - 1)
        data = _encoded(text[context:])
        found = self._unfinished.search(data, len(_encoded(text[context:near])))
        live = context + len(data[: found.start()].decode())
        if live > near or not self._runs:
            return live
        whole = _encoded(text[begin:])
        return min(live, *(begin + len(whole[: rule.open_run(whole)].decode()) for rule in self._runs.values()))

    def _matches(self, text: str, base: int) -> Iterator[tuple[int, int, str]]:
        for part in text.split(SEPARATOR):
            data = _encoded(part)
            if self._any.search(data):
                for rule in self._rules:
                    yield from _placed(rule, data, base)
            base += len(part) + 1


def _placed(rule: Rule, data: bytes, base: int) -> Iterator[tuple[int, int, str]]:
    """Give a rule's matches in code points."""
    if data.isascii():
        yield from ((base + begin, base + end, rule.kind) for begin, end in rule.matches(data))
        return
    seen, at = 0, base
    for begin, end in rule.matches(data):
        at, seen = at + len(data[seen:begin].decode()), begin
        yield at, at + len(data[begin:end].decode()), rule.kind


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # half a surrogate pair is one character, and so is what stands for it


def _rules(patterns: dict[str, str], longest: int) -> list[Rule]:
    if not patterns:
        raise OptionError("patterns", "patterns must hold at least one expression.")
    if len(patterns) > MAX_PATTERNS:
        raise OptionError("patterns", f"patterns must hold at most {MAX_PATTERNS} expressions.")
    return [_rule(name, source, longest) for name, source in patterns.items()]


def _rule(name: str, source: str, longest: int) -> Rule:
    if not name or not _NAME_LETTERS.issuperset(name):
        raise OptionError("patterns", f"patterns: {name!r} must consist of small letters, digits and _.")
    try:
        return Rule(name, source, longest)
    except RuleError as error:
        raise OptionError("patterns", f"patterns: {name!r} is refused: {error}.") from None


def _together(sources: list[str], end: str) -> Any:
    try:
        return compiled(f"(?:{'|'.join(sources)}){end}", MAX_TOGETHER)
    except RuleError as error:
        raise OptionError("patterns", f"patterns: all of them together are refused: {error}.") from None
