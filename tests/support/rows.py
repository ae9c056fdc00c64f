"""What the tests of fault rows share: routes made for one kind of trouble each, replies to send, and what must be true after.

The rows are those of the fault catalogue (docs/FAULTS.md): C callers, U backends.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.support.plane import BOUND_S, KEY, Answer, Plane, plane
from tests.support.wire_backend import Step, WireBackend, chunk, chunked_head, expect, forever, reply, send, wait_for

from llmgateway.journal.frame import Record

SECRET = "sk-upstream-secret"
LIMITED_KEY = "lgw_limited"  # may use the route `once` alone
NOBODY = "http://127.0.0.1:1"  # nobody listens there

# once: a single attempt · assistant: three at the same backend · resilient: then another version at backend two
# hasty: a single attempt at a backend with short deadlines
CONFIG = """
[server.limits]
body = "64KiB"
upload = "256KiB"
[data]
dir = "{data}"
[journal]
bodies = "full"
[backends.one]
provider = "openai"
base_url = "{one}/v1"
api_key = "sk-upstream-secret"
[backends.hasty]
provider = "openai"
base_url = "{one}/v1"
timeouts = { connect = "300ms", first_byte = "500ms", idle = "1s", total = "2s" }
[backends.two]
provider = "openai"
base_url = "{two}/v1"
[backends.claude]
provider = "anthropic"
base_url = "{one}"
api_key = "sk-ant-secret"
[routes.assistant]
retries = { base = "5ms" }
[routes.assistant.versions.v1]
backends = ["one"]
model = "upstream-model"
[routes.once]
retries = { max_attempts = 1 }
[routes.once.versions.v1]
backends = ["one"]
[routes.hasty]
retries = { max_attempts = 1 }
[routes.hasty.versions.v1]
backends = ["hasty"]
[routes.resilient]
fallback = ["v2"]
[routes.resilient.versions.v1]
backends = ["one"]
weight = 1
[routes.resilient.versions.v2]
backends = ["two"]
weight = 0
[routes.claude]
retries = { max_attempts = 1 }
[routes.claude.versions.v1]
backends = ["claude"]
[keys.app]
hash = "sha256:{hash}"
default_route = "once"
[keys.limited]
hash = "sha256:{limited}"
routes = ["once"]
""".replace("{limited}", sha256(LIMITED_KEY.encode()).hexdigest())

CHAT = {"model": "once", "messages": [{"role": "user", "content": "hi"}]}
MESSAGES = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
JSON = [("content-type", "application/json")]
SSE = ("content-type", "text/event-stream")
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "upstream-model-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
BODY = json.dumps(ANSWER).encode()
OK = reply(BODY, headers=JSON)


def chunk_of(text: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text} if text is not None else {}, "finish_reason": None, **more}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m1", "choices": [choice]}


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def delta(text: str | None = None, **more: Any) -> bytes:
    """One chunk of a chat stream."""
    return event(chunk_of(text, **more))


FINISH = delta(finish_reason="stop")
COUNTED = event({"id": "c1", "choices": [], "usage": USAGE})
DONE = b"data: [DONE]\n\n"
STREAM = delta("hel") + delta("lo") + FINISH + DONE


def streamed(*pieces: bytes, last: bool = True, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A whole reply with server-sent events, each piece a chunk; not `last`: it is never ended."""
    end = chunk(b"") if last else b""
    return chunked_head(SSE, *headers) + b"".join(map(chunk, filter(None, pieces))) + end


@asynccontextmanager
async def facing(
    tmp_path: Path, *scripts: Sequence[Step], two: str = NOBODY
) -> AsyncIterator[tuple[Plane, WireBackend]]:
    """A plane with the routes above before a backend that plays `scripts`, one a connection."""
    async with WireBackend(*scripts) as backend, plane(tmp_path, backend.url, two, config=CONFIG) as running:
        yield running, backend


def answering(raw: bytes) -> list[Step]:
    """A script: answer every request of a connection with `raw`."""
    return [forever(expect(), send(raw))]


def closing(raw: bytes) -> list[Step]:
    """A script: answer one request with `raw`, then close."""
    return [expect(), send(raw)]


async def stream(running: Plane, route: str = "once", **more: Any) -> Answer:
    """Ask `route` for a chat stream."""
    return await running.post("/v1/chat/completions", {**CHAT, "model": route, "stream": True, **more})


async def stream_in_two(
    running: Plane,
    first: bytes,
    go: asyncio.Event,
    route: str = "once",
    path: str = "/v1/chat/completions",
    **more: Any,
) -> Answer:
    """Ask for a stream; let the backend go on (`wait_for(go)`) once the caller has `first`. Gives the whole answer."""
    caller = await running.connect()
    caller.send("POST", path, json.dumps({**CHAT, "model": route, "stream": True, **more}).encode())
    begun = await caller.receive(until=first)
    assert begun.body == first
    go.set()
    rest = await caller.receive()
    return Answer(begun.status, begun.headers, begun.body + rest.body, rest.is_whole)


def in_two(first: bytes, *rest: Step, headers: Sequence[tuple[str, str]] = ()) -> tuple[asyncio.Event, list[Step]]:
    """A script for `stream_in_two`: a stream's head and `first`, then a wait, then `rest`."""
    go = asyncio.Event()
    return go, [expect(), send(chunked_head(SSE, *headers) + chunk(first)), wait_for(go), *rest]


async def chat(running: Plane, route: str = "once", **more: Any) -> Answer:
    return await running.post("/v1/chat/completions", {**CHAT, "model": route, **more})


def results(record: Record) -> list[str]:
    """How each attempt ended."""
    return [attempt["result"] for attempt in record.meta["attempts"]]


def assert_refused(running: Plane, answer: Answer, status: int, code: str) -> Record:
    """The caller got an error of ours, whole and in shape; the one record says the same."""
    assert (answer.status, answer.is_whole) == (status, True)
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-should-retry"] in {"true", "false"}
    record = running.outcome()
    assert (record.meta["status"], record.meta["error_code"]) == (status, code)
    assert answer.headers["x-request-id"] == record.meta["id"]
    return record


def assert_turned_away(running: Plane, answer: Answer, status: int, code: str) -> Record:
    """The gateway said no by itself: one record says so and no backend was asked."""
    assert (answer.status, answer.is_whole, answer.json()["error"]["code"]) == (status, True, code)
    (record,) = running.records()
    assert (record.meta["k"], record.meta["end"], record.meta["error_code"]) == ("refused", "refused", code)
    assert record.meta["attempts"] == []
    return record


def assert_broken(running: Plane, answer: Answer, sent: bytes, code: str, end: str) -> Record:
    """Rule F: what was `sent`, then an error event, no [DONE], no proper end; the one record says the same."""
    assert answer.body.startswith(sent)
    assert not answer.is_whole
    assert b"[DONE]" not in answer.body
    last = answer.body[len(sent) :].strip().rpartition(b"data: ")[2]
    assert json.loads(last)["error"]["code"] == code
    assert answer.body.endswith(b"\n\n")
    record = running.outcome()
    assert (record.meta["end"], record.meta["error_code"]) == (end, code)
    return record


def assert_idle(running: Plane) -> None:
    """No slot is held: nothing in flight, no stream open."""
    gauges = running.worker.gateway.gauges
    assert not any(gauges.in_flight.values())
    assert not any(gauges.open_streams.values())


@contextmanager
def blackhole() -> Iterator[str]:
    """The URL of a backend that never accepts: its queue is full, so the kernel drops further connections."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            yield f"http://127.0.0.1:{address[1]}"


class RawCaller:
    """One connection to the gateway without a parser between: for bytes that h11 would not send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def receive(self, until: bytes = b"\r\n\r\n") -> bytes:
        async with asyncio.timeout(BOUND_S):
            return await self.reader.readuntil(until)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        async with asyncio.timeout(BOUND_S):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def raw_caller(running: Plane) -> AsyncIterator[RawCaller]:
    caller = RawCaller(*await asyncio.open_connection("127.0.0.1", running.port))
    try:
        yield caller
    finally:
        caller.writer.transport.abort()


def request(
    body: bytes = b"",
    *,
    path: str = "/v1/chat/completions",
    key: str = KEY,
    more: bytes = b"",
    length: int | None = None,
) -> bytes:
    """A POST as bytes; `more` is header lines, `length` what Content-Length says."""
    size = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {key}\r\ncontent-length: {size}\r\n"
    return head.encode() + b"content-type: application/json\r\n" + more + b"\r\n" + body
