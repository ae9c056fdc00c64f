"""Secrets with characters inside them that nobody sees: read without these, and given where the text has them."""

from collections.abc import Callable, Iterable

from llmgateway.guardrails.secrets.scan import Candidate
from llmgateway.ports.guardrail import MAX_OPEN
from llmgateway.wire.unseen import without
from llmgateway.wire.view import View

Found = Callable[[View], list[Candidate]]
Opening = Callable[[View], int]


def found(view: View, find: Found, whole: str) -> list[Candidate]:
    """What `find` sees in the text as it is read, and what it sees only in the text as it is written.

    Of the kind `whole` only the latter: its own pattern knows what hides in it, however long it is.
    """
    shown, places = without(view.text, len(view.text))
    read = find(View(shown, view.above))
    kept = [
        each._replace(start=places[each.start], end=places[each.end - 1] + 1)
        for each in read
        if each.kind != whole and _is_near(places, each)
    ]
    return sorted([*kept, *(each for each in find(view) if not _meets(each, kept))])


def opening(view: View, find: Opening) -> int:
    """Where what `find` tells of begins in the text as it is read; the text's end if that is nowhere near."""
    shown, places = without(view.text, len(view.text))
    at = find(View(shown, view.above))
    return places[at] if at < len(shown) and len(view.text) - places[at] <= MAX_OPEN else len(view.text)


def _is_near(places: list[int], each: Candidate) -> bool:
    """Whether what decides about it is no longer, with what hides in it, than what a stream holds back."""
    spread = places[each.end - 1] - places[each.start] - (each.end - 1 - each.start)
    return spread == 0 or places[each.end - 1] + 1 - places[each.start] <= MAX_OPEN


def _meets(each: Candidate, others: Iterable[Candidate]) -> bool:
    return any(each.start < other.end and other.start < each.end for other in others)
