"""Finding one's feet behind damage: where does the next record begin?

The search may meet bodies that were made to look like records, so the work it does for them is bounded.
"""

from typing import Final, NamedTuple

from llmgateway.journal.frame import HEADER, MAGIC, BadFrameError, is_consistent, measure, unfold
from llmgateway.journal.window import Window

MAX_CHECKED_BYTES: Final = 256 * 1024 * 1024  # bytes of false records looked at before the rest is given up


class Landing(NamedTuple):
    """Where to go on. `is_end`: no record follows in what there is of the segment."""

    offset: int
    is_end: bool


def land(window: Window, start: int, *, is_final: bool, max_checked: int = MAX_CHECKED_BYTES) -> Landing:
    """Find the next record behind the damage at `start`.

    In a segment that may still grow (not `is_final`) a record that is not whole yet will do. Raises OSError.
    """
    size = window.size()
    first = start + _known_length(window, start, size)
    after = first
    while max_checked > 0 and (candidate := window.find(MAGIC, after)) is not None:
        after = candidate + 1
        max_checked -= HEADER.size
        try:
            length = _length(window, candidate)
            if not length or candidate + length > size:
                if not is_final:
                    return Landing(candidate, is_end=False)
                continue
            max_checked -= length
            unfold(window.view(candidate, length)[:length])
            return Landing(candidate, is_end=False)
        except BadFrameError:
            continue
    end = size if is_final or max_checked <= 0 else size - len(MAGIC) + 1
    return Landing(max(first, end), is_end=True)


def _length(window: Window, offset: int) -> int:
    return measure(window.view(offset, HEADER.size), 0)


def _known_length(window: Window, start: int, size: int) -> int:
    """How far the damage goes at least: over the whole record, if that is still sure of its own length."""
    try:
        length = _length(window, start)
        if length and start + length <= size and is_consistent(window.view(start, length)[:length]):
            return length
    except BadFrameError:
        pass
    return 1
