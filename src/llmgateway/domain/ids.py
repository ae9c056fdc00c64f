"""UUIDv7 (RFC 9562, section 5.7): an exchange's id, minted at admission, sortable by the time it was made.

And UUIDv8 (section 5.8), made of words: what is sent again under the same words gets the same id.
"""

import os
from collections.abc import Callable
from hashlib import sha256

_RANDOM_POOL = 4096
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class IdMint:
    """Mint UUIDv7 strings that increase within one process, also when the wall clock steps back.

    Reads randomness 4 KiB at a time: a system call an id would cost more than all the rest.
    """

    __slots__ = ("_at", "_head", "_last_ms", "_pool", "_sequence", "_time")

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._last_ms = 0
        self._sequence = 0
        self._head = ""  # the time, as the current millisecond's ids begin
        self._pool = ""
        self._at = 0

    def __call__(self) -> str:
        ms = int(self._time() * 1000)
        if ms > self._last_ms:
            self._begin(ms)
        else:
            self._sequence += 1
            if self._sequence > 0xFFF:  # 4,096 ids in one millisecond: borrow the next one
                self._begin(self._last_ms + 1)
        at = self._at
        if at >= len(self._pool):
            self._pool = os.urandom(_RANDOM_POOL).hex()
            at = 0
        self._at = at + 16
        pool = self._pool
        return f"{self._head}{self._sequence:03x}-{_VARIANT[pool[at]]}{pool[at + 1 : at + 4]}-{pool[at + 4 : at + 16]}"

    def _begin(self, ms: int) -> None:
        self._last_ms = ms
        self._sequence = 0
        time = f"{ms:012x}"
        self._head = f"{time[:8]}-{time[8:]}-7"


def is_exchange_id(text: str) -> bool:
    """Tell whether `text` has the form of an id minted here."""
    parts = text.split("-")
    return (
        [len(part) for part in parts] == [8, 4, 4, 4, 12]
        and parts[2][0] == "7"
        and all(c in "0123456789abcdef" for part in parts for c in part)
    )


def named_id(*words: str) -> str:
    """The id that these words always get. None of them may hold a NUL."""
    digest = sha256("\0".join(words).encode()).hexdigest()
    variant = _VARIANT[digest[16]]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
