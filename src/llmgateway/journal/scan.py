"""Good records, one behind the other, out of a block of memory. The ingester's innermost loop: every record of every
worker goes through it, so it does by hand what `frame.measure` and `frame.unfold` do with names.
"""

import zlib
from typing import Any, NamedTuple

from llmgateway.journal.frame import HEADER, JSON_LENGTH_SIZE, MAGIC, MAX_LENGTH, cut
from llmgateway.journal.layout import Location
from llmgateway.wire.jsoncodec import JsonError, decode


class Source(NamedTuple):
    """A block of a segment, and where in the segment it begins."""

    incarnation: str
    segment: int
    base: int
    block: bytes


class Frame:
    """One record read back: its JSON, and behind it the bodies, copied out of the block."""

    __slots__ = ("_bodies", "_length", "_offset", "_source", "meta")

    def __init__(self, source: Source, meta: dict[str, Any], bodies: bytes, offset: int, length: int) -> None:
        self.meta = meta
        self._bodies = bodies
        self._source = source
        self._offset = offset
        self._length = length

    @property
    def location(self) -> Location:
        incarnation, segment, base, _ = self._source
        return Location(incarnation, segment, base + self._offset, self._length)

    def blobs(self) -> dict[str, bytes]:
        """The bodies by name. Raises BadFrameError if the record is at odds with itself."""
        bodies = self._bodies
        try:
            ((name, length),) = self.meta["blobs"]
            if length == len(bodies):
                return {name: bodies}
        except (KeyError, ValueError, TypeError):
            pass  # none or several, or rubbish
        return cut(self.meta, memoryview(bodies))


class Budget:
    """How much one `read` may still bring: so many frames, and no further once the bytes are spent."""

    __slots__ = ("frames", "size")

    def __init__(self, frames: int, size: int) -> None:
        self.frames = frames
        self.size = size

    @property
    def is_spent(self) -> bool:
        return self.frames <= 0 or self.size <= 0


def scan(source: Source, start: int, frames: list[Frame], budget: Budget) -> int:
    """Add the records that lie in the block from `start` on. Returns where the first thing lies that is no good record,
    or not whole.
    """
    block = source.block
    view, size = memoryview(block), len(block)
    at, most, last = start, len(frames) + budget.frames, start + budget.size
    while at + HEADER.size <= size and at < last and len(frames) < most:
        magic, length, crc, text_length = HEADER.unpack_from(block, at)
        text = at + HEADER.size
        checked = text - JSON_LENGTH_SIZE
        bodies, end = text + text_length, checked + length
        if magic != MAGIC or bodies > end or end > size or length > MAX_LENGTH or zlib.crc32(view[checked:end]) != crc:
            break
        try:
            meta = decode(view[text:bodies])
        except JsonError:
            break
        if not isinstance(meta, dict):
            break
        frames.append(Frame(source, meta, block[bodies:end], at, end - at))
        at = end
    budget.frames = most - len(frames)
    budget.size -= at - start
    return at
