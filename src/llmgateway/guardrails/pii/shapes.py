"""What the families of numbers have in common: a shape, its digits, and what must not stand beside it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.runs import DIGITS, NO_DIGITS, Run
from llmgateway.wire.expression import Expression

FEWEST: Final = 7  # characters of a number
MOST: Final = 19  # digits of one
_NOT_COMPACT: Final = b" ().-/\x7f"
_JOINTS: Final = frozenset(b"-./")
_OPENING: Final = frozenset(b"+(")
_DIGITS: Final = frozenset(DIGITS)
_BETWEEN_GROUPS: Final = bytes(sorted(set(range(256)) - _DIGITS - _OPENING))
_LETTERS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


class Judged(NamedTuple):
    """Where a number ends, and what it is."""

    end: int
    kind: str


class Shape:
    """A number of one kind: how it is written, and what its bare characters must fulfil."""

    __slots__ = ("kind", "pattern", "reach", "sizes", "valid")

    def __init__(self, kind: str, pattern: Expression, valid: Callable[[str], bool], reach: int = 40) -> None:
        """`reach`: how far its label may be."""
        self.kind, self.pattern, self.valid, self.reach = kind, pattern, valid, reach
        self.sizes = frozenset(size for size in range(FEWEST, MOST + 1) if pattern.place(b"4" * size) == (0, size))


def compact(octets: bytes) -> str:
    """Only the characters that count."""
    return octets.translate(None, _NOT_COMPACT).decode("latin-1")


def alone(run: Run, begin: int, end: int) -> bool:
    """Whether what is there is no part of something longer: a word, a decimal, a number with more groups."""
    octets = run.octets
    if begin:
        before = octets[begin - 1]
        if before in _DIGITS or (before in _LETTERS and octets[begin] not in _OPENING):
            return False
        if before in _JOINTS and begin > 1 and octets[begin - 2] in _DIGITS:
            return False
    if end == len(octets):
        return True
    after, next_one = octets[end], octets[end + 1] if end + 1 < len(octets) else 0
    if after in _DIGITS or after in _LETTERS:
        return after == ord("x") and next_one in _DIGITS  # the extension of a telephone number
    return not (after in _JOINTS and next_one in _DIGITS)


def is_word_of_digits(octets: bytes, begin: int, end: int) -> bool:
    """Whether a run is digits only, and more than any number has or what follows a letter: no part of it is `alone`."""
    if end - begin <= MOST and not (begin and octets[begin - 1] in _LETTERS):
        return False
    return octets[begin:end].isdigit()


def found(run: Run, begin: int, end: int, kind: str, score: float = 1.0) -> Finding:
    """The finding, where the text has it."""
    return Finding(*run.place(begin, end), kind, score)


def search(run: Run, shape: Shape) -> list[Finding]:
    """Every number of that shape in the run."""
    if run.bare:
        return _whole(run, shape)
    findings: list[Finding] = []
    at = run.begin
    while run.end - at >= FEWEST:
        begin, end = shape.pattern.place(run.octets, at, run.end)
        if begin < 0:
            break
        if alone(run, begin, end) and shape.valid(compact(run.octets[begin:end])):
            findings.append(found(run, begin, end, shape.kind))
            at = end
        else:
            at = next_group(run, begin)
    return findings


def _whole(run: Run, shape: Shape) -> list[Finding]:
    """The number that a run of digits is, if it is one: no part of them stands alone."""
    digits = run.octets[run.begin : run.end].decode()
    fits = len(digits) in shape.sizes and alone(run, run.begin, run.end) and shape.valid(digits)
    return [found(run, run.begin, run.end, shape.kind)] if fits else []


def next_group(run: Run, at: int) -> int:
    """Where the next group of digits begins, after the one at `at`."""
    behind = run.octets[at : run.end].lstrip(NO_DIGITS).lstrip(DIGITS).lstrip(_BETWEEN_GROUPS)
    return run.end - len(behind)
