"""What people write when they act on a rollout: in a body, at length, or in the URL."""

import asyncio
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web

from llmgateway.controlplane.api.rollouts import MAX_REASON, endpoints
from llmgateway.controlplane.asking import answered
from llmgateway.controlplane.endpoints import Asked, Table

LONG = "同じくらい良く、半分の値段です。" * 200
ACTS = ["pause", "resume", "promote", "rollback", "discard"]


class People:
    """Notes what was asked of it."""

    def __init__(self):
        self.did = []

    async def start(self, route, author, reason, waiver):
        self.did.append(("start", route, author, reason, waiver))

    def __getattr__(self, name):
        async def act(route, author, reason):
            self.did.append((name, route, author, reason))

        return act


@pytest.fixture
async def it():
    people = People()

    async def shown(_):
        return {}

    table = Table(endpoints(SimpleNamespace(people=people, shown=shown)))

    async def handler(request):
        endpoint, names, _ = table.find(request.method, request.raw_path.partition("?")[0])
        return await answered(endpoint, Asked(request, names))

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(headers={"x-llmgateway-author": "ann"}) as session:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/admin/v1/rollouts/chat"

        async def ask(what, **more):
            async with asyncio.timeout(30), session.post(f"{url}/{what}", **more) as reply:
                return reply.status, await reply.json()

        yield SimpleNamespace(ask=ask, did=people.did)
    await runner.cleanup()


@pytest.mark.parametrize("act", ACTS)
async def test_a_reason_may_be_longer_than_a_url(it, act):
    assert len(LONG) > 3_000
    assert (await it.ask(act, json={"reason": LONG}))[0] == 200
    assert (await it.ask(act, params={"reason": "short"}))[0] == 200
    assert (await it.ask(act))[0] == 200
    assert it.did == [(act, "chat", "ann", LONG), (act, "chat", "ann", "short"), (act, "chat", "ann", "")]


async def test_so_may_what_a_start_does_without(it):
    assert (await it.ask("start", json={"reason": "cheaper", "waive_replay": LONG}))[0] == 200
    assert (await it.ask("start", params={"waive_replay": "it is gone"}, json={"reason": LONG}))[0] == 200
    assert it.did == [("start", "chat", "ann", "cheaper", LONG), ("start", "chat", "ann", LONG, "it is gone")]


@pytest.mark.parametrize(
    "body",
    [{"rationale": "x"}, {"reason": 1}, {"reason": "x" * (MAX_REASON + 1)}, {"reason": "x", "waive_replay": "y"}, []],
)
async def test_what_nobody_would_read_is_refused(it, body):
    status, answer = await it.ask("promote", json=body)
    assert (status, answer["error"]["code"], it.did) == (422, "invalid_body", [])
