"""WebSockets on raw sockets, for both ends of a tunnel: a caller, and steps for the scripted backend.

Frames are written and read here with the few lines that needs, not with the gateway's own code.
"""

import asyncio
import base64
import hashlib
import json
import os
import struct
from collections.abc import Mapping
from typing import Any

from tests.support.plane import BOUND_S, KEY, Plane
from tests.support.wire_backend import PeerLeftError, Step, Wire, expect

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
NONCE = base64.b64encode(b"sixteen bytes :)").decode()


def framed(payload: bytes, opcode: int = TEXT, *, is_masked: bool, is_last: bool = True) -> bytes:
    """One frame, by the book."""
    size, bit = len(payload), 0x80 if is_masked else 0
    first = opcode | (0x80 if is_last else 0)
    if size < 126:
        head = struct.pack("!BB", first, size | bit)
    elif size < 65536:
        head = struct.pack("!BBH", first, 126 | bit, size)
    else:
        head = struct.pack("!BBQ", first, 127 | bit, size)
    if not is_masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def closing(code: int, reason: str = "", *, is_masked: bool) -> bytes:
    return framed(struct.pack("!H", code) + reason.encode(), CLOSE, is_masked=is_masked)


def unframed(data: bytes) -> tuple[int, bytes, int] | None:
    """The first frame's opcode and payload, and its size; None if it is not whole."""
    if len(data) < 2:
        return None
    size, at = data[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(data) < 2 + width:
            return None
        size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    is_masked = bool(data[1] & 0x80)
    end = at + (4 if is_masked else 0) + size
    if len(data) < end:
        return None
    payload = data[end - size : end]
    if is_masked:
        mask = data[at : at + 4]
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return data[0] & 0x0F, payload, end


def code_of(payload: bytes) -> int | None:
    return struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None


def offer(path: str = "/v1/realtime?model=assistant", headers: Mapping[str, str | None] | None = None) -> bytes:
    """The head of a handshake; a header of None is left out."""
    named: dict[str, str | None] = {
        "host": "127.0.0.1",
        "authorization": f"Bearer {KEY}",
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": NONCE,
        **(headers or {}),
    }
    lines = [f"{name}: {value}\r\n" for name, value in named.items() if value is not None]
    return f"GET {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()


class Session:
    """A caller's WebSocket. `status`, `headers`, and `body` of a refusal, are those of the answer to its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self._data = b""

    async def open(self, head: bytes) -> "Session":
        self.writer.write(head)
        async with asyncio.timeout(BOUND_S):
            answer = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = answer.decode().split("\r\n")[:-2]
        self.status = int(first.split(" ")[1])
        self.headers = dict(line.split(": ", 1) for line in lines)
        if self.status != 101 and (size := int(self.headers.get("content-length", 0))):
            self.body = await self.reader.readexactly(size)
        return self

    def send(self, payload: Any, opcode: int = TEXT) -> None:
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        self.writer.write(framed(payload, opcode, is_masked=True))

    def close(self, code: int = 1000) -> None:
        self.writer.write(closing(code, is_masked=True))

    async def receive(self) -> tuple[int, bytes] | None:
        """The next frame's opcode and payload; None when the gateway has closed the connection."""
        async with asyncio.timeout(BOUND_S):
            while (found := unframed(self._data)) is None:
                try:
                    more = await self.reader.read(65536)
                except ConnectionResetError:
                    more = b""
                if not more:
                    return None
                self._data += more
        opcode, payload, size = found
        self._data = self._data[size:]
        return opcode, payload

    async def until_closed(self) -> tuple[list[bytes], int | None]:
        """Messages up to the close frame, and its code (None: the connection ended without one)."""
        messages = []
        while (found := await self.receive()) is not None:
            opcode, payload = found
            if opcode == CLOSE:
                return messages, code_of(payload)
            messages.append(payload)
        return messages, None

    async def ended(self) -> bool:
        """Whether the connection ends now, and nothing but that comes."""
        return await self.receive() is None and not self._data

    async def leave(self) -> None:
        self.writer.transport.abort()


async def session(running: Plane, path: str = "/v1/realtime?model=assistant", **headers: str | None) -> Session:
    """Open a WebSocket through the gateway; look at its `status` for how that went."""
    caller = await running.connect()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await Session(caller.reader, caller.writer).open(offer(path, named))


# --- steps for tests.support.wire_backend ---


def grant(*, protocol: str | None = None, more: bytes = b"", accept: str | None = None) -> Step:
    """Answer the handshake just read with 101, and `more` in the same write."""

    async def step(wire: Wire) -> None:
        nonce = wire.backend.requests[-1].header(b"sec-websocket-key") or b""
        proof = hashlib.sha1(nonce + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        made = accept or base64.b64encode(proof).decode()
        chosen = f"sec-websocket-protocol: {protocol}\r\n" if protocol else ""
        head = f"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {made}\r\n{chosen}\r\n"
        wire.transport.write(head.encode() + more)

    return step


def opened(**how: Any) -> list[Step]:
    return [expect(), grant(**how)]


def say(payload: Any, opcode: int = TEXT) -> Step:
    """Send one message."""

    async def step(wire: Wire) -> None:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        wire.transport.write(framed(content, opcode, is_masked=False))

    return step


def say_close(code: int) -> Step:
    async def step(wire: Wire) -> None:
        wire.transport.write(closing(code, is_masked=False))

    return step


def hear(into: list[tuple[int, bytes]], until: int | None = None) -> Step:
    """Note the next frame, or all up to one of the kind `until`."""

    async def step(wire: Wire) -> None:
        while True:
            await wire.until(lambda: unframed(wire.unread) is not None or wire.left_at is not None)
            found = unframed(wire.unread)
            if found is None:
                raise PeerLeftError
            wire.take(found[2])
            into.append(found[:2])
            wire.note()
            if until is None or found[0] == until:
                return

    return step
