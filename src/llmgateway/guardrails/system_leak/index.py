"""The letters of one system prompt, and the question whether some letters stand in it.

Every place of it is looked up by its first few bytes and then among the sorted windows that begin with these, so a look
costs the same in a long prompt as in a short one. A text is looked at in steps of half a window: of what is as long as
a window, one such step at least lies inside.
"""

from bisect import bisect_left
from typing import Final

_HEAD: Final = 4  # bytes; shorter letters could stand anywhere


class Index:
    """Windows of `size` bytes of a prompt's letters. `own`: letters, with separators, that may be said all the same."""

    __slots__ = ("_by_head", "letters", "own", "size")

    def __init__(self, prompt: bytes, size: int, own: bytes = b"") -> None:
        self.size = size
        self.letters = len(prompt)
        by_head: dict[bytes, set[bytes]] = {}
        for at in range(len(prompt) - _HEAD + 1):
            window = prompt[at : at + size]
            by_head.setdefault(window[:_HEAD], set()).add(window)
        self._by_head = {head: sorted(windows) for head, windows in by_head.items()}
        self.own = self.parts(own)

    def has(self, part: bytes) -> bool:
        """Whether these letters, no more than a window, stand in the prompt. Of fewer than four this is not known."""
        windows = self._by_head.get(part[:_HEAD])
        if windows is None:
            return False
        at = bisect_left(windows, part)
        return at < len(windows) and windows[at].startswith(part)

    def starts(self, found: bytes, size: int) -> list[int]:
        """Where `size` letters in a row begin that stand in the prompt, too; in order."""
        step, end, done = (size + 1) // 2, len(found) - size + 1, 0
        starts: list[int] = []
        for at in range(0, len(found) - step + 1, step):
            if self.has(found[at : at + step]):
                first, done = max(done, at + step - size), min(at + 1, end)
                starts += [each for each in range(first, done) if self.has(found[each : each + size])]
        return starts

    def parts(self, said: bytes) -> frozenset[bytes]:
        """Half windows that the prompt has in common with what somebody else has said."""
        half = self.size // 2
        return frozenset(said[at : at + half] for at in self.starts(said, half))

    def live(self, tail: bytes) -> int:
        """How many of the last letters stand in the prompt and may go on as they do there."""
        least, most = 0, min(len(tail), self.size - 1)
        if most < _HEAD or not self.has(tail[-_HEAD:]):
            return min(most, _HEAD - 1)
        least = _HEAD
        while least < most:
            middle = (least + most + 1) // 2
            if self.has(tail[-middle:]):
                least = middle
            else:
                most = middle - 1
        return least
