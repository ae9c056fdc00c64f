"""How one record lies on disk: magic, length, CRC-32, then JSON and the bodies it speaks of, byte for byte.

    "LGW1" | length u32 | crc32 u32 | json length u32 | json | blobs

`length` counts everything after the crc; the crc covers the same. Numbers are little-endian. The JSON's `blobs` is a
list of [name, length] in the order in which the blobs follow. The magic lets a reader find its feet behind damage.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmgateway.wire.jsoncodec import JsonError, decode, encode

MAGIC: Final = b"LGW1"
HEADER: Final = struct.Struct("<4sIII")  # magic, length, crc32, json length
JSON_LENGTH: Final = struct.Struct("<I")
MAX_LENGTH: Final = 80 * 1024 * 1024  # a length above it is damage, not a record


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
        meta["blobs"] = [[name, len(blob)] for name, blob in blobs]
    text = encode(meta)
    prefix = JSON_LENGTH.pack(len(text))
    crc = zlib.crc32(text, zlib.crc32(prefix))
    length = len(prefix) + len(text)
    for _, blob in blobs:
        crc = zlib.crc32(blob, crc)
        length += len(blob)
    return [HEADER.pack(MAGIC, length, crc, len(text)), text, *(blob for _, blob in blobs)]


def unpack(frame: bytes | memoryview) -> Record:
    """Read one whole frame, header included; raises BadFrameError."""
    if len(frame) < HEADER.size:
        raise BadFrameError("too short")
    magic, length, crc, text_length = HEADER.unpack_from(frame)
    payload = memoryview(frame)[HEADER.size - JSON_LENGTH.size :]
    if magic != MAGIC or length != len(payload) or text_length > length - JSON_LENGTH.size:
        raise BadFrameError("header")
    if zlib.crc32(payload) != crc:
        raise BadFrameError("crc")
    text_end = JSON_LENGTH.size + text_length
    try:
        meta = decode(payload[JSON_LENGTH.size : text_end])
    except JsonError as error:
        raise BadFrameError("json") from error
    return Record(meta, _cut(meta, payload[text_end:]))


def _cut(meta: dict[str, Any], rest: memoryview) -> dict[str, bytes]:
    blobs: dict[str, bytes] = {}
    at = 0
    for name, length in meta.get("blobs", ()):
        blobs[name] = bytes(rest[at : at + length])
        at += length
    if at != len(rest):
        raise BadFrameError("blobs")
    return blobs
