"""Callers who send a byte at a time, a process of their own: `python -m bench.tricklers SPEC`, JSON as `Spec` has it.

Each is on its own: their beginnings are spread over a second, and their bytes over every interval, as those of
thousands of strangers are. Prints {"connected": n} once all have begun, and at the end the seconds after which each
was cut.
"""

import asyncio
import json
import sys
from collections import deque
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Final

import uvloop

from bench.ticks import Ticks

LOOK_S: Final = 0.1
_HEAD: Final = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BEGINNINGS: Final = {
    "head": _HEAD,
    "body": _HEAD + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{",
}


@dataclass(frozen=True, slots=True)
class Spec:
    """Whom to bother, with how many of which kind (`head`, `body`), for how long at most; a byte each `interval_s`."""

    port: int
    kind: str
    count: int
    at_most_s: float
    spread_s: float = 1.0
    interval_s: float = 1.0

    def text(self) -> str:
        """Write it as the process takes it."""
        return json.dumps(asdict(self))


class Trickler(asyncio.Protocol):
    """One slow caller: `seconds` says how long it was kept, once it was cut."""

    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning
        self._began = monotonic()
        self._transport: asyncio.Transport | None = None
        self.seconds: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses
        transport.write(self._beginning)  # type: ignore[attr-defined]

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.seconds = monotonic() - self._began
        self._transport = None

    def trickle(self) -> None:
        """Send one byte more."""
        if self._transport is not None:
            self._transport.write(b"x")

    def give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def run(spec: Spec) -> list[float]:
    """Bother until all were cut, or the time is over; the seconds of each."""
    loop, beginning = asyncio.get_running_loop(), BEGINNINGS[spec.kind]
    until = monotonic() + spec.at_most_s + spec.spread_s
    turn: deque[Trickler] = deque()
    for number in range(spec.count):
        _, trickler = await loop.create_connection(lambda: Trickler(beginning), "127.0.0.1", spec.port)
        turn.append(trickler)
        await asyncio.sleep(spec.spread_s / spec.count if number % 10 == 0 else 0)
    print(json.dumps({"connected": len(turn)}), flush=True)
    everyone = list(turn)

    def next_one() -> None:
        turn[0].trickle()
        turn.rotate(-1)

    ticks = Ticks(monotonic(), spec.interval_s / spec.count, next_one)
    while monotonic() < until and any(one.seconds is None for one in everyone):
        await asyncio.sleep(LOOK_S)
    ticks.close()
    for one in everyone:
        one.give_up()
    await asyncio.sleep(LOOK_S)
    return [spec.at_most_s if one.seconds is None else one.seconds for one in everyone]


def main() -> None:
    """Run the spec in the first argument."""
    print(json.dumps({"seconds": uvloop.run(run(Spec(**json.loads(sys.argv[1]))))}), flush=True)


if __name__ == "__main__":
    main()
