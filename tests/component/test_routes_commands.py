"""`llmgateway routes` against a running admin listener."""

import asyncio
import json

import pytest
from tests.support.admin import AdminGateway
from tests.support.listener import run as run_against


@pytest.fixture
def gateway(tmp_path):
    gateway = AdminGateway(tmp_path)
    yield gateway
    gateway.listener.close()


async def run(gateway, *words):
    return await asyncio.to_thread(run_against, gateway, "routes", *words)


async def test_the_list_is_what_is_in_force(gateway):
    async with gateway.running(workers=1):
        done = await run(gateway, "list")
        assert done.exit_code == 0, done.output
        chat, other = (line for line in done.stdout.splitlines() if " %" in line)
        assert all(part in chat for part in ("chat", "v1 90 %, v2 10 %", "2 of 2 in", "none"))
        assert all(part in other for part in ("vendor/m-*", "pass 100 %", "1 of 1 in"))
        assert "the shares are those of the file" in done.stderr  # nothing here rolls out
        assert (await run(gateway, "weight", "chat", "v2=90")).exit_code == 0
        (route, _) = json.loads((await run(gateway, "list", "--json")).stdout)["routes"]
        assert (route["shares"], route["backends"]) == ({"v1": 50.0, "v2": 50.0}, {"one": "in", "two": "in"})
