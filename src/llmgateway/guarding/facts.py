"""What a session has said of late that its replies are judged by: its instructions, and who has said what.

A session has no request that says it all: instructions come and change, and items one by one. What is kept of them has
a bound, and the instructions that hold for the session are kept longest.
"""

from collections import Counter, deque
from collections.abc import Iterable
from threading import Lock
from typing import Final

from llmgateway.ports.judge import Piece

MAX_SYSTEM: Final = 64 * 1024  # characters of instructions and of the system's other texts
MAX_SAID: Final = 64 * 1024  # characters of what others have said
MAX_TEXTS: Final = 512  # of each; a tiny text takes more room than it is long
LEARNING: Final = 4  # a character that is learnt costs what so many bytes of a message cost that are judged
_SAYS: Final = frozenset({"user", "assistant", "tool"})


class Facts:
    """One session's. `version` is another one whenever there is something new that a reply may repeat.

    Threads may tell and ask at the same time: long messages are judged beside the event loop, in either direction.
    """

    __slots__ = ("_heard", "_lock", "_said", "_said_size", "_standing", "_system", "_system_size", "version")

    def __init__(self) -> None:
        self._lock = Lock()
        self._heard: Counter[str] = Counter()  # the texts of what others have said
        self._standing = ""
        self._system: dict[str, bool] = {}  # whether the caller has said it; the newest last
        self._system_size = 0
        self._said: deque[Piece] = deque()
        self._said_size = 0
        self.version = 0

    def stand(self, instructions: str) -> None:
        """Hear the instructions that hold from now on, whoever tells; those before are kept if there is room."""
        instructions = instructions[:MAX_SYSTEM]
        with self._lock:
            if instructions and instructions != self._standing:
                before, self._standing = self._standing, instructions
                self.version += 1
                self._learn(before, is_own=False)

    def note(self, pieces: Iterable[Piece], *, is_own: bool = True) -> None:
        """Hear what has been said, in order. `is_own`: by the caller, or so that he may have it; else the backend tells
        that somebody has.
        """
        with self._lock:
            for piece in pieces:
                if piece.source == "system":
                    self._learn(piece.text, is_own=is_own)
                elif piece.source in _SAYS:
                    self._hear(piece)

    def pieces(self, *, are_own: bool = False) -> tuple[Piece, ...]:
        """All that is known, as a request would say it: the instructions first, and the newest of what else holds.

        `are_own`: only what has been through the caller's guardrails, and not what a backend tells that it was told.
        """
        with self._lock:
            standing, system, said = self._standing, dict(self._system), [*self._said]
        texts = [standing, *(text for text in reversed(system) if text != standing)]
        return (*(Piece(text, "system") for text in texts if text and (system.get(text) or not are_own)), *said)

    @property
    def size(self) -> int:
        """Characters of all that is kept."""
        standing = 0 if self._standing in self._system else len(self._standing)
        return standing + self._system_size + self._said_size

    def has(self, text: str) -> bool:
        """Whether the caller has said just this of late, or has been told it."""
        return self.has_heard(text) or self._system.get(text, False)

    def has_heard(self, text: str) -> bool:
        """The same, but for what is the system's."""
        return text in self._heard

    def _learn(self, text: str, *, is_own: bool) -> None:
        text = text[:MAX_SYSTEM]
        if not text:
            return
        if text in self._system:
            is_own = self._system.pop(text) or is_own
            self._system_size -= len(text)
        else:
            self.version += text != self._standing
        self._system[text] = is_own
        self._system_size += len(text)
        while self._system_size > MAX_SYSTEM or len(self._system) > MAX_TEXTS:
            oldest = next(iter(self._system))
            del self._system[oldest]
            self._system_size -= len(oldest)

    def _hear(self, piece: Piece) -> None:
        text = piece.text[-MAX_SAID:]
        self._said.append(piece._replace(text=text))
        self._heard[text] += 1
        self._said_size += len(text)
        self.version += piece.source == "user"
        while self._said_size > MAX_SAID or len(self._said) > MAX_TEXTS:
            oldest = self._said.popleft().text
            self._said_size -= len(oldest)
            self._heard[oldest] -= 1
            if not self._heard[oldest]:
                del self._heard[oldest]
