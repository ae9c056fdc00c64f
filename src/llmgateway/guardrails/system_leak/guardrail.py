"""The guardrail `system_leak`: a reply that repeats the system prompt."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from llmgateway.domain.verdict import Finding, Stage
from llmgateway.guardrails.system_leak.index import Index
from llmgateway.guardrails.system_leak.letters import backwards, letters, places
from llmgateway.guardrails.system_leak.remembered import Remembered
from llmgateway.ports.guardrail import MAX_OPEN
from llmgateway.ports.judge import Piece
from llmgateway.wire.options import Options
from llmgateway.wire.view import SEPARATOR, View

MAX_PROMPT: Final = 64 * 1024  # letters of the system prompt, its first, that are looked for
MAX_OWN: Final = 256 * 1024  # characters of the user's messages, his last, that may be said again
KIND: Final = "system_leak"
_MAX_READ: Final = 4 * MAX_PROMPT  # characters of it
_LETTERS: Final = 60
_LEAST: Final = 24
_MOST: Final = 120
_QUICK: Final = 32 * 1024  # characters of the user's messages that are read only once something is found
_GAP: Final = 32  # characters without letters; more of them together part texts
_SPAN: Final = MAX_OPEN - _GAP  # characters that a window may be written in
_LONG: Final = _SPAN - _GAP  # from here on a finding takes what has no letters behind it, so that it reaches the end
_BACK: Final = _SPAN + _GAP + 2  # characters before a place that decide what is found from there on


class SystemLeak:
    """Finds what a reply and the system prompt have in common, in runs of so many letters.

    Options: `min_letters` (60, from 24 to 120), how long a run must be: letters and digits count, a character of
    Japanese, Chinese, Korean or Thai for three, one of most other scripts that are not Latin for two; `allowed`,
    phrases that may be said though the prompt has them, as greetings.
    Kinds: `system_leak`.
    The prompt is all that the request says in system and developer messages, `system` and `instructions`, and what the
    route's versions put in front of it. Case, width, accents, white space, punctuation, markup and characters without
    width do not matter. What the user's own messages say does not count, from half of `min_letters` on.
    Limits: the prompt's first 65,536 letters are looked for, and the user's last 262,144 characters. What is
    translated, told in other words, encoded, spelt with letters of other alphabets or handed out in small parts is not
    found; nor is a prompt that the backend keeps, as it is not in the request.
    """

    name = "system_leak"
    version = "1"
    kinds: Sequence[str] = (KIND,)
    stages: Sequence[Stage] = (Stage.REPLY,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Options(options, ("min_letters", "allowed"))
        self._size = settings.whole("min_letters", _LETTERS, _LEAST, _MOST)
        self._allowed = _joined(settings.texts("allowed"))
        self._indices = Remembered(self._index)

    def bind(self, document: Mapping[str, Any], pieces: Sequence[Piece]) -> "Leaks | None":  # noqa: ARG002 - the port's
        prompt = "\n".join(piece.text for piece in pieces if piece.source == "system")
        index = self._indices.of(prompt[:_MAX_READ]) if prompt else None
        return None if index is None else Leaks(index, [piece.text for piece in pieces if piece.source == "user"])

    def _index(self, prompt: str) -> Index | None:
        """The index of a prompt; None of one that is too short to be found."""
        said = _plain(prompt)[:MAX_PROMPT]
        return Index(said, self._size, self._allowed) if len(said) >= self._size else None

    def find(self, view: View, start: int = 0) -> list[Finding]:  # noqa: ARG002 - the port's signature
        """Nothing: what was asked is not known."""
        return []

    def settled(self, view: View, start: int = 0) -> int:  # noqa: ARG002 - the port's signature
        return len(view.text)

    def continues(self, kind: str, text: str) -> int:  # noqa: ARG002 - the port's signature
        return 0


class _Run(NamedTuple):
    """Letters in a row that stand in the prompt: `text[start:end]`. `is_open`: the next may be one of them."""

    start: int
    end: int
    is_open: bool


class Leaks:
    """The same for one exchange. `own`: what its user has said."""

    name = SystemLeak.name
    version = SystemLeak.version
    kinds = SystemLeak.kinds
    tail = MAX_OPEN

    def __init__(self, index: Index, own: Sequence[str]) -> None:
        self._index = index
        self._said = own
        self._own: frozenset[bytes] | None = None
        if sum(map(len, own)) > _QUICK:
            self._of_user()

    def find(self, view: View, start: int = 0) -> list[Finding]:
        base = max(0, start - _BACK)
        text = view.text[base:]
        runs = self._runs(text, letters(text))
        return [Finding(base + run.start, base + run.end, KIND) for run in runs if base + run.start >= start]

    def settled(self, view: View, start: int = 0) -> int:
        base = max(0, start - _BACK)
        text = view.text[base:]
        found = letters(text)
        cut = self._live(text, found)
        for run in self._runs(text, found):
            if run.is_open:
                cut = run.start
            elif run.start < cut < run.end:
                cut = run.end
        return max(start, base + cut)

    def continues(self, kind: str, text: str) -> int:  # noqa: ARG002 - there is one kind
        """Go on as long as there are windows without a break: the first is within what came before."""
        return next((run.end for run in self._runs(text, letters(text), is_cut=True)), 0)

    def _runs(self, text: str, found: bytes, *, is_cut: bool = False) -> Iterator[_Run]:
        """Windows that begin letter after letter are one run. Where two overlap, the second begins behind the first.

        `is_cut`: the text begins inside of a run.
        """
        size = self._index.size
        starts = self._index.starts(found, size)
        if not starts:
            return
        at = [*places(text), len(text)]
        covered = 0
        for first, last in _rows(self._counted(found, starts, at)):
            begin, covered = max(first, covered), last + size
            start = at[begin] + (begin > 0 and at[begin - 1] == at[begin])  # half a character is none
            letter = at[covered - 1]
            end = letter + (at[covered] != letter)
            if end - (0 if is_cut else start) > _LONG:
                end = min(at[covered], end + _GAP)
            if start < end:
                yield _Run(start, end, covered == len(found) and len(text) - letter - 1 <= _GAP)

    def _counted(self, found: bytes, starts: Sequence[int], at: Sequence[int]) -> Iterator[int]:
        """Those windows that are written closely together, and hold no half of one that the user has said himself."""
        size, half, own = self._index.size, self._index.size // 2, self._of_user()
        parted = said = -1  # the last letter that stands far behind the one before it; the last half that is the user's
        seen = looked = 0  # how far was looked for each
        for start in starts:
            end = start + size
            for letter in range(max(seen, start + 1), end):
                if at[letter] - at[letter - 1] > _GAP + 1:
                    parted = letter
            for letter in range(max(looked, start), end - half + 1):
                if found[letter : letter + half] in own:
                    said = letter
            seen, looked = end, end - half + 1
            if parted <= start and said < start and at[end - 1] - at[start] < _SPAN:
                yield start

    def _of_user(self) -> frozenset[bytes]:
        """What the prompt and the user's messages have in common."""
        if self._own is None:
            self._own = self._index.own | self._index.parts(_joined(_newest(self._said)))
            self._said = ()
        return self._own

    def _live(self, text: str, found: bytes) -> int:
        """Where the last letters begin that may become a run; the text's length if nothing may."""
        tail = found[-self._index.size :].rpartition(_SEPARATOR)[2]
        first = last = len(text)
        for at in backwards(text, self._index.live(tail)):
            last = at if last == len(text) else last
            if first - at - 1 > _GAP or last - at >= _SPAN:
                break
            first = at
        return first


_SEPARATOR: Final = SEPARATOR.encode()


def _rows(starts: Iterator[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of numbers that follow each other."""
    first = last = None
    for start in starts:
        if last is not None and first is not None and start > last + 1:
            yield first, last
            first = start
        first = start if first is None else first
        last = start
    if first is not None and last is not None:
        yield first, last


def _newest(texts: Sequence[str]) -> list[str]:
    """The last of these texts, as far as they are looked at."""
    left, newest = MAX_OWN, list[str]()
    for text in reversed(texts):
        newest.append(text[-left:])
        left -= len(text)
        if left <= 0:
            break
    return newest


def _plain(text: str) -> bytes:
    return letters(text).replace(_SEPARATOR, b"")


def _joined(texts: Sequence[str]) -> bytes:
    """Letters of several texts, of which none goes on in the next."""
    return _SEPARATOR.join(map(_plain, texts))
