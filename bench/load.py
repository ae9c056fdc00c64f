"""The load generator, a process of its own: `python -m bench.load SPEC`, where SPEC is a JSON object as `Spec` has it.

    open     requests at a fixed rate, whether answers come or not; latency from the time at which each was due
    closed   each connection asks again as soon as it has its answer
    stall    asks for streams and reads none of them, until stdin closes

Prints one JSON object at the end; `stall` prints {"stalled": n} once all have asked.
"""

import asyncio
import json
import socket
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any, Final

import uvloop

from bench import payload
from bench.callers import Caller, StreamCaller, Tally, WholeCaller
from bench.pacing import Schedule
from bench.spread import percentile
from bench.ticks import Ticks

GRACE_S: Final = 60.0  # for answers that are still under way at the end
RECEIVE_BUFFER: Final = 4096  # of a stalled reader: the kernel doubles it, and takes no less than 2,304


@dataclass(frozen=True, slots=True)
class Spec:
    """What to do to whom. `rate` 0: closed loop. `chunks` None: whole answers, else streams of so many."""

    port: int
    mode: str = "open"
    seconds: float = 1.0
    rate: float = 0.0
    connections: int = 64
    chunks: int | None = None
    chunk_rate: int = payload.FULL_SPEED
    spread_s: float = 0.0  # over which the connections of a closed loop begin
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Write it as the process takes it."""
        return json.dumps(asdict(self))

    def request(self, number: int) -> bytes:
        """Make the whole request of connection `number`; each stands for a user of its own."""
        body = payload.request(f"user-{number}", chunks=self.chunks, rate=self.chunk_rate)
        headers = {
            "host": f"127.0.0.1:{self.port}",
            "user-agent": "OpenAI/Python 3.54.0",
            "accept": "application/json",
            "content-type": "application/json",
            "content-length": str(len(body)),
            **self.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


class Load:
    """Runs one spec against one port."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.tally = Tally()
        self._free: deque[Caller] = deque()
        self._waiting: deque[float] = deque()  # due times that found no free connection
        self._all: list[Caller] = []
        self._ends = 0.0
        self._is_stopping = False
        self._settled = asyncio.Event()
        self._dialling: set[asyncio.Task[None]] = set()

    async def run(self) -> dict[str, Any]:
        """Connect, load, wait for the last answers; returns the report."""
        for number in range(self._spec.connections):
            self._free.append(await self._connect(self._spec.request(number)))
        began = monotonic()
        await (self._open() if self._spec.mode == "open" else self._closed())
        self._is_stopping = True
        self._look()
        try:
            async with asyncio.timeout(GRACE_S + (self._spec.chunks or 0) / (self._spec.chunk_rate or 1000)):
                await self._settled.wait()
        except TimeoutError:
            self.tally.complain(f"{self._busy()} replies did not end")
        seconds = monotonic() - began
        for caller in self._all:
            caller.close()
        return report(self.tally, seconds)

    async def _connect(self, request: bytes) -> Caller:
        make = WholeCaller if self._spec.chunks is None else StreamCaller
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(
            lambda: make(request, self.tally, self._on_free), "127.0.0.1", self._spec.port
        )
        self._all.append(caller)
        return caller

    async def _open(self) -> None:
        schedule = Schedule(self._spec.rate, self._spec.seconds, monotonic() + 0.01)
        over = asyncio.Event()

        def tick() -> None:
            self._waiting.extend(schedule.due(monotonic()))
            self._send()
            if schedule.is_over:
                over.set()

        ticks = Ticks(schedule.start, schedule.interval, tick)
        await over.wait()
        ticks.close()

    def _send(self) -> None:
        while self._waiting and self._free:
            caller = self._free.popleft()
            if caller.is_open:
                caller.go(self._waiting.popleft())
            else:
                self._dial_again(caller)

    async def _closed(self) -> None:
        self._ends = monotonic() + self._spec.seconds
        pause = self._spec.spread_s / self._spec.connections
        for caller in tuple(self._free):
            caller.go(monotonic())
            if pause:
                await asyncio.sleep(pause)
        await asyncio.sleep(max(0.0, self._ends - monotonic()))

    def _on_free(self, caller: Caller) -> None:
        if self._is_stopping:
            self._look()
        elif not caller.is_open:
            self._dial_again(caller)
        elif self._spec.mode == "open":
            self._free.append(caller)
            self._send()
        elif monotonic() < self._ends:
            caller.go(monotonic())

    def _dial_again(self, caller: Caller) -> None:
        """A connection broke; its error is counted. Let another take its place, so that the load stays the same."""
        self._all.remove(caller)
        task = asyncio.ensure_future(self._replace(caller.request))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _replace(self, request: bytes) -> None:
        await asyncio.sleep(0.01)
        caller = await self._connect(request)
        if self._spec.mode == "open":
            self._free.append(caller)
            self._send()
        elif monotonic() < self._ends:
            caller.go(monotonic())

    def _busy(self) -> int:
        return sum(caller.is_busy for caller in self._all) + len(self._waiting)

    def _look(self) -> None:
        if self._is_stopping:
            self._send()
            if not self._busy():
                self._settled.set()


def report(tally: Tally, seconds: float) -> dict[str, Any]:
    """Sum a run up; times in seconds."""
    transit = tally.transit
    return {
        "seconds": seconds,
        "sent": tally.sent,
        "done": tally.done,
        "errors": tally.errors,
        "complaints": tally.complaints,
        "latency": _percentiles(tally.latencies),
        "first": _percentiles(tally.first),
        "transit": {"p50": transit.percentile(0.5), "p99": transit.percentile(0.99), "max": transit.largest},
        "stall": tally.stall,
        "stalls": tally.stalls,
    }


def _percentiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    values.sort()
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: percentile(values, share) for name, share in shares.items()}


def stall(spec: Spec) -> None:
    """Ask for as many streams as `connections` says, and read none until stdin closes."""
    sockets = []
    for number in range(spec.connections):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)  # before connect, to bound the window
        sock.connect(("127.0.0.1", spec.port))
        sock.sendall(spec.request(number))
        sockets.append(sock)
    print(json.dumps({"stalled": len(sockets)}), flush=True)
    sys.stdin.read()


def main() -> None:
    """Run the spec in the first argument."""
    spec = Spec(**json.loads(sys.argv[1]))
    if spec.mode == "stall":
        stall(spec)
    else:
        print(json.dumps(uvloop.run(_loaded(spec))), flush=True)


async def _loaded(spec: Spec) -> dict[str, Any]:
    return await Load(spec).run()


if __name__ == "__main__":
    main()
