"""Asks a route of this gateway as any caller would: through its own listener, with a key of its own.

So a judge's question is routed, guarded, limited, logged and priced as everybody's, and its cost is read from the log.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import aiohttp

from llmgateway.config.evaluating import Evaluator
from llmgateway.config.snapshot import Server
from llmgateway.controlplane.evaluation.sampling import MARK
from llmgateway.ports.asking import Question

MAX_ANSWER: Final = 1024 * 1024
VERSION: Final = "x-llmgateway-version"
_WILD: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach what listens there


class NoAnswerError(Exception):
    """Nothing that could be read came back. Its words are for the log, and hold nothing of an answer."""


class OnTrialError(NoAnswerError):
    """The version that answered is one that a rollout is trying out: its word is not this judge's."""


class Ask(Protocol):
    """Whoever asks."""

    async def __call__(self, definition: Evaluator, exchange_id: str, question: Question) -> bytes:
        """Ask, and give the body of a successful answer. NoAnswerError, also where it is not the judge's own."""
        ...


class OwnListener:
    """The listener of the data plane. `server`: how it is bound. `candidate`: which of a route's versions is tried out
    by a rollout just now; None: none.
    """

    def __init__(self, server: Callable[[], Server]) -> None:
        self._server = server
        self.candidate: Callable[[str], str | None] = lambda _: None

    async def __call__(self, definition: Evaluator, exchange_id: str, question: Question) -> bytes:
        """See Ask."""
        try:
            async with asyncio.timeout(definition.timeout_s):
                return await self._asked(definition, exchange_id, question)
        except TimeoutError:
            raise NoAnswerError("no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswerError(type(error).__name__) from None  # its words may quote an address or a header

    async def _asked(self, definition: Evaluator, exchange_id: str, question: Question) -> bytes:
        headers = {
            "content-type": "application/json",
            "user-agent": "llmgateway",
            "x-request-id": f"{MARK}{definition.name}:{exchange_id}",
        }
        if definition.api_key is not None:
            headers["authorization"] = f"Bearer {definition.api_key.reveal()}"
        reply = await post(self._server(), question, headers)
        if reply.status != 200:
            raise NoAnswerError(f"status {reply.status}")
        candidate = self.candidate(str(definition.options.get("route")))
        if candidate is not None and reply.headers.get(VERSION) == candidate:
            raise OnTrialError("the candidate of a rollout has answered")
        return reply.body


class Reply(NamedTuple):
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def post(server: Server, question: Question, headers: Mapping[str, str]) -> Reply:
    """Put a question to the listener. NoAnswerError for too long an answer; else what aiohttp and TLS raise."""
    pinned: Any = True if server.tls is None else await asyncio.to_thread(_fingerprint, server.tls.cert)
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
        session.post(
            url_of(server) + question.path, data=question.body, headers=headers, allow_redirects=False, ssl=pinned
        ) as reply,
    ):
        return Reply(reply.status, reply.headers, await _bounded(reply.content))


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    pieces, left = [], MAX_ANSWER
    while piece := await content.read(left + 1):
        left -= len(piece)
        if left < 0:
            raise NoAnswerError("the answer is too long")
        pieces.append(piece)
    return b"".join(pieces)


def url_of(server: Server) -> str:
    """Where the listener is reached from this machine."""
    host = _WILD.get(server.listen.host, server.listen.host)
    shown = f"[{host}]" if ":" in host else host
    return f"{'http' if server.tls is None else 'https'}://{shown}:{server.listen.port}"


def _fingerprint(cert: str) -> aiohttp.Fingerprint:
    """Our own certificate and no other: it need not be for the name by which we reach ourselves."""
    pem = Path(cert).read_text("ascii", "replace")
    first = pem[pem.index("-----BEGIN CERTIFICATE") : pem.index("-----END CERTIFICATE-----") + 25]
    return aiohttp.Fingerprint(sha256(ssl.PEM_cert_to_DER_cert(first)).digest())
