"""Callers who leave a guarded exchange at any moment: all is given back, and each exchange has one end."""

import asyncio
import json

import pytest
from tests.component.test_guardrails import CHAT, stream_of, streamed
from tests.component.test_guardrails_slow import ASKING, CHATS, asking, replies, says, until
from tests.support import guardrails

LIMITED = 'api_key = "sk-upstream-secret"\nmax_concurrent = 2\n'
PARALLEL = ("fallback = []\n", "fallback = []\nparallel = true\n")
OF_EXCHANGES = {"serve", "_looked_into", "_one", "_judged", "attempt"}
WAYS = {
    "requests": (ASKING, False),
    "requests, parallel": (ASKING.replace(*PARALLEL, 1), False),
    "streams, parallel": (ASKING.replace(*PARALLEL, 1), True),
    "replies": (replies(), False),
    "streams": (replies(), True),
    "streams, whole": (replies(windowed=False), True),
    "both, parallel": (
        replies().replace('stages = ["reply"]', 'stages = ["request", "reply"]').replace(*PARALLEL, 1),
        True,
    ),
}


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    guardrails.install(monkeypatch)


@pytest.mark.parametrize("way", WAYS)
async def test_whenever_a_caller_leaves(tmp_path, way):
    config, is_stream = WAYS[way]
    config = config.replace('api_key = "sk-upstream-secret"\n', LIMITED, 1)
    body = json.dumps({**CHAT, "stream": is_stream}).encode()
    model = [step for _ in range(200) for step in streamed(stream_of("hel", "lo"))[:2]] if is_stream else says("hello")
    async with asking(tmp_path, model, says("no"), config) as (_, _, running):
        gateway = running.worker.gateway
        for turns in range(0, 80, 2):
            gateway.consulting._opinions._kept.clear()
            caller = await running.connect()
            caller.send("POST", CHATS, body)
            for _ in range(turns):
                await asyncio.sleep(0)
            await caller.leave()
            await running.quiet()
        await until(lambda: len(running.of_kind("admitted")) == len(running.of_kind("settled")))
        ids = [record.meta["id"] for kind in ("settled", "refused") for record in running.of_kind(kind)]
        assert len(ids) == len(set(ids))
        assert {"client_closed", "completed"} <= {record.meta["end"] for record in running.of_kind("settled")}
        assert not any(gateway.gauges.in_flight.values())
        assert not any(gateway.gauges.open_streams.values())
        assert gateway.bodies.held == 0
        for standing in gateway.in_force.standings.by_name.values():
            assert standing.in_flight == 0
            assert standing.places is None or standing.places.in_use == standing.places.waiting == 0
        assert all(trust.running == 0 for trust in gateway.consulting._trust.values())
        await until(lambda: not any(task.get_coro().__name__ in OF_EXCHANGES for task in asyncio.all_tasks()))
