"""Callers for the crash tests: plain sockets, so that it is known to the byte what each of them has been given."""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

import h11
from tests.support.killing_backend import DONE
from tests.support.ledger import Ledger, Request

_READ: Final = 65_536
_PAUSE_S: Final = 0.05  # after a refused connection
REPLY_S: Final = 60.0


class FailedError(Exception):
    """The reply broke off, was an error, or never came."""


class Caller:
    """One connection at a time, used again while it lasts. Notes in `request` what it learns, as it learns it."""

    def __init__(self, port: int, model: str = "chat") -> None:
        self._port = port
        self._model = model
        self._wire = h11.Connection(h11.CLIENT)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request, *, keep: bool = False) -> bytes:
        """Send one request and read the whole answer; raises OSError or FailedError."""
        try:
            return await asyncio.wait_for(self._ask(request, keep=keep), REPLY_S)
        except h11.RemoteProtocolError as error:
            raise FailedError(str(error)) from error
        finally:
            self._recycle()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _ask(self, request: Request, *, keep: bool) -> bytes:
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # closed meanwhile: no client sends anything on such a connection
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            self._wire = h11.Connection(h11.CLIENT)
        reader, writer = self._streams
        request.port = writer.get_extra_info("sockname")[1]
        writer.write(_bytes(self._wire, request, self._model, keep=keep))
        body = b""
        while True:
            event = self._wire.next_event()
            if event is h11.NEED_DATA:
                self._wire.receive_data(await reader.read(_READ))
            elif isinstance(event, h11.Response):
                _note_head(request, event)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
                request.is_acknowledged = request.is_acknowledged or (request.is_stream and body.endswith(DONE))
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                raise FailedError(f"the reply ended with {event!r}")
        return _judged(request, body)

    def _recycle(self) -> None:
        """Keep the connection only where its reply was whole and it may be used again."""
        if self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE:
            self._wire.start_next_cycle()
        else:
            self.close()


def _bytes(wire: h11.Connection, request: Request, model: str, *, keep: bool) -> bytes:
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": "Say something."}],
        "user": request.marker,
        "stream": request.is_stream,
    }
    body = json.dumps(asked).encode()
    headers = [("host", "127.0.0.1"), ("content-type", "application/json"), ("content-length", str(len(body)))]
    if not keep:
        headers.append(("connection", "close"))
    parts = (
        h11.Request(method="POST", target="/v1/chat/completions", headers=headers),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    return b"".join(wire.send(part) or b"" for part in parts)


def _note_head(request: Request, head: h11.Response) -> None:
    request.status = head.status_code
    found = [value for name, value in head.headers if name == b"x-llmgateway-exchange-id"]
    request.exchange_id = found[0].decode() if found else None


def _judged(request: Request, body: bytes) -> bytes:
    if request.status is None or not 200 <= request.status < 300:
        raise FailedError(f"status {request.status}: {body[:200]!r}")
    if request.is_stream and not body.endswith(DONE):
        raise FailedError(f"the stream ended with {body[-200:]!r}")
    request.is_acknowledged = True
    return body


class Load:
    """`async with Load(port, ledger)`: so many callers ask, one request after another, until the block ends.

    `pause_s`: what each waits, on average, before its next. `model`: what they ask for.
    """

    def __init__(
        self,
        port: int,
        ledger: Ledger,
        *,
        callers: int = 12,
        seed: int = 0,
        pause_s: float = 0.0,
        model: str = "chat",
    ) -> None:
        self._port = port
        self._ledger = ledger
        self._random = random.Random(seed)
        self._is_over = False
        self._callers = callers
        self._pause_s = pause_s
        self._model = model
        self._tasks: list[asyncio.Task[None]] = []
        self._wakes: list[tuple[Callable[[], bool], asyncio.Event]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._call()) for _ in range(self._callers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Let everybody finish what they have begun."""
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def progress(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until so many more requests have been acknowledged."""
        event, wanted = asyncio.Event(), self._ledger.acknowledged + count
        self._wakes.append((lambda: self._ledger.acknowledged >= wanted, event))
        await asyncio.wait_for(event.wait(), timeout_s)

    async def _call(self) -> None:
        caller = Caller(self._port, self._model)
        try:
            while not self._is_over:
                await self._once(caller)
                if self._pause_s:
                    await asyncio.sleep(2 * self._pause_s * self._random.random())
        finally:
            caller.close()

    async def _once(self, caller: Caller) -> None:
        request = self._ledger.sent(is_stream=self._random.random() < 0.4)
        try:
            await caller.ask(request, keep=self._random.random() < 0.7)
        except (OSError, FailedError) as error:
            self._ledger.failed(request, error)
            with suppress(TimeoutError):
                await asyncio.sleep(_PAUSE_S)
        else:
            self._ledger.answered(request)
            for done, event in self._wakes:
                if done():
                    event.set()
            self._wakes = [wake for wake in self._wakes if not wake[1].is_set()]
