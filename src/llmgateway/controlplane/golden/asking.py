"""Puts golden questions as any caller would: through the data plane's own listener, to a version by name.

So every part of the way is the real one. They are marked as a replay's, which is no traffic. The log says how it went.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

import aiohttp

from llmgateway.config.golden import Golden
from llmgateway.config.snapshot import Server
from llmgateway.controlplane.evaluation.http import NoAnswerError, post
from llmgateway.ports.asking import Question
from llmgateway.ports.datasets import DatasetItem
from llmgateway.ports.store import Body, Row, Store
from llmgateway.replaying.prompts import body_of

LOGGED_S: Final = 30.0  # for an exchange to come into the store
_ID: Final = "x-llmgateway-exchange-id"
_OF_DIALECT: Final = {"anthropic": {"anthropic-version": "2023-06-01"}}


class Round(NamedTuple):
    """Who is asked. `id`: of the round, by which its exchanges are known in the log."""

    id: str
    route: str
    golden: Golden


class Answer(NamedTuple):
    """The row of the exchange, with its `verdicts`, and the reply as it was stored or came; None: neither is whole."""

    row: Row
    reply: bytes | None


class AskGolden(Protocol):
    """Whoever asks."""

    async def __call__(self, asked: Round, item: DatasetItem, version: str) -> Answer:
        """Ask one question. NoAnswerError where nothing can be known of the answer; StoreError."""
        ...


class Asker:
    """`drained` waits until what was journaled is in the store."""

    def __init__(self, server: Callable[[], Server], store: Store, drained: Callable[[], Awaitable[None]]) -> None:
        self._server = server
        self._store = store
        self._drained = drained

    async def __call__(self, asked: Round, item: DatasetItem, version: str) -> Answer:
        """See AskGolden."""
        exchange_id, body = await self._sent(asked, item, version)
        try:
            async with asyncio.timeout(LOGGED_S):
                await self._drained()
        except TimeoutError:
            raise NoAnswerError("the log does not keep up") from None
        row = await self._store.exchange(exchange_id)
        if row is None:
            raise NoAnswerError("the exchange is not in the log")
        kept = (await self._store.bodies([row["seq"]])).get(row["seq"], ())
        return Answer(row, _reply(kept, body))

    async def _sent(self, asked: Round, item: DatasetItem, version: str) -> tuple[str, bytes]:
        headers = {
            "content-type": "application/json",
            "user-agent": "llmgateway",
            "x-llmgateway-version": version,
            "x-llmgateway-replay": asked.id,
            **_OF_DIALECT.get(item.dialect or "", {}),
        }
        if asked.golden.api_key is not None:
            headers["authorization"] = f"Bearer {asked.golden.api_key.reveal()}"
        question = Question(item.path or "", body_of(item.request or b"", asked.route))
        try:
            async with asyncio.timeout(asked.golden.timeout_s):
                reply = await post(self._server(), question, headers)
        except TimeoutError:
            raise NoAnswerError("no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswerError(type(error).__name__) from None
        exchange_id = reply.headers.get(_ID)
        if exchange_id is None:
            raise NoAnswerError(f"status {reply.status}")
        return exchange_id, reply.body


def _reply(kept: "list[Body] | tuple[()]", came: bytes) -> bytes | None:
    """The reply as it is in the store, else as it came; of a stream only the store has a message."""
    for body in kept:
        if body.kind == "reply" and body.content is not None and not body.is_truncated:
            return body.content
    return came if came[:1] == b"{" else None
