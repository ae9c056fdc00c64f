"""Rows U7, U9 and U11 at every place where a stream can be cut (T20): by the network, or by a backend that leaves.

Recorded streams are sent in two pieces cut at each offset, byte by byte, and broken off at each offset. Many exchanges
run over one plane, so callers and backends here are as plain as can be.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tests.support.plane import BOUND_S, Plane, plane
from tests.support.rows import CONFIG, raw_caller, request
from tests.support.wire_backend import chunk
from tests.support.wire_cases import COUNTS, Case, cases

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
TO_THE_END = HEAD + b"connection: close\r\n\r\n"
AT_ONCE = 8  # callers beside each other
END = chunk(b"")

# In these every offset is tried, in the others every so-manieth.
THOROUGH = {"openai/chat_stream", "openai/responses_stream", "anthropic/messages_stream"}
STRIDE = 11

STREAMS = {str(case): case for case in cases() if case.is_stream}
WHOLE = {name: case for name, case in STREAMS.items() if case.expected["is_complete"] and not case.expected["error"]}
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


def every(name: str, size: int) -> range:
    return range(1, size) if name in THOROUGH else range(1, size, STRIDE)


class Pieces(asyncio.Protocol):
    """A backend's connection: answers each request by its number, each piece a write that is read by itself."""

    def __init__(self, script: Callable[[int], tuple[list[bytes], bool]]) -> None:
        self._script = script
        self._buffer = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)

    def abort(self) -> None:
        if not self.lost.done():
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if found and len(body) == int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            self._buffer = b""
            number = json.loads(body)["metadata"]["number"]
            task = asyncio.get_running_loop().create_task(self._play(*self._script(int(number))))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _play(self, pieces: list[bytes], stays: bool) -> None:
        for piece in pieces:
            self._transport.write(piece)
            for _ in range(3):
                await asyncio.sleep(0)
        if not stays:
            self._transport.close()


@asynccontextmanager
async def serving(tmp_path, script: Callable[[int], tuple[list[bytes], bool]]) -> AsyncIterator[Plane]:
    """A plane before a backend that answers request `number` with `script(number)`: pieces, and whether it stays open."""
    wires: list[Pieces] = []

    def accept() -> Pieces:
        wires.append(Pieces(script))
        return wires[-1]

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with plane(tmp_path, url, config=CONFIG) as running:
            yield running
    finally:
        server.close()
        for wire in wires:
            wire.abort()
        await asyncio.gather(*(wire.lost for wire in wires))


@dataclass(frozen=True)
class Got:
    """What one caller got: status, the bytes of the body, and whether they came to their proper end."""

    status: int
    body: bytes
    is_whole: bool


async def collect(running: Plane, case: Case, numbers: Iterable[int]) -> dict[int, Got]:
    """Ask once for each number, some at a time; gives what came, by number."""
    waiting, got = iter(numbers), {}
    model = "claude" if case.folder.parent.name == "anthropic" else "once"

    async def worker() -> None:
        for number in waiting:
            document = {
                **(case.request["body"] or {}),
                "model": model,
                "metadata": {"number": f"{number:06d}"},
                "stream": True,
            }
            got[number] = await ask(running, case.request["path"], json.dumps(document).encode())

    async with asyncio.timeout(BOUND_S * 6):
        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return got


async def ask(running: Plane, path: str, body: bytes) -> Got:
    async with raw_caller(running) as caller:
        caller.send(request(body, path=path, more=b"connection: close\r\n"))
        raw = await caller.rest()
    head, _, rest = raw.partition(b"\r\n\r\n")
    status = int(head[9:12])
    if b"transfer-encoding: chunked" not in head.lower():
        return Got(status, rest, True)
    return Got(status, *unchunked(rest))


def unchunked(raw: bytes) -> tuple[bytes, bool]:
    body, at = b"", 0
    while True:
        line = raw.find(b"\r\n", at)
        if line < 0:
            return body, False
        size = int(raw[at:line], 16)
        if size == 0:
            return body, raw[line:] == b"\r\n\r\n"
        body += raw[line + 2 : line + 2 + size]
        at = line + 4 + size


def outcomes(running: Plane) -> dict[int, dict]:
    """The outcome of each exchange by its number; there must be exactly one."""
    numbers = {record.meta["id"]: int(record.meta["tags"]["number"]) for record in running.of_kind("admitted")}
    settled = running.of_kind("settled")
    assert len(settled) == len(numbers) == len({record.meta["id"] for record in settled})
    return {numbers[record.meta["id"]]: record.meta for record in settled}


def counted(meta: dict) -> dict[str, int]:
    return {name: meta[name] for name in COUNTS if meta[name] is not None}


@pytest.mark.parametrize("name", WHOLE)
async def test_u11_a_stream_is_the_same_wherever_the_network_cuts_it(tmp_path, name):
    case = WHOLE[name]
    stream = case.reply

    def script(number: int) -> tuple[list[bytes], bool]:
        if number < 0:  # byte by byte
            return [CHUNKED, *(chunk(stream[at : at + 1]) for at in range(len(stream))), END], True
        return [CHUNKED + chunk(stream[:number]), chunk(stream[number:]) + END] if number else [
            CHUNKED + chunk(stream) + END
        ], True

    async with serving(tmp_path, script) as running:
        got = await collect(running, case, [0, -1, *every(name, len(stream))])
        records = outcomes(running)
    uncut = got[0]
    assert (uncut.status, uncut.is_whole) == (200, True)
    assert stream.startswith(uncut.body) or uncut.body.startswith(stream)  # at most the end is made regular
    if name in THOROUGH:
        assert uncut.body == stream
    assert {number: each for number, each in got.items() if each != uncut} == {}
    usage = case.expected["usage"]
    assert counted(records[0]) == usage or (not usage and records[0]["usage_estimated"])
    assert {number for number, meta in records.items() if counted(meta) != counted(records[0])} == set()
    assert {(meta["end"], meta["finish_reason"]) for meta in records.values()} == {
        ("completed", case.expected["finish_reason"])
    }


@pytest.mark.parametrize("name", WHOLE)
async def test_u07_a_stream_that_is_cut_anywhere_never_looks_whole(tmp_path, name):
    """The backend breaks its own framing: that is a fault up to the last byte of the last event."""
    case = WHOLE[name]
    stream = case.reply

    def script(number: int) -> tuple[list[bytes], bool]:
        return ([CHUNKED + chunk(stream[:number])], False) if number else ([CHUNKED + chunk(stream) + END], True)

    async with serving(tmp_path, script) as running:
        uncut = (await collect(running, case, [0]))[0].body.rstrip(b"\r\n")
        last = len(uncut) - len(uncut.splitlines()[-1])  # where the line of the event that ends it begins
        got = await collect(running, case, [at for at in every(name, len(stream)) if at <= last])
        records = outcomes(running)
    del records[0]
    for number, each in got.items():
        check_broken(each, stream[:number])
    assert {meta["end"] for meta in records.values()} == {"truncated"}
    assert name not in THOROUGH or {each.status for each in got.values()} == {200, 502}


@pytest.mark.parametrize("name", sorted(THOROUGH))
async def test_u09_a_stream_that_ends_anywhere_looks_whole_only_once_its_answer_is(tmp_path, name):
    """The backend's end is polite: only the content can tell whether that was all."""
    case = WHOLE[name]
    stream = case.reply
    whole_from = answered(stream)

    def script(number: int) -> tuple[list[bytes], bool]:
        return [TO_THE_END + stream[:number]], False

    async with serving(tmp_path, script) as running:
        got = await collect(running, case, every(name, len(stream)))
        records = outcomes(running)
    for number, each in got.items():
        if number < whole_from:
            check_broken(each, stream[:number])
        else:
            assert (each.status, each.is_whole) == (200, True)
            assert each.body.endswith(b"\n\n")
            assert stream.startswith(each.body.rstrip(b"\n"))
            assert len(each.body) >= whole_from
        assert records[number]["end"] == ("truncated" if number < whole_from else "completed")


def answered(stream: bytes) -> int:
    """The offset at which the reason for the answer's end has come: behind its JSON."""
    for mark in (b'"finish_reason":"stop"', b'"stop_reason":"end_turn"', b'"type":"response.completed"'):
        if mark in stream:
            return stream.index(b"\n", stream.index(mark))
    raise AssertionError("the stream has no end")


def check_broken(got: Got, sent: bytes) -> None:
    """The caller knows: an error with a status of its own, or whole events, then the error, and no proper end."""
    if got.status == 502:
        assert json.loads(got.body)["error"]
        return
    assert (got.status, got.is_whole) == (200, False)
    events, _, error = got.body.rstrip(b"\n").rpartition(b"data: ")
    assert json.loads(error)["error"]
    events = events.removesuffix(b"event: error\n")
    assert sent.startswith(events)
    assert events == b"" or events.endswith((b"\n\n", b"\r\n\r\n"))
