"""What a fault proxy does to the bytes of one direction: a `Fault`, and `shape`, which cuts a piece so. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Act(Enum):
    """What happens at a byte, once."""

    STALL = "stall"  # nothing more is passed on, the connection stays
    RESET = "reset"  # both sides get a RST
    HALF_CLOSE = "half_close"  # whom the bytes go to gets a FIN; the other direction goes on
    CORRUPT = "corrupt"  # the byte is turned over, what follows is as it was


class Door(Enum):
    """What happens to new connections."""

    OPEN = "open"
    REFUSED = "refused"  # nobody listens
    BLACKHOLE = "blackhole"  # the queue is full: the kernel drops who knocks
    SILENT = "silent"  # accepted by the kernel, and never looked at


@dataclass(frozen=True, slots=True)
class Fault:
    """Everything at once, or nothing. Times in seconds, sizes in bytes; `rate` is bytes a second, 0 is without limit.

    `act` happens at byte `at` of a direction, counted on each connection from when the fault came into force.
    """

    door: Door = Door.OPEN
    delay: float = 0.0  # of each piece
    jitter: float = 0.0  # up to so much more, drawn anew for each piece
    slice: int = 0  # bytes a write
    gap: float = 0.0  # between two slices
    rate: float = 0.0
    act: Act | None = None
    at: int = 0


NONE: Final = Fault()
REFUSED: Final = Fault(door=Door.REFUSED)
BLACKHOLE: Final = Fault(door=Door.BLACKHOLE)
SILENT: Final = Fault(door=Door.SILENT)


@dataclass(frozen=True, slots=True)
class Step:
    """Wait, then write `piece`, then `act`."""

    wait: float
    piece: bytes
    act: Act | None = None


def shape(piece: bytes, passed: int, fault: Fault, draw: Callable[[], float]) -> Iterator[Step]:
    """Cut one piece as `fault` wants it. `passed`: bytes of this direction before it. What ends it all is last."""
    wait = fault.delay + (fault.jitter * draw() if fault.jitter else 0.0)
    act, at = fault.act, fault.at - passed
    if act is not None and 0 <= at < len(piece):
        if act is not Act.CORRUPT:
            yield from _sliced(piece[:at], wait, fault)
            yield Step(0.0, b"", act)
            return
        piece = piece[:at] + bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]
    yield from _sliced(piece, wait, fault)


def _sliced(piece: bytes, wait: float, fault: Fault) -> Iterator[Step]:
    size = fault.slice or len(piece)
    for start in range(0, len(piece), size or 1):
        part = piece[start : start + size]
        pause = wait if start == 0 else fault.gap
        yield Step(pause + (len(part) / fault.rate if fault.rate else 0.0), part)
