"""Reach a backend through an HTTP proxy: CONNECT (RFC 9110, section 9.3.6), for http and https targets alike.

Works on a connected socket before any transport exists. Proxies come from the configuration, never the environment.
"""

import asyncio
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from llmgateway.domain.errors import GatewayError

_MAX_HEAD_BYTES: Final = 16 * 1024
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and the credential for it, which is never printed."""

    host: str
    port: int
    authorization: bytes | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `http://[user:password@]host[:port]`; ValueError for anything else, without quoting it."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"} or parts.query:
            raise ValueError("a proxy is written http://host:port")
        credential = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credential = b"Basic " + b64encode(pair.encode())
        return cls(parts.hostname, parts.port or 80, credential)


def connect_head(authority: bytes, authorization: bytes | None) -> bytes:
    """Write the CONNECT request for `host:port`."""
    credential = b"proxy-authorization: " + authorization + b"\r\n" if authorization else b""
    return b"CONNECT " + authority + b" HTTP/1.1\r\nhost: " + authority + b"\r\n" + credential + b"\r\n"


def check_reply(reply: bytes) -> bool:
    """Judge what the proxy has sent so far: True, the tunnel stands; False, more must come.

    Raises GatewayError `upstream_unreachable` (the proxy said no) or `upstream_protocol` (no HTTP, or bytes before
    the backend was asked anything).
    """
    head, end, rest = reply.partition(_END)
    if not end:
        if len(reply) > _MAX_HEAD_BYTES:
            raise GatewayError("upstream_protocol", "The proxy's answer has no end.")
        return False
    status = head[9:12]
    if head[:7] != b"HTTP/1." or not status.isdigit() or head[12:13] not in {b"", b" ", b"\r"}:
        raise GatewayError("upstream_protocol", "The proxy's answer is not valid HTTP.")
    if status[:1] != b"2":
        raise GatewayError("upstream_unreachable", f"The proxy refused the connection with status {int(status)}.")
    if rest:
        raise GatewayError("upstream_protocol", "The proxy sent more than its answer.")
    return True


async def tunnel(sock: socket.socket, proxy: Proxy, authority: bytes) -> None:
    """Make `sock`, connected to `proxy`, a pipe to `authority`. Raises as `check_reply` does, or OSError.

    The caller sets the deadline and closes `sock` on failure.
    """
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, connect_head(authority, proxy.authorization))
    reply = b""
    while not check_reply(reply):
        piece = await loop.sock_recv(sock, 4096)
        if not piece:
            raise GatewayError("upstream_unreachable", "The proxy closed the connection.")
        reply += piece
