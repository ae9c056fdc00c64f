"""The worker's end of the link to control: tells how it is once a second, takes new snapshots.

Control may be away for as long as it likes: the worker goes on with the snapshot it has and keeps knocking.
No decision is made here; what a snapshot means is up to `on_snapshot`.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from llmgateway.telemetry.frames import (
    ACK,
    BACKEND,
    BACKENDS,
    MAX_SNAPSHOT_BYTES,
    MAX_STATUS_BYTES,
    MEMORY,
    SNAPSHOT,
    STATUS,
    WEIGHED,
    WEIGHTS,
    BadLineError,
    frame,
    parse,
    revision,
    socket_path,
)

PERIOD_S: Final = 1.0
MIN_WAIT_S: Final = 0.1
MAX_WAIT_S: Final = 2.0
MAX_UNSENT_BYTES: Final = 256 * 1024  # of news of backends: a control that reads none hears all of it when it is back
WRITE_TIMEOUT_S: Final = 5.0  # control accepts no more: hang up and try again

log = logging.getLogger(__name__)

OnSnapshot = Callable[[int, str, Mapping[str, Any] | None], Awaitable[str | None]]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class News:
    """Who hears what control tells: `take` gets its view of the backends, `greet` is called on each new connection,
    `memory` gets what all processes of the gateway hold together, in bytes. `weigh` gets the weights of rollouts and
    says which ones are in force then.
    """

    take: Callable[[dict[str, Any]], None] = lambda _: None
    greet: Callable[[], None] = lambda: None
    memory: Callable[[int], None] = lambda _: None
    weigh: Callable[[dict[str, Any]], str] = lambda _: ""


class Link:
    """One worker's connection to control, for as long as the worker lives.

    `on_snapshot(generation, text, document)` puts a snapshot in force and returns None, or says why it can't; the
    snapshot before then stays. `document` is the text parsed, where control has sent it so, too. `status()` gives the
    frame's fields, `held` is the text the worker was started with; `news` hears what else control
    tells. `start` needs a running loop; `close` ends it for good.
    """

    def __init__(
        self,
        path: Path,
        status: Callable[[], dict[str, Any]],
        on_snapshot: OnSnapshot,
        *,
        held: str | None = None,
        news: News | None = None,
        period_s: float = PERIOD_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._path = path
        self._status = status
        self._on_snapshot = on_snapshot
        self._news = news or News()
        self._writer: asyncio.StreamWriter | None = None  # once control knows who we are
        self._period_s = period_s
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None
        self.revision = None if held is None else revision(held)  # of the text in force
        self.is_connected = False

    def start(self) -> None:
        """Begin to knock; returns at once."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="link")

    async def close(self) -> None:
        """Hang up and stop."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def tell(self, event: dict[str, Any]) -> bool:
        """Send news of a backend at once; False while control is away, or does not read."""
        if self._writer is None or self._writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return False
        self._writer.write(frame(BACKEND, event, MAX_STATUS_BYTES))
        return True

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                with socket_path(self._path) as short:
                    reader, writer = await asyncio.open_unix_connection(short, limit=MAX_SNAPSHOT_BYTES)
            except OSError:
                failures += 1
                await self._sleep(wait_s(failures))
                continue
            await self._session(reader, writer)
            failures = 1
            await self._sleep(wait_s(failures))

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side is done with it."""
        self.is_connected = True
        sides = [asyncio.ensure_future(self._tell(writer)), asyncio.ensure_future(self._listen(reader, writer))]
        try:
            done, _ = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            for side in done:
                _explain(side.exception())
        finally:
            self.is_connected = False
            self._writer = None
            writer.transport.abort()  # before anything is awaited: we may be cancelled meanwhile
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        is_known = False
        while True:
            fields = self._status() | {"revision": self.revision}
            writer.write(frame(STATUS, fields, MAX_STATUS_BYTES))
            if not is_known:
                is_known, self._writer = True, writer
                self._news.greet()
            await _drained(writer)
            await self._sleep(self._period_s)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            kind, fields = parse(line)
            if kind == BACKENDS:
                self._news.take(fields)
            if kind == WEIGHTS:
                writer.write(frame(WEIGHED, {"held": self._news.weigh(fields)}, MAX_STATUS_BYTES))
            if kind == MEMORY and isinstance(total := fields.get("bytes"), int):
                self._news.memory(total)
            if kind != SNAPSHOT:
                continue  # a newer control may say more than we know
            error = await self._take(fields)
            ack = {"generation": fields.get("generation"), "error": error, "revision": self.revision}
            writer.write(frame(ACK, ack, MAX_STATUS_BYTES))
            await _drained(writer)

    async def _take(self, fields: dict[str, Any]) -> str | None:
        generation, text, document = fields.get("generation"), fields.get("text"), fields.get("document")
        if not isinstance(generation, int) or not isinstance(text, str):
            raise BadLineError("a snapshot without generation and text")
        try:
            error = await self._on_snapshot(generation, text, document if isinstance(document, dict) else None)
        except Exception as failure:  # noqa: BLE001  a snapshot that can't be taken must not cost the worker its link
            log.warning("snapshot %d was not taken: %s", generation, type(failure).__name__)
            return f"the worker failed on it: {type(failure).__name__}"
        if error is None:
            self.revision = revision(text)
        return error[:1_000] if error is not None else None


async def _drained(writer: asyncio.StreamWriter) -> None:
    """Wait until control has room. Not by `wait_for`: Python 3.11's may swallow a cancellation, and closing the link
    would wait for ever.
    """
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await writer.drain()


def wait_s(failures: int) -> float:
    """How long to wait before knocking again: 0.1 s doubling to 2 s, spread so that workers don't march in step."""
    return min(MAX_WAIT_S, math.ldexp(MIN_WAIT_S, min(failures - 1, 10))) * random.uniform(0.75, 1.25)  # noqa: S311  no secret


def _explain(failure: BaseException | None) -> None:
    """Log why a session ended, where that is news. A connection that breaks is not."""
    if failure is not None and not isinstance(failure, OSError | TimeoutError):
        log.warning("the link to control broke: %s: %s", type(failure).__name__, failure)
