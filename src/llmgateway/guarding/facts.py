"""What a session has said of late that its replies are judged by: its instructions, and who has said what.

A session has no request that says it all: instructions come and change, and items one by one. What is kept of them has
a bound, and the instructions that hold for the session are kept longest.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from llmgateway.ports.judge import Piece

MAX_SYSTEM: Final = 64 * 1024  # characters of instructions and of the system's other texts
MAX_SAID: Final = 64 * 1024  # characters of what others have said
MAX_TEXTS: Final = 512  # of each; a tiny text takes more room than it is long
_SAYS: Final = frozenset({"user", "assistant", "tool"})


class Facts:
    """One session's. `version` is another one whenever there is something new that a reply may repeat."""

    __slots__ = ("_said", "_said_size", "_standing", "_system", "_system_size", "version")

    def __init__(self) -> None:
        self._standing = ""
        self._system: dict[str, None] = {}  # the newest last
        self._system_size = 0
        self._said: deque[Piece] = deque()
        self._said_size = 0
        self.version = 0

    def stand(self, instructions: str) -> None:
        """Hear the instructions that hold from now on; those before are kept for as long as there is room."""
        instructions = instructions[:MAX_SYSTEM]
        if not instructions or instructions == self._standing:
            return
        before, self._standing = self._standing, instructions
        self.version += 1
        self._learn(before)

    def note(self, pieces: Iterable[Piece]) -> None:
        """Hear what has been said, in order."""
        for piece in pieces:
            if piece.source == "system":
                self._learn(piece.text)
            elif piece.source in _SAYS:
                self._hear(piece)

    def pieces(self) -> tuple[Piece, ...]:
        """All that is known, as a request would say it: the instructions first, and the newest of what else holds."""
        standing = (self._standing,) if self._standing else ()
        others = (text for text in reversed([*self._system]) if text != self._standing)
        return (*(Piece(text, "system") for text in (*standing, *others)), *self._said)

    @property
    def size(self) -> int:
        """Characters of all that is kept."""
        return len(self._standing) + self._system_size + self._said_size

    def has(self, text: str) -> bool:
        """Whether somebody has said just this of late."""
        return text == self._standing or text in self._system or any(each.text == text for each in self._said)

    def _learn(self, text: str) -> None:
        text = text[:MAX_SYSTEM]
        if not text or text == self._standing:
            return
        if text in self._system:
            del self._system[text]
            self._system_size -= len(text)
        else:
            self.version += 1
        self._system[text] = None
        self._system_size += len(text)
        while self._system_size > MAX_SYSTEM or len(self._system) > MAX_TEXTS:
            oldest = next(iter(self._system))
            del self._system[oldest]
            self._system_size -= len(oldest)

    def _hear(self, piece: Piece) -> None:
        text = piece.text[-MAX_SAID:]
        self._said.append(piece._replace(text=text))
        self._said_size += len(text)
        self.version += piece.source == "user"
        while self._said_size > MAX_SAID or len(self._said) > MAX_TEXTS:
            self._said_size -= len(self._said.popleft().text)
