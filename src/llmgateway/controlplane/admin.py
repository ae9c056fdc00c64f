"""The admin listener: metrics, probes, the live view and reload, over aiohttp. Never on a request's path.

aiohttp's own error replies quote what was sent and name its version; `_Protocol` and `_Reply` see to it that neither
leaves here. What an endpoint answers is decided elsewhere and handed in.
"""

import hashlib
import hmac
import ipaddress
import logging
import socket
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from llmgateway.config.snapshot import Address, Secret
from llmgateway.wire.jsoncodec import encode

MAX_CONNECTIONS: Final = 256
KEEPALIVE_S: Final = 30.0  # aiohttp closes silent and half-sent connections by this too
SHUTDOWN_S: Final = 1.0
_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})

log = logging.getLogger(__name__)


class _Reply(web.Response):
    """A response without a Server header, never stored by anyone on the way."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)
        self.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        self.headers.setdefault("X-Content-Type-Options", "nosniff")


def reply(status: int, content: Any) -> web.Response:
    """A JSON reply."""
    return _Reply(status=status, body=encode(content), content_type="application/json")


def refusal(status: int, code: str, message: str) -> web.Response:
    """An error reply; `message` never quotes what was sent."""
    return reply(status, {"error": {"code": code, "message": message}})


class NotYetError(Exception):
    """What is asked for is not known yet, shortly after the start."""


Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a method and path. `is_open`: needs no token (probes)."""

    handler: Handler
    is_open: bool = False


Routes = Mapping[tuple[str, str], Endpoint]


@dataclass(frozen=True, slots=True)
class Answers:
    """Where the endpoints take their content. `ready` and `started` return what is missing; empty means yes.

    `metrics` may raise NotYetError: a scrape that fails is missed, one that shows zeros counts everything again.
    """

    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    live: Callable[[], Mapping[str, Any]]
    ready: Callable[[], list[str]]
    started: Callable[[], list[str]]
    reload: Callable[[], Awaitable[tuple[bool, Mapping[str, Any]]]]


def routes(answers: Answers) -> dict[tuple[str, str], Endpoint]:
    """The endpoints of the control plane, by method and exact path."""

    async def metrics(request: web.BaseRequest) -> web.StreamResponse:
        try:
            text, content_type = await answers.metrics(request.headers.get(hdrs.ACCEPT, ""))
        except NotYetError:
            return refusal(503, "starting", "The counters are not read back from the store yet.")
        return _Reply(body=text, headers={hdrs.CONTENT_TYPE: content_type})

    async def alive(_: web.BaseRequest) -> web.StreamResponse:
        return reply(200, {"status": "ok"})

    async def ready(_: web.BaseRequest) -> web.StreamResponse:
        return _probe(answers.ready())

    async def started(_: web.BaseRequest) -> web.StreamResponse:
        return _probe(answers.started())

    async def live(_: web.BaseRequest) -> web.StreamResponse:
        return reply(200, answers.live())

    async def reload(_: web.BaseRequest) -> web.StreamResponse:
        is_taken, report = await answers.reload()
        return reply(200 if is_taken else 422, report)

    return {
        ("GET", "/metrics"): Endpoint(metrics),
        ("GET", "/livez"): Endpoint(alive, is_open=True),
        ("GET", "/readyz"): Endpoint(ready, is_open=True),
        ("GET", "/startupz"): Endpoint(started, is_open=True),
        ("GET", "/admin/v1/live"): Endpoint(live),
        ("POST", "/admin/v1/reload"): Endpoint(reload),
    }


def _probe(missing: list[str]) -> web.Response:
    if missing:
        return reply(503, {"status": "unavailable", "reasons": missing})
    return reply(200, {"status": "ok"})


class Gate:
    """Decides who may ask. Takes a new token without a restart."""

    def __init__(self, listen: Address, token: Secret | None) -> None:
        self._is_local = is_loopback(listen.host)
        self._digest = _digest(token.reveal()) if token is not None else None

    def refuse(self, request: web.BaseRequest, endpoint: Endpoint) -> web.Response | None:
        """The refusal, or None. Loopback listeners answer to local names only: a page that rebinds its own name to
        127.0.0.1 still sends that name.
        """
        host = host_name(request.headers.get(hdrs.HOST, ""))
        if host is None or (self._is_local and host not in _LOCAL_HOSTS):
            return refusal(403, "foreign_host", "The Host header does not name this listener.")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not is_same_site(origin, request.headers.get(hdrs.HOST, "")):
            return refusal(403, "foreign_origin", "Requests from other web origins are not accepted.")
        if endpoint.is_open or self._digest is None:
            return None
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(_digest(token.strip()), self._digest):
            return None
        denied = refusal(401, "invalid_token", "The admin token is missing or not valid.")
        denied.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
        return denied


class Admin:
    """Serves the admin endpoints on a socket that is bound already. `start` needs the loop; `stop` ends everything."""

    def __init__(self, listener: socket.socket, endpoints: Routes, gate: Gate) -> None:
        self._listener = listener
        self._endpoints = endpoints
        self._paths = {path for _, path in endpoints}
        self.gate = gate
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        self._runner = web.ServerRunner(_Server(self._answer), handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener.dup()).start()  # a duplicate: stopping closes what it is given

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        method = "GET" if request.method == "HEAD" else request.method
        path = request.rel_url.raw_path
        endpoint = self._endpoints.get((method, path))
        refused = self.gate.refuse(request, endpoint or Endpoint(_nothing))
        if refused is not None:
            return refused
        if endpoint is not None:
            return await endpoint.handler(request)
        if path in self._paths:
            return refusal(405, "method_not_allowed", "This endpoint does not accept that method.")
        known = ", ".join(sorted(self._paths))
        return refusal(404, "not_found", f"There is no such endpoint. There are {known}.")


class _Server(web.Server):
    """Bounds the connections, and answers faults in our own words."""

    def __call__(self) -> web.RequestHandler:
        no_log: Any = None  # aiohttp takes None for "no access log", its annotation doesn't say so
        return _Protocol(self, loop=self._loop, keepalive_timeout=KEEPALIVE_S, access_log=no_log)

    def connection_made(self, handler: web.RequestHandler, transport: Any) -> None:
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()


class _Protocol(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  quotes the request: it must go nowhere
    ) -> web.StreamResponse:
        log.warning("the admin listener answered %d: %s%s", status, type(exc).__name__, _place(exc))
        if request.writer.output_size > 0:
            raise ConnectionError("the reply has begun")
        if status >= 500:
            answer = refusal(500, "internal_error", "The gateway failed; its log says why.")
        else:
            answer = refusal(400, "bad_request", "The request is not valid HTTP.")
        answer.force_close()
        return answer


def _place(error: BaseException | None) -> str:
    """Where it was raised. Not what it says, which may quote the request."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1) if error is not None else []
    return "".join(f" in {frame.name}, {Path(frame.filename).name}:{frame.lineno}" for frame in frames)


def host_name(header: str) -> str | None:
    """The name in a Host header, without its port; None if it is no plain host[:port]."""
    if not header or any(c in header for c in "/?#@\\ \t"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname


def is_same_site(origin: str, host: str) -> bool:
    """Whether a browser's Origin is the very host and port it asks; `null` and other schemes are not."""
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _nothing(_: web.BaseRequest) -> web.StreamResponse:
    return refusal(404, "not_found", "There is no such endpoint.")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
