"""Recorded exchanges with backends, `tests/fixtures/wire/<provider>/<case>/`, and how to read them.

request.json: method, path, body · reply.json or reply.sse: what came back · expected.json: what a reader must make of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from llmgateway import plugins
from llmgateway.domain.operation import Operation
from llmgateway.ports.provider import Provider
from llmgateway.ports.reader import ReplyReader
from llmgateway.wire.jsoncodec import decode
from llmgateway.wire.sse import SseDecoder

ROOT = Path(__file__).parents[1] / "fixtures" / "wire"
COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
FACTS = ("finish_reason", "response_model", "response_id", "fingerprint", "parse_errors", "error")
FACTS += ("has_content", "is_finished", "is_complete")


@dataclass(frozen=True)
class Case:
    """One recorded exchange."""

    folder: Path

    def __str__(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def request(self) -> dict[str, Any]:
        return decode((self.folder / "request.json").read_bytes())

    @property
    def expected(self) -> dict[str, Any]:
        return decode((self.folder / "expected.json").read_bytes())

    @property
    def is_stream(self) -> bool:
        return (self.folder / "reply.sse").exists()

    @property
    def reply(self) -> bytes:
        return (self.folder / ("reply.sse" if self.is_stream else "reply.json")).read_bytes()


def cases(provider: str | None = None) -> list[Case]:
    """The recorded exchanges of one provider, or of all."""
    return [Case(path.parent) for path in sorted(ROOT.glob(f"{provider or '*'}/*/request.json"))]


@cache
def operation(dialect: str, case: Case) -> Operation:
    """What a dialect calls the recorded request."""
    request = case.request
    found: Operation = plugins.load("dialect", dialect)().operation(request["method"], request["path"])
    return found


def read(provider: Provider, case: Case, pieces: Iterable[bytes]) -> ReplyReader:
    """Feed a reply to a fresh reader as the relay does."""
    reader = provider.reader(operation(provider.dialect, case))
    if not case.is_stream:
        reader.whole(b"".join(pieces))
        return reader
    decoder = SseDecoder()
    for piece in pieces:
        for name, data, _ in decoder.feed(piece):
            reader.event(name, data)
    last = decoder.finish()
    if last is not None:
        reader.event(last[0], last[1])
    return reader


def summary(reader: ReplyReader) -> dict[str, Any]:
    """What a reader knows, as expected.json writes it: counts that are known, facts, and the message."""
    message = reader.message()
    counts = {name: getattr(reader.usage, name) for name in COUNTS}
    return {
        "usage": {name: count for name, count in counts.items() if count is not None},
        **{name: getattr(reader, name) for name in FACTS},
        "message": None if message is None else decode(message),
    }


def cut(stream: bytes, places: Sequence[int]) -> list[bytes]:
    """The stream in pieces, cut at `places` (taken modulo its length)."""
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:stop] for start, stop in zip(edges, edges[1:], strict=False)]
