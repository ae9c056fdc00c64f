"""Exchanges that the gateway has by itself, with no caller behind them: copies, and questions to models that judge.

They are errands like any other, with a head of their own and an end that nobody is told of but the log.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from llmgateway.dataplane.call import Asked, Errand
from llmgateway.dataplane.relay import end_of
from llmgateway.dataplane.settle import settle
from llmgateway.domain.errors import Fault, GatewayError
from llmgateway.domain.exchange import End, Exchange
from llmgateway.http.messages import Headers, first

logger = logging.getLogger(__name__)

# A backend may answer a key it knows with the primary's reply, or refuse the primary because the copy came first.
_PRIMARYS_OWN: Final = frozenset({b"idempotency-key"})


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head without the connection it came over (dataplane.call.Asked)."""

    method: str
    path: str
    query: bytes
    headers: Headers
    content_length: int | None = None

    @classmethod
    def of(cls, asked: Asked) -> "Head":
        headers = [pair for pair in asked.headers if pair[0] not in _PRIMARYS_OWN]
        return cls(asked.method, asked.path, asked.query, headers, asked.content_length)

    def header(self, name: bytes) -> bytes | None:
        return first(self.headers, name)


def failed(exchange: Exchange, error: GatewayError) -> None:
    """Note what a caller would have been told."""
    exchange.status, exchange.error_code = error.status, error.code
    if error.kind.fault is Fault.UPSTREAM:
        exchange.end = end_of(error)
    else:
        exchange.end = End.GATEWAY_ERROR if error.code == "internal_error" else End.REFUSED


def interrupted(errand: Errand, why: str) -> None:
    """Settle one that is cut short."""
    errand.exchange.status, errand.exchange.end = 0, End.INTERRUPTED
    errand.exchange.error_detail = why
    settle_quietly(errand)


def settle_quietly(errand: Errand) -> None:
    """Write the end down. Nobody waits for it to be durable, for nobody was promised anything."""
    try:
        durable = settle(errand)
    except GatewayError:
        logger.exception("an exchange could not be settled", extra={"exchange": errand.exchange.id})
        return
    if durable is not None:
        asyncio.ensure_future(durable).add_done_callback(lambda kept: kept.cancelled() or kept.exception())
