"""Processor time of the Python on a request's path, without sockets: `python -m bench.inproc [--stream] [--profile]`.

A worker's data plane in this process, with a real journal on disk, between two fake transports: what is written to one
side is answered by the other in the next turn of the event loop. No system calls but the journal's writes, no other
process, no noise from the network: the figure is repeatable to a few percent, which a change of the code can be judged
by. What it leaves out: the sockets' system calls, uvloop's own work, the ingester.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import random
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any, Final

import uvloop

from bench import payload
from bench.load import Spec
from bench.spread import Spread
from llmgateway import plugins
from llmgateway.app.worker import Installed
from llmgateway.config.loader import load
from llmgateway.config.minting import hash_of, mint_key
from llmgateway.dataplane.call import Gateway
from llmgateway.dataplane.worker import Worker, prepare
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.ids import IdMint
from llmgateway.http.connection import Connection
from llmgateway.http.deadlines import Sweeper
from llmgateway.journal.layout import journal_folder
from llmgateway.journal.writer import JournalWriter

_CONFIG: Final = """
[data]
dir = "{folder}"
[backends.one]
provider = "openai"
base_url = "http://127.0.0.1:1/v1"
api_key = "sk-bench"
[routes.assistant]
sticky = "user"
[routes.assistant.versions.v1]
backends = ["one"]
model = "gpt-4.1-2025-04-14"
weight = 90
[routes.assistant.versions.v2]
backends = ["one"]
model = "gpt-4.1-mini"
params = {{ temperature = 0.2 }}
weight = 10
[keys.bench]
hash = "{hash}"
"""
_HEAD: Final = b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
_WHOLE: Final = _HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_STREAM: Final = _HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Transport:
    """As much of a transport as the protocols use. What is written goes to `on_write`."""

    def __init__(self) -> None:
        self.on_write: Callable[[bytes], None]

    def write(self, piece: bytes) -> None:
        self.on_write(piece)

    def writelines(self, pieces: list[bytes]) -> None:
        self.on_write(b"".join(pieces))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return True

    def _nothing(self, *_: Any, **__: Any) -> None: ...

    set_write_buffer_limits = pause_reading = resume_reading = write_eof = close = abort = _nothing


def _plane(folder: Path, digest: str) -> Worker:
    """A worker's data plane as the worker process builds it, without link and supervisor."""
    clock = SystemClock()
    text = _CONFIG.format(folder=folder, hash=digest)
    snapshot = load(text, providers=("openai", "anthropic"), generation=1, environ={})
    sweeper, installed = Sweeper(clock), Installed()
    journal = JournalWriter.open(journal_folder(folder), snapshot.journal, clock)
    gateway = Gateway(
        in_force=prepare(snapshot, None, installed, clock, sweeper),
        journal=journal,
        sweeper=sweeper,
        clock=clock,
        mint=IdMint(clock.time),
        draw=random.Random(7).random,
        dialects=plugins.load_all("dialect"),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    return Worker(gateway, journal, listener, installed)


def _framed(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _answers(chunks: int | None) -> list[bytes]:
    """What the backend sends, a piece a turn of the loop."""
    if chunks is None:
        body = payload.answer()
        return [_WHOLE % (len(body), body)]
    token = _framed(payload.chunk(payload.stamp(3600.0)))
    last = _framed(payload.last_chunks(chunks)) + b"0\r\n\r\n"
    return [_STREAM + _framed(payload.first_chunk()), *([token] * chunks), last]


class Circle:
    """One caller and one backend connection, asked and answered again and again."""

    def __init__(self, worker: Worker, request: bytes, answers: list[bytes], pause_s: float) -> None:
        self._worker = worker
        self._pause_s = pause_s
        self._request = request
        self._answers = answers
        self._is_stream = len(answers) > 1
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._left = 0
        self._caller = worker.http.protocol()
        self._backend = self._connection()

    async def run(self, requests: int) -> float:
        """Serve so many requests; processor seconds of this process."""
        self._left = requests
        transport = Transport()
        transport.on_write = self._answered
        self._caller.connection_made(transport)  # type: ignore[arg-type]  # it stands in for one
        began = process_time()
        self._caller.data_received(self._request)
        await self._over
        return process_time() - began

    def _connection(self) -> Connection:
        """A pooled connection to the backend."""
        gateway = self._worker.gateway
        pool = gateway.in_force.upstreams["one"].pool
        connection = Connection(pool, gateway.clock, gateway.sweeper)
        transport = Transport()
        transport.on_write = self._asked
        connection.connection_made(transport)  # type: ignore[arg-type]
        pool._connections.add(connection)  # noqa: SLF001 - the pool dials itself; there is nothing to dial here
        pool.release(connection)
        return connection

    def _asked(self, piece: bytes) -> None:
        pieces = iter(self._answers)
        self._loop.call_soon(self._answer, pieces)

    def _answer(self, pieces: Iterator[bytes]) -> None:
        piece = next(pieces, None)
        if piece is not None:
            self._backend.data_received(piece)
            if self._is_stream:
                self._loop.call_soon(self._answer, pieces)

    def _answered(self, piece: bytes) -> None:
        if piece.startswith(b"HTTP/1.1 ") and not piece.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"refused: {piece.decode()}")
        if self._is_stream and not piece.endswith(b"0\r\n\r\n"):
            return
        self._left -= 1
        if self._left and self._pause_s:
            self._loop.call_later(self._pause_s, self._caller.data_received, self._request)
        elif self._left:
            self._loop.call_soon(self._caller.data_received, self._request)
        elif not self._over.done():
            self._over.set_result(None)


async def measured(
    requests: int, chunks: int | None, pause_s: float = 0.0, profile: cProfile.Profile | None = None
) -> float:
    """Serve requests, some more before that are not counted; microseconds of each."""
    key = mint_key()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        worker = _plane(Path(folder), hash_of(key))
        spec = Spec(1, chunks=chunks, headers={"authorization": f"Bearer {key}"})
        request, answers = spec.request(1), _answers(chunks)
        await Circle(worker, request, answers, 0.0).run(max(10, requests // 20))
        worker.gateway.in_force.upstreams["one"].pool._connections.clear()  # noqa: SLF001 - the first circle's
        worker.gateway.in_force.upstreams["one"].pool._idle.clear()  # noqa: SLF001
        circle = Circle(worker, request, answers, pause_s)
        if profile is not None:
            profile.enable()
        seconds = await circle.run(requests)
        if profile is not None:
            profile.disable()
        await worker.close()
    return seconds / requests * 1e6


def main() -> None:
    """Measure what the command line says, or profile it."""
    parser = argparse.ArgumentParser(prog="python -m bench.inproc", description="The request's path without sockets.")
    parser.add_argument("--stream", action="store_true", help="streams instead of whole answers")
    parser.add_argument("--chunks", type=int, default=250, help="of a stream (250)")
    parser.add_argument("--requests", type=int, help="of a round (5000, or 100 streams)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pause", type=float, default=0.0, help="milliseconds between requests: caches get cold (0)")
    parser.add_argument("--profile", type=int, nargs="?", const=40, help="profile one round; show so many functions")
    asked = parser.parse_args()
    chunks = asked.chunks if asked.stream else None
    pause_s = asked.pause / 1000
    requests = asked.requests or (5000 if chunks is None else 100)
    os.environ.pop("PYTHONASYNCIODEBUG", None)
    if asked.profile:
        profile = cProfile.Profile()
        uvloop.run(measured(requests, chunks, pause_s, profile))
        pstats.Stats(profile).sort_stats("tottime").print_stats(asked.profile)
        return
    each = [uvloop.run(measured(requests, chunks, pause_s)) for _ in range(asked.rounds)]
    print(f"{Spread.of(each).text(1)} microseconds a {'stream' if chunks else 'request'}")
    if chunks:
        print(f"{Spread.of([total / chunks for total in each]).text(2)} microseconds a chunk, {chunks} in a stream")


if __name__ == "__main__":
    main()
