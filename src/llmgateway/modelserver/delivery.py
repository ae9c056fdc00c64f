"""Puts answers on the wire at the asked-for pace, and does the harm that was asked for. No words of its own."""

import asyncio
import gzip
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from llmgateway.modelserver.compose import dice
from llmgateway.modelserver.faults import FAULTS, Moment
from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.prompt import Frame
from llmgateway.wire.jsoncodec import encode

_ENDLESS_RATE: Final = 500.0  # tokens a second where no rate is set
_YIELD_EVERY: Final = 64
_WEB_PAGE: Final = "<!doctype html><title>Sign in</title><p>This network wants you to sign in first."
_BROKEN: Final = b'{"id": "broken", "choices": [{'


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one reply is to be delivered. `seed` fixes the jitter, `tokens` is the answer's length."""

    knobs: Knobs
    fault: str
    seed: str
    headers: Mapping[str, str]
    tokens: int = 0
    error: Any = None  # the dialect's error object, for the fault that needs one
    count: Callable[[], None] = lambda: None  # told of each token that goes out

    @property
    def is_middle(self) -> bool:
        return FAULTS.get(self.fault) is Moment.MIDDLE


def jittered(seconds: float, knobs: Knobs, seed: str) -> float:
    """Vary a wait by the request's own share of the jitter."""
    return seconds * (1 + knobs.jitter * (2 * dice(f"{seed} jitter").random() - 1))


async def instead(request: web.Request, fault: str) -> web.StreamResponse | None:
    """Do a fault that comes in place of an answer; None where `fault` is not one of them."""
    match fault:
        case "no-reply":
            _close(request)
        case "hang":
            await asyncio.Event().wait()
        case "garbage":
            if request.transport:
                request.transport.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            _close(request)
        case "html":
            return web.Response(text=_WEB_PAGE, content_type="text/html")
        case "empty":
            return web.Response(status=200, content_type="application/json")
        case "redirect":
            return web.Response(status=307, headers={"location": "http://127.0.0.1:9/elsewhere"})
        case "gzip":
            squeezed = gzip.compress(b'{"object": "nobody asked for this encoding"}', mtime=0)
            return web.Response(body=squeezed, headers={"content-encoding": "gzip"}, content_type="application/json")
        case _:
            return None
    return web.Response()  # never seen: the connection is gone


async def whole(request: web.Request, body: bytes, content_type: str, manner: Manner) -> web.StreamResponse:
    """Deliver a reply in one piece, after the time its tokens take."""
    knobs = manner.knobs
    await asyncio.sleep(jittered(knobs.ttft, knobs, manner.seed) + _seconds(manner.tokens + knobs.reasoning, knobs))
    if manner.fault == "error-event":
        body = encode(manner.error)
    elif manner.fault in {"malformed", "no-finish"}:
        body = body[: len(body) // 2]
    elif manner.is_middle or manner.fault == "split":
        return await _broken_whole(request, body, content_type, manner)
    return web.Response(body=body, headers={**manner.headers, "content-type": content_type})


def _seconds(count: int, knobs: Knobs) -> float:
    return count / knobs.rate if knobs.rate else 0.0


async def _broken_whole(request: web.Request, body: bytes, content_type: str, manner: Manner) -> web.StreamResponse:
    response = web.StreamResponse(headers={**manner.headers, "content-type": content_type})
    if manner.fault != "endless":
        response.content_length = len(body)
    await response.prepare(request)
    if manner.fault == "split":
        await _write(response, body, is_split=True)
        return response
    await response.write(body[: len(body) // 2])
    await _strike(request, response, manner, b" ")
    return response


async def stream(request: web.Request, frames: Iterable[Frame], done: bytes, manner: Manner) -> web.StreamResponse:
    """Deliver server-sent events one by one, each as soon as its time has come."""
    kinds = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    response = web.StreamResponse(headers={**manner.headers, **kinds})
    await response.prepare(request)
    knobs = manner.knobs
    await asyncio.sleep(jittered(knobs.ttft, knobs, manner.seed) + _seconds(knobs.reasoning, knobs))
    pace = _Pace(knobs.rate)
    strikes_at = knobs.fault_after or max(1, manner.tokens // 2)
    sent, is_due = 0, manner.is_middle
    for frame in dressed(frames, manner.fault):
        piece = event(frame, manner.fault)
        if is_due and sent >= strikes_at:
            is_due = False
            if not await _strike(request, response, manner, piece):
                return response
        if frame.tokens:
            await pace.step()
            manner.count()
            sent += 1
        await _write(response, piece, is_split=manner.fault == "split")
    if done and manner.fault != "no-done":
        await _write(response, done, is_split=manner.fault == "split")
    await response.write_eof()
    return response


def dressed(frames: Iterable[Frame], fault: str) -> Iterator[Frame]:
    """Leave out of a stream what the fault leaves out."""
    for frame in frames:
        if fault == "no-done" and frame.is_last:
            continue
        if fault == "no-usage":
            if frame.payload.get("choices") == [] and "usage" in frame.payload:
                continue
            strip_usage(frame.payload)
        yield frame


def strip_usage(payload: dict[str, Any]) -> dict[str, Any]:
    """Remove the token counts of a reply or an event."""
    payload.pop("usage", None)
    for name in ("message", "response"):
        if isinstance(inner := payload.get(name), dict):
            inner.pop("usage", None)
    return payload


def event(frame: Frame, fault: str = "") -> bytes:
    """Write one server-sent event."""
    line_end = b"\r\n" if fault == "crlf" else b"\n"
    blank = b"" if fault == "no-space" else b" "
    lines = [b": still here", b""] if fault == "comments" else []
    if frame.event:
        lines.append(b"event:" + blank + frame.event.encode())
    lines += [b"data:" + blank + encode(frame.payload), b"", b""]
    return line_end.join(lines)


class _Pace:
    """Keep to a rate of tokens; where there is none, let others run now and then."""

    def __init__(self, rate: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._gap = 1 / rate if rate else 0.0
        self._due = self._loop.time()
        self._steps = 0

    async def step(self) -> None:
        self._steps += 1
        self._due += self._gap
        ahead = self._due - self._loop.time()
        if ahead > 0.001:
            await asyncio.sleep(ahead)
        elif self._steps % _YIELD_EVERY == 0:
            await asyncio.sleep(0)


async def _write(response: web.StreamResponse, piece: bytes, *, is_split: bool) -> None:
    if not is_split:
        await response.write(piece)
        return
    for at in range(len(piece)):
        await response.write(piece[at : at + 1])


async def _strike(request: web.Request, response: web.StreamResponse, manner: Manner, piece: bytes) -> bool:
    """Do a fault in the middle of a reply; tells whether the reply goes on after it."""
    match manner.fault:
        case "cut":
            _close(request)
        case "reset":
            _reset(request)
        case "stall":
            await asyncio.Event().wait()
        case "malformed":
            await response.write(b"data: " + _BROKEN + b"\n\n")
            return True
        case "error-event":
            await response.write(event(Frame(manner.error, event="error")))
            await response.write_eof()
        case "no-finish":
            await response.write_eof()
        case _:  # endless
            pace = _Pace(manner.knobs.rate or _ENDLESS_RATE)
            while True:
                await pace.step()
                manner.count()
                await response.write(piece)
    return False


def _close(request: web.Request) -> None:
    if request.transport:
        request.transport.close()


def _reset(request: web.Request) -> None:
    if request.transport is None:
        return
    raw = request.transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
