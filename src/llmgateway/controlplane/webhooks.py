"""Tells an operator's own services what happens, each move of a rollout and each event that somebody should look at:
signed JSON, whose `text` Slack and its like show.

Each has a line of its own, so that one that is away holds up no other. Lines are bounded, and so are tries: what is not
taken in time is dropped and counted. The store has every move and event, whoever was told.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp

from llmgateway.config.snapshot import Snapshot
from llmgateway.config.webhooks import Webhook
from llmgateway.domain.clock import Clock
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.signature import signed

MAX_WAITING: Final = 256  # for each service; then the oldest are dropped
TRIES: Final = 6
FIRST_WAIT_S: Final = 0.5  # doubles each time
TIMEOUT_S: Final = 5.0
RESULTS: Final = ("sent", "failed", "dropped")

log = logging.getLogger(__name__)
Message = Mapping[str, Any]


class Webhooks:
    """`counts`: what came of messages, since the start."""

    def __init__(self, snapshot: Callable[[], Snapshot], clock: Clock, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._snapshot = snapshot
        self._clock = clock
        self._first_wait_s = first_wait_s
        self._lines: dict[str, deque[Message]] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._wanted = asyncio.Event()
        self.counts = dict.fromkeys(RESULTS, 0)

    def tell(self, message: Message) -> None:
        """Have every service told, soon. Every message has a `type`, a `text` for people, and a `key` of its own."""
        for hook in self._snapshot().webhooks:
            line = self._lines.setdefault(hook.name, deque())
            if len(line) >= MAX_WAITING:
                line.popleft()
                self.counts["dropped"] += 1
            line.append(message)
        self._wanted.set()

    async def run(self) -> None:
        """Send what waits, for as long as the gateway runs."""
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
                while True:
                    await self._wanted.wait()
                    self._wanted.clear()
                    self._begin(session)
        finally:
            for task in self._sending.values():
                task.cancel()
            self._sending.clear()

    def _begin(self, session: aiohttp.ClientSession) -> None:
        """See to every line that has something in it."""
        for name, line in self._lines.items():
            if line and name not in self._sending:
                self._sending[name] = asyncio.create_task(self._send_all(session, name, line))

    async def _send_all(self, session: aiohttp.ClientSession, name: str, line: deque[Message]) -> None:
        try:
            while line:
                each = line.popleft()
                hook = next((hook for hook in self._snapshot().webhooks if hook.name == name), None)
                if hook is not None:
                    self.counts["sent" if await self._send(session, hook, each) else "failed"] += 1
        finally:
            self._sending.pop(name, None)

    async def _send(self, session: aiohttp.ClientSession, hook: Webhook, each: Message) -> bool:
        body, wait, why = encode(each), self._first_wait_s, None
        for left in reversed(range(TRIES)):
            why = await self._try(session, hook, body)
            if why is None:
                return True
            if left:
                await asyncio.sleep(wait)
                wait *= 2
        log.warning("webhook %s was not told of %s: %s", hook.name, each["key"], why)
        return False

    async def _try(self, session: aiohttp.ClientSession, hook: Webhook, body: bytes) -> str | None:
        """Why the service has not taken it; its URL may be a secret, so no error's text is told."""
        headers = {"content-type": "application/json"}
        if hook.secret is not None:
            headers |= signed(hook.secret.reveal(), int(self._clock.time()), body)
        try:
            async with session.post(hook.url.reveal(), data=body, headers=headers, allow_redirects=False) as reply:
                return None if reply.status < 300 else f"it answered {reply.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return type(error).__name__
