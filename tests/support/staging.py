"""A gateway of real processes with a rollout, before two pretend models in the test's own loop, and callers for it.

async with staged(tmp_path) as it:
    await it.start()
    async with it.traffic():
        await it.until("awaiting_approval")
"""

import asyncio
import itertools
import json
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace

import aiohttp
from tests.support.gateway import running

from llmgateway.modelserver.knobs import Knobs
from llmgateway.modelserver.server import ModelServer
from llmgateway.modelserver.service import Settings

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 2
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[backends.one]
provider = "anthropic"
base_url = "ONE"
[backends.two]
provider = "anthropic"
base_url = "TWO"
[backends.one.health]
consecutive = 1000
error_share = 1.0
[backends.two.health]
consecutive = 1000
error_share = 1.0
[routes.chat]
sticky = "user"
fallback = ["v1"]
[routes.chat.versions.v1]
backends = ["one"]
weight = 1
[routes.chat.versions.v2]
backends = ["two"]
weight = 0
[routes.chat.rollout]
candidate = "v2"
steps = [
  { weight = 0.2, min_time = "300ms", min_units = 10 },
  { weight = 0.5, min_time = "300ms", min_units = 10 },
]
METRICS
[routes.chat.rollout.bake]
holdback = 0.05
min_time = "1s"
"""
METRICS = """
[routes.chat.rollout.metrics.error]
ceiling = 0.2
"""
TWO_S = 2.0
BOUND_S = 60.0


class Staging:
    """What tests ask of it. `asked`: how many requests each backend has had."""

    def __init__(self, gateway, one, two, session):
        self.gateway, self.one, self.two = gateway, one, two
        self.session = session
        self._users = itertools.count()
        self.statuses = Counter()
        self.cut = 0
        self.user = lambda: f"u{next(self._users)}"

    def turn(self, server, **knobs):
        """Have a model behave otherwise from now on."""
        server.service.settings = replace(server.service.settings, knobs=Knobs().turned(knobs))

    @property
    def asked(self):
        return self.one.service.tallies.requests, self.two.service.tallies.requests

    async def admin(self, method, path, *, author="ann", body=None, **query):
        url = f"{self.gateway.admin_url}/admin/v1/{path}"
        headers = {"x-llmgateway-author": author}
        async with self.session.request(method, url, params=query, json=body, headers=headers) as reply:
            return reply.status, await reply.json()

    async def act(self, what, *, author="ann", body=None, **query):
        status, answer = await self.admin("POST", f"rollouts/chat/{what}", author=author, body=body, **query)
        assert status == 200, answer
        return answer

    async def start(self, reason="a newer model"):
        return (await self.act("start", author="carol", reason=reason))["rollout"]

    async def status(self):
        _, answer = await self.admin("GET", "rollouts/chat")
        return answer.get("rollout", {})

    async def history(self):
        _, answer = await self.admin("GET", "rollouts/chat/history")
        return answer["transitions"]

    async def until(self, *states, seconds=BOUND_S):
        """Wait for one of these states; returns the rollout."""
        found = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    with suppress(aiohttp.ClientError, KeyError):
                        found = await self.status()
                        if found.get("state") in states:
                            return found
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not {states} in time: {json.dumps(found, indent=1)}") from None

    async def ask(self, *, stream=False, **more):
        body = {"model": "chat", "max_tokens": 50, "messages": [{"role": "user", "content": f"say {self.user()}"}]}
        body["metadata"] = {"user_id": self.user()}
        headers = {"anthropic-version": "2023-06-01"}
        url = f"{self.gateway.base_url}/v1/messages"
        async with self.session.post(url, json=body | {"stream": stream} | more, headers=headers) as reply:
            content = await reply.read()
            self.statuses[reply.status] += 1
            if stream and reply.status == 200 and b"message_stop" not in content:
                self.cut += 1
            return reply.status, content

    @asynccontextmanager
    async def traffic(self, callers=4, **more):
        """Callers who ask one after the other for as long as the block lasts."""

        async def ask_on():
            while True:
                with suppress(aiohttp.ClientError):
                    await self.ask(**more)
                await asyncio.sleep(0.005)

        tasks = [asyncio.ensure_future(ask_on()) for _ in range(callers)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def staged(tmp_path, metrics=METRICS, config=CONFIG):
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(ModelServer(Settings(port=0))) for _ in range(2)]
        text = config.replace("ONE", one.url).replace("TWO", two.url).replace("METRICS", metrics)
        entered = running(text, folder=tmp_path)
        gateway = await asyncio.to_thread(entered.__enter__)
        stack.push_async_exit(lambda *error: asyncio.to_thread(entered.__exit__, *error))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Staging(gateway, one, two, session)
