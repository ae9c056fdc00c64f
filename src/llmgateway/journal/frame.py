"""How one record lies on disk: magic, length, CRC-32, then JSON and the bodies it speaks of, byte for byte.

    "LGW1" | length u32 | crc32 u32 | json length u32 | json | blobs

`length` counts everything after the crc; the crc covers the same. Numbers are little-endian. The JSON's `blobs` is a
list of [name, length] in the order in which the blobs follow. The magic lets a reader find its feet behind damage.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from llmgateway.wire.jsoncodec import JsonError, decode, encode

MAGIC: Final = b"LGW1"
HEADER: Final = struct.Struct("<4sIII")  # magic, length, crc32, json length
JSON_LENGTH_SIZE: Final = 4
MAX_LENGTH: Final = 80 * 1024 * 1024  # a length above it is damage, not a record
_pack_header: Final = HEADER.pack


class BadFrameError(ValueError):
    """The bytes here are no record. Look for the next magic."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record read back: its JSON and its blobs by name."""

    meta: dict[str, Any]
    blobs: dict[str, bytes]


def pack(meta: dict[str, Any], blobs: Sequence[tuple[str, bytes]] = ()) -> list[bytes]:
    """Frame a record as buffers for one writev; the blobs are not copied."""
    if blobs:
        meta["blobs"] = [(name, len(blob)) for name, blob in blobs]
    return seal(meta, *[blob for _, blob in blobs])


def seal(meta: dict[str, Any], *blobs: bytes) -> list[bytes]:
    """Frame a record as `pack` does, whose `blobs` speaks of them already."""
    text = encode(meta)
    text_length = len(text)
    length = JSON_LENGTH_SIZE + text_length
    crc = crc32(text, crc32(text_length.to_bytes(JSON_LENGTH_SIZE, "little")))
    for blob in blobs:
        crc = crc32(blob, crc)
        length += len(blob)
    return [_pack_header(MAGIC, length, crc, text_length), text, *blobs]


def unpack(frame: bytes | memoryview) -> Record:
    """Read one whole frame, header included; raises BadFrameError."""
    meta, rest = unfold_whole(memoryview(frame))
    return Record(meta, cut(meta, rest))


def unfold_whole(frame: memoryview) -> tuple[dict[str, Any], memoryview]:
    """Read a frame as `unfold` does, of which it is not known yet where it ends; raises BadFrameError."""
    length = measure(frame, 0)
    if not length or length != len(frame):
        raise BadFrameError("length")
    return unfold(frame)


def measure(buffer: bytes | memoryview, at: int) -> int:
    """Tell how long the frame is that begins at `at`, header included; 0 if too little of it is here to say.

    Raises BadFrameError where no frame begins. Believes the header: only `unfold` checks.
    """
    if len(buffer) - at < HEADER.size:
        if buffer[at : at + len(MAGIC)] != MAGIC[: len(buffer) - at]:
            raise BadFrameError("magic")
        return 0
    magic, length, _, text_length = HEADER.unpack_from(buffer, at)
    if magic != MAGIC or length > MAX_LENGTH or text_length > length - JSON_LENGTH_SIZE:
        raise BadFrameError("header")
    return int(HEADER.size - JSON_LENGTH_SIZE + length)


def unfold(frame: memoryview) -> tuple[dict[str, Any], memoryview]:
    """Check a frame that `measure` has cut out; gives its JSON, and the blobs uncopied. Raises BadFrameError."""
    _, _, crc, text_length = HEADER.unpack_from(frame)
    if crc32(frame[HEADER.size - JSON_LENGTH_SIZE :]) != crc:
        raise BadFrameError("crc")
    text_end = HEADER.size + text_length
    return _meta(frame[HEADER.size : text_end]), frame[text_end:]


def is_consistent(frame: memoryview) -> bool:
    """Tell whether a damaged frame still knows its own length: then only its content is lost, not the way on."""
    text_end = HEADER.size + HEADER.unpack_from(frame)[3]
    try:
        cut(_meta(frame[HEADER.size : text_end]), frame[text_end:])
    except BadFrameError:
        return False
    return True


def cut(meta: dict[str, Any], rest: memoryview) -> dict[str, bytes]:
    """Copy out the blobs that `meta` speaks of; raises BadFrameError if they are not what `rest` holds."""
    blobs: dict[str, bytes] = {}
    at = 0
    try:
        for name, length in meta.get("blobs", ()):
            blob = bytes(rest[at : at + length])
            if len(blob) != length or name in blobs:
                raise BadFrameError("blobs")
            blobs[name] = blob
            at += length
    except (TypeError, ValueError) as error:
        raise BadFrameError("blobs") from error
    if at != len(rest):
        raise BadFrameError("blobs")
    return blobs


def _meta(text: memoryview) -> dict[str, Any]:
    try:
        meta = decode(text)
    except JsonError as error:
        raise BadFrameError("json") from error
    if not isinstance(meta, dict):
        raise BadFrameError("json")
    return meta
