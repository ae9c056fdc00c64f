"""A hold-back for a text that may be JSON, as a string in a call's arguments or an answer in JSON may be.

Escapes in it that its writer could have left out are judged as the characters that they stand for, whatever pieces they
come in, and go on as they were written. As it is written the text is judged, too, behind that: it may be no JSON. Texts
that begin otherwise are only judged as they are.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from llmgateway.guarding.holdback import HoldBack, Part, joined
from llmgateway.wire.jsontexts import before_escape, unescaped

OPENINGS: Final = frozenset('{["')
"""What JSON begins with that may have escapes in it."""
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_DIGITS: Final = 4
MAX_PENDING: Final = 64  # backslashes of what may become an escape sequence


class Unescaping:
    """Feed it text as one feeds a HoldBack, and pass on what it gives."""

    __slots__ = ("_hold", "_is_begun", "_pending", "_said", "_sources", "_written")

    def __init__(self, hold: HoldBack) -> None:
        self._hold = hold
        self._is_begun = False  # something else than blanks has come
        self._said: HoldBack | None = None  # judges what escapes say
        self._pending = ""  # what may become an escape sequence
        self._sources: deque[str] = deque()  # how each character that `_said` holds was written
        self._written = _Lengths()  # of what `_hold` holds

    @property
    def is_settled(self) -> bool:
        """See HoldBack."""
        return self._hold.is_settled

    def following(self) -> HoldBack:
        """See HoldBack."""
        return self._hold.following()

    def feed(self, text: str) -> list[Part]:
        """Take the next characters; raises Blocked as a HoldBack does."""
        if not self._is_begun and (head := text.lstrip()[:1]):
            self._is_begun = True
            if head in OPENINGS:
                self._said = self._hold.following()
                self._written.add(Part(self._hold.held, len(self._hold.held)))
        if self._said is None:
            return self._hold.feed(text)
        return self._again(self._judged(self._said, *self._read(text)))

    def decide(self) -> list[Part]:
        """Give the rest, as if nothing followed, but for the half of an escape sequence, which says nothing yet."""
        if self._said is None:
            return self._hold.decide()
        return [*self._again(self._sourced(self._said.decide())), *self._written.of(self._hold.decide())]

    def finish(self) -> list[Part]:
        """Nothing follows: give the rest."""
        rest, self._pending = self._pending, ""
        before = self._again(self._judged(self._said, rest, list(rest))) if self._said is not None else []
        return [*before, *self.decide()]

    def _judged(self, hold: HoldBack, said: str, sources: list[str]) -> list[Part]:
        if not said:
            return []
        self._sources.extend(sources)
        return self._sourced(hold.feed(said))

    def _sourced(self, parts: list[Part]) -> list[Part]:
        """Parts of what is said, as they were written."""
        out: list[Part] = []
        for part in parts:
            source = "".join([self._sources.popleft() for _ in range(part.length)])
            out.append(Part(part.text if part.is_replaced else source, len(source), part.is_replaced))
        return out

    def _again(self, parts: list[Part]) -> list[Part]:
        """Judge what is left as it is written."""
        for part in parts:
            self._written.add(part)
        text = joined(parts)
        return self._written.of(self._hold.feed(text)) if text else self._written.of([])

    def _read(self, text: str) -> tuple[str, list[str]]:
        """What these characters say, and how each of that was written."""
        if not self._pending and "\\" not in text:
            return text, list(text)
        sources: list[str] = []
        for each in text:
            if self._continues(each):
                self._pending += each
                sources += self._whole()
            else:
                sources += self._pending
                self._pending = each if each == "\\" else ""
                sources += "" if self._pending else each
        return "".join(each if len(each) == 1 else unescaped(each) for each in sources), sources

    def _continues(self, each: str) -> bool:
        """Whether a character goes on with what may be an escape sequence."""
        slashes, letter, _ = self._pending.partition("u")
        if letter:
            return each in _HEX
        return bool(slashes) and len(slashes) < MAX_PENDING and each in "\\u"

    def _whole(self) -> list[str]:
        """The escape sequence, if it is one now."""
        slashes, letter, digits = self._pending.partition("u")
        if not letter or len(digits) < _DIGITS:
            return []
        found, self._pending = self._pending, ""
        begin = before_escape(len(slashes))
        said = found[begin:]
        return [*found[:begin], *([said] if len(unescaped(said)) == 1 else said)]


class _Lengths:
    """How much of what came each character stands for that waits for a second judge; replaced ones are together."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: deque[tuple[int, int, bool]] = deque()  # characters, what they stand for, whether they replace it

    def add(self, part: Part) -> None:
        """Let this wait behind the others."""
        self._runs.append((len(part.text), part.length, part.is_replaced))

    def of(self, parts: list[Part]) -> list[Part]:
        """What the second judge gives, of what came."""
        out = list(self._taken("", 0))
        for part in parts:
            taken = list(self._taken(part.text, part.length))
            if part.is_replaced:
                out.append(Part(part.text, sum(each.length for each in taken), is_replaced=True))
            else:
                out += taken
        return out

    def _taken(self, text: str, size: int) -> Iterator[Part]:
        """Take so many characters, and whatever has been swallowed behind them."""
        at = 0
        while self._runs and (at < size or not self._runs[0][0]):
            count, length, is_replaced = self._runs.popleft()
            fits = min(count, size - at)
            own = length if fits == count or is_replaced else fits
            if fits < count:
                self._runs.appendleft((count - fits, length - own, is_replaced))
            yield Part(text[at : at + fits], own, is_replaced)
            at += fits
