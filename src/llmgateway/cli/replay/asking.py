"""Putting items to a running gateway, as any caller does: over HTTP, with a key, to a version by name.

So every part of the way is the real one: keys, limits, guardrails, retries, journal, prices. The header that says which
replay asks marks the exchanges; whatever tools an answer wants to call, nobody here calls them.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from llmgateway.cli.whereabouts import Source
from llmgateway.ports.datasets import MAX_ITEM_BYTES, DatasetItem
from llmgateway.ports.store import Row
from llmgateway.replaying.prompts import body_of
from llmgateway.replaying.runner import Logged
from llmgateway.wire.jsoncodec import JsonError, decode

LOGGED_S: Final = 30.0  # for an exchange to come into the log
FIRST_LOOK_S: Final = 0.02
LONGEST_PAUSE_S: Final = 0.5
LOOKS: Final = 4  # at the log, at once
MAX_REPLY_BYTES: Final = 64 * 1024 * 1024
MAX_LOGGED_BYTES: Final = 16 * 1024 * 1024
HEAD_BYTES: Final = 8 * 1024
TRIES: Final = 20  # while the gateway has no room
LONGEST_WAIT_S: Final = 60.0
_FOR_ALL: Final = frozenset(
    {"pin_not_allowed", "version_not_found", "model_not_found", "invalid_api_key", "operation_not_allowed"}
)
_NO_ROOM: Final = frozenset(
    {"rate_limited", "too_many_connections", "overloaded", "log_store_full", "starting", "draining"}
)
_ID: Final = "x-llmgateway-exchange-id"
_VERSION: Final = {"anthropic": {"anthropic-version": "2023-06-01"}}


class CutOffError(Exception):
    """It can't go on just now; what is done is kept. The message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. `model`: what items name now; None: they keep what they have (a route with `*`)."""

    url: str
    key: str | None
    replay_id: str
    model: str | None
    timeout_s: float


class GatewayAsking:
    """Asks the data plane, and reads the log at the admin listener. Use it as an async context."""

    def __init__(self, target: Target, admin: Source) -> None:
        self._target = target
        self._admin = admin
        self._looking = asyncio.Semaphore(LOOKS)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "GatewayAsking":
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._target.timeout_s, sock_connect=10),
            connector=aiohttp.TCPConnector(limit=0),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._http is not None
        await self._http.close()

    async def ask(self, item: DatasetItem, version: str) -> str | None:
        """Send the item, again while the gateway itself has no room: that says nothing of the version.

        Raises CutOffError where the gateway is away, stays full, or would refuse every item.
        """
        for _ in range(TRIES):
            exchange_id, wait_s = await self._sent(item, version)
            if wait_s is None:
                return exchange_id
            await asyncio.sleep(wait_s)
        raise CutOffError(f"{self._target.url} has no room for replays just now")

    async def _sent(self, item: DatasetItem, version: str) -> tuple[str | None, float | None]:
        """The exchange's id; and how long to wait before it is sent again, if it has to be."""
        assert self._http is not None
        target = self._target
        exchange_id: str | None = None
        try:
            async with self._http.post(
                f"{target.url}{item.path}",
                data=body_of(item.request or b"", target.model),
                headers=self._headers(item, version),
            ) as answer:
                exchange_id = answer.headers.get(_ID)
                head = await _read_to_its_end(answer)
                return exchange_id, wait_of(answer.status, head, answer.headers.get("retry-after"))
        except aiohttp.ClientConnectorError as error:
            raise CutOffError(f"nothing answers at {target.url} ({type(error).__name__})") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            if exchange_id is None:
                raise CutOffError(f"{target.url} did not answer ({type(error).__name__})") from None
        return exchange_id, None

    async def logged(self, exchange_id: str) -> Logged:
        """The exchange, once it is ingested; raises CutOffError if it does not come."""
        until, pause = time.monotonic() + LOGGED_S, FIRST_LOOK_S
        while time.monotonic() < until:
            async with self._looking:
                found = await self.look(exchange_id)
            if found is not None:
                _check(found.row)
                return found
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        raise CutOffError(f"the exchange {exchange_id} is not in the log after {LOGGED_S:.0f} s")

    async def look(self, exchange_id: str) -> Logged | None:
        """The exchange if the log has it."""
        assert self._http is not None
        token = {"Authorization": f"Bearer {self._admin.token}"} if self._admin.token else {}
        url = f"{self._admin.url}/admin/v1/exchanges/{exchange_id}"
        try:
            async with self._http.get(url, params={"body_bytes": str(MAX_ITEM_BYTES)}, headers=token) as answer:
                if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE}:
                    return None
                content = await answer.content.read(MAX_LOGGED_BYTES)
                while len(content) < MAX_LOGGED_BYTES and (more := await answer.content.read(MAX_LOGGED_BYTES)):
                    content += more
                if answer.status != HTTPStatus.OK:
                    raise CutOffError(f"{self._admin.url} answers {answer.status} where an exchange was asked for")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CutOffError(f"nothing answers at {self._admin.url} ({type(error).__name__})") from None
        return logged_of(decode(content))

    def _headers(self, item: DatasetItem, version: str) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self._target.key}"} if self._target.key else {}
        return {
            "Content-Type": "application/json",
            "x-llmgateway-version": version,
            "x-llmgateway-replay": self._target.replay_id,
            **_VERSION.get(item.dialect or "", {}),
            **key,
        }


def _check(row: Row) -> None:
    """Not every dialect says in a reply what the log does: that the gateway itself turned the request away."""
    if row["error_code"] in _FOR_ALL | _NO_ROOM:
        raise CutOffError(f"the gateway turned a request away: {row['error_code']}, exchange {row['id']}")


def logged_of(told: Mapping[str, Any]) -> Logged:
    """The exchange out of what the admin API says. An answer that was cut is none: nobody could judge it."""
    row = dict(told)
    bodies = {body["kind"]: body for body in row.pop("bodies", ())}
    reply = bodies.get("reply", {})
    text = reply.get("content")
    is_whole = text is not None and not reply.get("cut") and not reply.get("truncated")
    return Logged(row, text.encode() if is_whole else None)


async def _read_to_its_end(answer: aiohttp.ClientResponse) -> bytes:
    """Read the answer and return how it begins; it is judged by the log."""
    head, size = b"", 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if len(head) < HEAD_BYTES:
            head += piece
        if size > MAX_REPLY_BYTES:
            break
    return head


def wait_of(status: int, head: bytes, retry_after: str | None) -> float | None:
    """How long to wait before the request is sent again, in seconds; None: that was an answer, good or bad.

    Raises CutOffError for a refusal that every item would get.
    """
    if status < HTTPStatus.BAD_REQUEST:
        return None
    try:
        error = decode(head)["error"]
        code, message = error.get("code"), error.get("message")
    except (JsonError, TypeError, KeyError, AttributeError):
        return None
    if code in _FOR_ALL:
        raise CutOffError(f"the gateway refuses: {message}")
    if code not in _NO_ROOM:
        return None
    return min(LONGEST_WAIT_S, float(retry_after) if retry_after is not None and retry_after.isdecimal() else 1.0)
