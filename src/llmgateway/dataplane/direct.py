"""A question to a service of the operator's own: one signed POST to a backend, and no exchange with a model."""

import asyncio
from typing import Final

from llmgateway.dataplane.call import Errand
from llmgateway.dataplane.inforce import Upstream
from llmgateway.domain.errors import GatewayError
from llmgateway.http.client import build_head
from llmgateway.http.connection import Connection
from llmgateway.http.messages import Headers
from llmgateway.ports.asking import OF_TEXTS, OpinionError, Question
from llmgateway.wire.signature import signed

MAX_ANSWER: Final = 1024 * 1024
_JSON: Final = b"application/json"


async def ask_backend(errand: Errand, guardrail: str, backend: str, question: Question) -> bytes:  # noqa: ARG001 - as every Ask
    """Ask a backend; gives the body of its answer. GatewayError as the pool's, upstream_error for another status than
    200, OpinionError for an answer that is too long or refuses the text. A pooled connection that was dead is tried
    again once.
    """
    upstream = errand.in_force.upstreams[backend]
    pooled = upstream.pool.idle()
    if pooled is not None:
        answer = await _ask(errand, upstream, pooled, question)
        if not answer.is_stale:
            return answer.body()
    return (await _ask(errand, upstream, await upstream.pool.dial(), question)).body()


async def _ask(errand: Errand, upstream: Upstream, connection: Connection, question: Question) -> "Answer":
    key = upstream.backend.api_key
    headers: Headers = [(b"content-type", _JSON), (b"accept", _JSON)]
    if key is not None:
        now = int(errand.gateway.clock.time())
        headers += [(name.encode(), value.encode()) for name, value in signed(key.reveal(), now, question.body).items()]
    origin = upstream.origin
    path = upstream.base_path + question.path
    head = build_head("POST", path, origin.host_header, headers, question.body)
    answer = Answer(connection)
    connection.send(head, question.body, answer, origin.timeouts)
    try:
        await answer.done
    except BaseException:
        if not answer.is_over:
            connection.cancel()
        raise
    return answer


class Answer:
    """Receives one reply (http.connection.Receiver)."""

    __slots__ = ("_connection", "_pieces", "_size", "_status", "done", "fault", "is_over", "is_stale")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pieces: list[bytes] = []
        self._size = self._status = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.fault: Exception | None = None
        self.is_over = self.is_stale = False

    def body(self) -> bytes:
        """The whole of it. GatewayError or OpinionError where there is none."""
        if self.fault is not None:
            raise self.fault
        if self._status in OF_TEXTS:
            raise OpinionError("the question is refused")
        if self._status != 200:
            raise GatewayError("upstream_error")
        return b"".join(self._pieces)

    def on_head(self, status: int, headers: Headers) -> None:  # noqa: ARG002 - whatever it calls itself, it must be JSON
        self._status = status

    def on_data(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_ANSWER:
            self._connection.cancel()
            self._end(OpinionError("the answer is too long"))

    def on_end(self, *, is_delimited: bool) -> None:
        self._end(None if is_delimited else GatewayError("upstream_truncated"))

    def on_fault(self, error: GatewayError, *, reusable_retry: bool) -> None:
        self.is_stale = reusable_retry
        self._end(error)

    def on_upload_writable(self, *, is_writable: bool) -> None:
        """Nothing is uploaded in pieces."""

    def _end(self, fault: Exception | None) -> None:
        self.is_over = True
        if not self.done.done():
            self.fault = fault
            self.done.set_result(None)
