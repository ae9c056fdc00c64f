"""What the families of numbers have in common: a shape, its digits, and what must not stand beside it."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pii.runs import Run

_NOT_COMPACT: Final = b" ().-/\x7f"
_JOINTS: Final = frozenset((b"-", b".", b"/"))
_OPENING: Final = frozenset((b"+", b"("))


class Shape(NamedTuple):
    """A number of one kind: how it is written, and what its bare characters must fulfil."""

    kind: str
    pattern: Any
    valid: Callable[[str], bool]
    reach: int = 40  # how far its label may be


def compact(octets: bytes) -> str:
    """Only the characters that count."""
    return octets.translate(None, _NOT_COMPACT).decode("latin-1")


def alone(run: Run, begin: int, end: int) -> bool:
    """Whether what is there is no part of something longer: a word, a decimal, a number with more groups."""
    return _free_before(run, begin) and _free_after(run, end)


def _free_before(run: Run, begin: int) -> bool:
    before = run.near(begin - 1)
    if before.isdigit() or (before.isalpha() and run.near(begin) not in _OPENING):
        return False
    return before != b"_" and not (before in _JOINTS and run.near(begin - 2).isdigit())


def _free_after(run: Run, end: int) -> bool:
    after = run.near(end)
    if after.isalnum() or after == b"_":
        return after == b"x" and run.near(end + 1).isdigit()  # the extension of a telephone number
    return not (after in _JOINTS and run.near(end + 1).isdigit())


def found(run: Run, begin: int, end: int, kind: str, score: float = 1.0) -> Finding:
    """The finding, where the text has it."""
    return Finding(*run.place(begin, end), kind, score)


def search(run: Run, shape: Shape, score: float = 1.0) -> Iterator[Finding]:
    """Every number of that shape in the run."""
    at = run.begin
    while match := shape.pattern.search(run.octets, at, run.end):
        begin, end = match.span()
        if alone(run, begin, end) and shape.valid(compact(run.octets[begin:end])):
            yield found(run, begin, end, shape.kind, score)
            at = end
        else:
            at = next_group(run, begin)


def next_group(run: Run, at: int) -> int:
    """Where the next group of digits begins, after the one at `at`."""
    while at < run.end and run.octets[at : at + 1].isdigit():
        at += 1
    while at < run.end and not run.octets[at : at + 1].isdigit():
        at += 1
    return at
