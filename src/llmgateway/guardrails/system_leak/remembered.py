"""Indices of the prompts of late: most requests of a route have the same."""

from collections.abc import Callable
from threading import Lock
from typing import Final

from llmgateway.guardrails.system_leak.index import Index

MAX_LETTERS: Final = 256 * 1024  # of all prompts together; an index takes some hundred and fifty bytes a letter
MAX_PROMPTS: Final = 1024


class Remembered:
    """Makes an index once a prompt, and keeps those that were asked for last. Threads may ask at the same time."""

    __slots__ = ("_kept", "_lock", "_make", "_size")

    def __init__(self, make: Callable[[str], Index | None]) -> None:
        self._make = make
        self._kept: dict[str, Index | None] = {}
        self._size = 0
        self._lock = Lock()

    def of(self, prompt: str) -> Index | None:
        with self._lock:
            if prompt in self._kept:
                index = self._kept[prompt] = self._kept.pop(prompt)  # now the last to go
                return index
        index = self._make(prompt)
        with self._lock:
            if prompt not in self._kept:
                self._kept[prompt] = index
                self._size += _size(index)
            while self._size > MAX_LETTERS or len(self._kept) > MAX_PROMPTS:
                self._size -= _size(self._kept.pop(next(iter(self._kept))))
        return index


def _size(index: Index | None) -> int:
    return 0 if index is None else index.letters
