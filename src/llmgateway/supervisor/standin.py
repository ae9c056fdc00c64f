"""Answers on the admin listener while there is no control: 503, and why, so that nobody who asks waits for ever.

No event loop: the supervisor lets it have a turn every tick, and a turn never waits. It looks at no more of a request
than whether it wants a body back.
"""

import socket
from dataclasses import dataclass
from typing import Final

from llmgateway.wire.jsoncodec import encode

PATIENCE_S: Final = 3.0  # control is mostly back sooner, and answers what has come meanwhile
MOST: Final = 64  # connections at once; the kernel queues the rest
ASKING_S: Final = 5.0  # for a request to come
LEAVING_S: Final = 2.0  # for the caller to take the answer in and go: an early end could take it away
_PIECE: Final = 64 * 1024


@dataclass(slots=True)
class _Visitor:
    line: socket.socket
    until: float
    is_answered: bool = False


class StandIn:
    """Let it have its `turn` now and then. `close` lets go of everything but the listener."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._visitors: list[_Visitor] = []
        self._since: float | None = None

    def turn(self, now: float, why: str | None) -> None:
        """Answer who asks, once control has been away for longer than it takes to start. `why` None: it is there."""
        if why is None:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= PATIENCE_S:
            self._let_in(now)
        self._visitors = [each for each in self._visitors if _is_kept(each, now, why or "control is starting")]

    def close(self) -> None:
        """Turn everybody out."""
        for each in self._visitors:
            each.line.close()
        self._visitors = []

    def _let_in(self, now: float) -> None:
        while len(self._visitors) < MOST:
            try:
                line, _ = self._listener.accept()
            except OSError:  # nobody is there, they left, or there are no descriptors left
                return
            line.setblocking(False)
            self._visitors.append(_Visitor(line, now + ASKING_S))


def _is_kept(visitor: _Visitor, now: float, why: str) -> bool:
    """Do what can be done for a visitor now. False: he is gone."""
    if now >= visitor.until or not _is_served(visitor, now, why):
        visitor.line.close()
        return False
    return True


def _is_served(visitor: _Visitor, now: float, why: str) -> bool:
    try:
        said = visitor.line.recv(_PIECE)
        if not said:
            return False
        if not visitor.is_answered:
            visitor.line.send(answer(why, with_body=not said.startswith(b"HEAD ")))
            visitor.line.shutdown(socket.SHUT_WR)
            visitor.is_answered, visitor.until = True, now + LEAVING_S
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def answer(why: str, *, with_body: bool) -> bytes:
    """A whole HTTP response, in the shape that all errors of the admin API have."""
    message = f"There is no control process just now: {why}. Traffic goes on; the gateway's log says more."
    body = encode({"error": {"code": "control_unavailable", "message": message}})
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nRetry-After: 5\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
