"""Journals for tests: records by number, and everything that a reader makes of a folder."""

from pathlib import Path

from llmgateway.journal.frame import pack
from llmgateway.journal.reader import JournalReader
from llmgateway.journal.tail import Frame, Tail


def record(number: int, body: bytes = b"body") -> list[bytes]:
    return pack({"n": number}, [("request", body)])


def framed(number: int, body: bytes = b"body") -> bytes:
    return b"".join(record(number, body))


def drain(tail: Tail, **limits: int) -> list[Frame]:
    """Read until there is nothing more for now."""
    frames: list[Frame] = []
    while found := tail.read(**limits):
        frames += found
    return frames


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.meta["n"] for frame in frames]


def all_numbers(root: Path) -> list[int]:
    reader = JournalReader(root)
    found = [number for tail in reader.discover({}) for number in numbers(drain(tail))]
    reader.close()
    return found
