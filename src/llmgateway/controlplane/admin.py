"""The admin listener over aiohttp. Never on a request's path.

aiohttp's own error replies quote what was sent and name its version; `_Protocol` and `replies` see to it that neither
leaves here. Who may ask is the gate's decision; what an endpoint answers is decided in `api` and handed in.
"""

import logging
import socket
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from llmgateway.config.problems import nearest
from llmgateway.controlplane.asking import answered
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes, Table
from llmgateway.controlplane.gate import Gate
from llmgateway.controlplane.replies import refusal

MAX_CONNECTIONS: Final = 256
MAX_QUERIES: Final = 8  # at once; the store answers one after the other, and retention asks it, too
KEEPALIVE_S: Final = 30.0  # aiohttp closes silent and half-sent connections by this too
SHUTDOWN_S: Final = 1.0

log = logging.getLogger(__name__)


class Admin:
    """Serves the admin endpoints on a socket that is bound already. `start` needs the loop; `stop` ends everything.

    `headers`: what answers to those who may ask have beside their own; streams don't.
    """

    def __init__(
        self, listener: socket.socket, endpoints: Routes, gate: Gate, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._listener = listener
        self._headers = headers
        self.table = Table(endpoints)
        self.gate = gate
        self._runner: web.ServerRunner | None = None
        self._queries = 0

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
        endpoint, names, is_known = self.table.find(method, request.rel_url.raw_path)
        refused = self.gate.refuse(request, is_open=endpoint is not None and endpoint.is_open)
        if refused is not None:
            return refused
        if endpoint is not None:
            answer = await self._asked(endpoint, Asked(request, names, holder=self.gate.holder))
            if not endpoint.is_open and not answer.prepared:
                answer.headers.update(self._headers)
            return answer
        if is_known:
            return refusal(405, "method_not_allowed", "This endpoint does not accept that method.")
        return refusal(404, "not_found", nowhere(request.rel_url.raw_path, self.table.paths))

    async def _asked(self, endpoint: Endpoint, asked: Asked) -> web.StreamResponse:
        if not endpoint.is_query:
            return await answered(endpoint, asked)
        if self._queries >= MAX_QUERIES:
            return refusal(503, "busy", "Too many questions at once: ask again in a moment.")
        self._queries += 1
        try:
            return await answered(endpoint, asked)
        finally:
            self._queries -= 1


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


def nowhere(path: str, known: Sequence[str]) -> str:
    """Where to go instead of a path that no endpoint has. Quotes known paths only, never the one that was asked for."""
    if path.startswith("/v1/"):
        return "There is no such endpoint: this is the admin listener. Applications ask where [server] listens."
    near = nearest(path.partition("?")[0], known)
    meant = f"; did you mean {near}?" if near else "."
    return (
        f"There is no such endpoint{meant} /admin/v1/openapi.json describes all of them; there are /metrics, "
        "/readyz and, for a browser, /review as well."
    )
