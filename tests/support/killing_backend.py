"""A backend that remembers whom it has heard of: the witness of the crash tests.

It speaks just enough of chat completions, takes a few milliseconds for each piece, and can be told to hold on in the
middle of an answer.
"""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any, Final, Self

import h11

DONE: Final = b"data: [DONE]\n\n"
_READ: Final = 65_536


class Backend:
    """`async with Backend() as backend`. `heard`: the `user` of every request that has come in whole."""

    def __init__(self, *, seed: int = 0, pause_s: float = 0.01, pieces: int = 8) -> None:
        self.heard: dict[str, int] = {}
        self.held = 0  # answers that wait in their middle
        self.is_holding = asyncio.Event()
        self._random = random.Random(seed)
        self._pause_s = pause_s
        self._pieces = pieces
        self._go_on = asyncio.Event()
        self._go_on.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def hold(self) -> None:
        """Let every answer wait behind its first piece until `go_on`."""
        self._go_on.clear()

    def go_on(self) -> None:
        self._go_on.set()
        self.is_holding.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, h11.RemoteProtocolError, asyncio.CancelledError):
            pass  # the gateway was killed, or the test is over
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = h11.Connection(h11.SERVER)
        body = b""
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await reader.read(_READ))
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                await self._answer(wire, writer, json.loads(body))
                if wire.our_state is h11.MUST_CLOSE:
                    return
                wire.start_next_cycle()
                body = b""
            elif not isinstance(event, h11.Request):
                return

    async def _answer(self, wire: h11.Connection, writer: asyncio.StreamWriter, asked: dict[str, Any]) -> None:
        user = asked["user"]
        self.heard[user] = self.heard.get(user, 0) + 1
        is_stream = bool(asked.get("stream"))
        pieces = [_chunk(user, f"word{at} ") for at in range(self._pieces)] if is_stream else []
        last = DONE if is_stream else _completion(user)
        headers = [("content-type", "text/event-stream" if is_stream else "application/json")]
        if not is_stream:
            headers.append(("content-length", str(len(last))))
            await self._wait()
        writer.write(wire.send(h11.Response(status_code=200, headers=headers)) or b"")
        for piece in pieces:
            writer.write(wire.send(h11.Data(data=piece)) or b"")
            await writer.drain()
            await self._wait()
        writer.write(wire.send(h11.Data(data=last)) or b"")
        writer.write(wire.send(h11.EndOfMessage()) or b"")
        with suppress(ConnectionError):
            await writer.drain()

    async def _wait(self) -> None:
        await asyncio.sleep(self._random.random() * self._pause_s)
        if not self._go_on.is_set():
            self.held += 1
            self.is_holding.set()
            try:
                await self._go_on.wait()
            finally:
                self.held -= 1


def whole_stream(user: str, pieces: int = 8) -> bytes:
    """All bytes of a streamed answer, as the backend sends them."""
    return b"".join(_chunk(user, f"word{at} ") for at in range(pieces)) + DONE


def _chunk(user: str, text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return b"data: " + json.dumps(_base(user, "chat.completion.chunk") | {"choices": [choice]}).encode() + b"\n\n"


def _completion(user: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return json.dumps(_base(user, "chat.completion") | {"choices": [choice], "usage": usage}).encode()


def _base(user: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{user}", "object": kind, "created": 1_700_000_000, "model": "pretend"}
