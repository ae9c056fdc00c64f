"""What tests of the upstream client share: a receiver that notes what it hears, a fake transport, a pool for a scripted backend."""

import asyncio
from typing import Any

from llmgateway.config.snapshot import Backend
from llmgateway.domain.clock import Clock, SystemClock
from llmgateway.domain.errors import GatewayError
from llmgateway.http.client import Body, Origin, build_head
from llmgateway.http.connection import Connection
from llmgateway.http.deadlines import Sweeper
from llmgateway.http.messages import Headers
from llmgateway.http.pool import Pool


class RecordingReceiver:
    """Notes one reply. `events` is the story in short: ("head", status), ("data", joined), ("end", …) or ("fault", …)."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: Headers = []
        self.pieces: list[bytes] = []
        self.is_delimited: bool | None = None
        self.error: GatewayError | None = None
        self.reusable_retry: bool | None = None
        self.writable: list[bool] = []
        self.over = asyncio.Event()
        self.begun = asyncio.Event()
        self.progress = asyncio.Event()  # something came; tests clear it

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def code(self) -> str | None:
        return self.error.code if self.error else None

    @property
    def events(self) -> list[tuple[str, Any]]:
        story: list[tuple[str, Any]] = []
        if self.status is not None:
            story.append(("head", (self.status, self.headers)))
        if self.pieces:
            story.append(("data", self.body))
        if self.is_delimited is not None:
            story.append(("end", self.is_delimited))
        if self.error is not None:
            story.append(("fault", self.error.code))
        return story

    def on_head(self, status: int, headers: Headers) -> None:
        assert self.status is None and not self.pieces and not self.over.is_set()
        self.status, self.headers = status, headers
        self.begun.set()
        self.progress.set()

    def on_data(self, piece: bytes) -> None:
        assert self.status is not None and piece and not self.over.is_set()
        self.pieces.append(piece)
        self.progress.set()

    def on_end(self, *, is_delimited: bool) -> None:
        assert self.status is not None and not self.over.is_set()
        self.is_delimited = is_delimited
        self.over.set()

    def on_fault(self, error: GatewayError, *, reusable_retry: bool) -> None:
        assert not self.over.is_set()
        self.error, self.reusable_retry = error, reusable_retry
        self.over.set()

    def on_upload_writable(self, *, is_writable: bool) -> None:
        self.writable.append(is_writable)
        self.progress.set()

    async def until_over(self, bound_s: float = 10.0) -> None:
        async with asyncio.timeout(bound_s):
            await self.over.wait()


class FakeTransport(asyncio.Transport):
    """A transport that notes what is done to it; `unsent` is what it says of its write buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent = 0
        self.is_aborted = False
        self.is_reading = True
        self.high = 0

    def write(self, data):
        self.written += data

    def writelines(self, pieces):
        self.written += b"".join(pieces)

    def get_write_buffer_size(self):
        return self.unsent

    def set_write_buffer_limits(self, high=None, low=None):
        self.high = high

    def pause_reading(self):
        self.is_reading = False

    def resume_reading(self):
        self.is_reading = True

    def abort(self):
        self.is_aborted = True


def make_pool(url: str, *, clock: Clock | None = None, sweeper: Sweeper | None = None, **settings: Any) -> Pool:
    """A pool for `url`; `settings` are those of a configured backend."""
    clock = clock or SystemClock()
    sweeper = Sweeper(clock) if sweeper is None else sweeper  # an empty one is falsy
    return Pool(Origin.of(Backend("b", "openai", url, **settings)), clock=clock, sweeper=sweeper)


async def connect(pool: Pool) -> Connection:
    """An idle connection, else a new one."""
    return pool.idle() or await pool.dial()


def start(
    pool: Pool,
    connection: Connection,
    *,
    method: str = "POST",
    target: str = "/v1/x",
    body: Body = b"{}",
    receiver: RecordingReceiver | None = None,
) -> RecordingReceiver:
    """Send one request on `connection`; the reply goes to the receiver returned."""
    receiver = receiver or RecordingReceiver()
    origin = pool.origin
    body = None if method in {"GET", "HEAD"} else body
    connection.send(build_head(method, target, origin.host_header, [], body), body, receiver, origin.timeouts)
    return receiver


async def exchange(pool: Pool, **request: Any) -> RecordingReceiver:
    """One whole exchange on an idle or new connection."""
    receiver = start(pool, await connect(pool), **request)
    await receiver.until_over()
    return receiver
