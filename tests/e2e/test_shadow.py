"""A shadow through real processes: copied by a worker, ingested by control, compared by an operator."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from tests.support.gateway import running
from tests.support.rows import ANSWER, JSON, NOBODY, answering
from tests.support.wire_backend import WireBackend, reply

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 1
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[backends.one]
provider = "openai"
base_url = "ONE/v1"
[backends.two]
provider = "openai"
base_url = "TWO/v1"
[routes.chat.shadow]
version = "v2"
share = 1
max_per_minute = 4
[routes.chat.versions.v1]
backends = ["one"]
weight = 1
[routes.chat.versions.v2]
backends = ["two"]
[prices."upstream-model-1"]
input = 1_000_000
output = 1_000_000
"""


def logs(gateway, *arguments):
    command = [sys.executable, "-m", "llmgateway", "logs", *arguments, "--data", str(gateway.data)]
    done = subprocess.run(command, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(gateway):
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = urllib.request.Request(
        f"{gateway.base_url}/v1/chat/completions", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def metrics(gateway):
    """The samples by name and labels; none while the counters are still being read from the store."""
    try:
        answer = urllib.request.urlopen(f"{gateway.admin_url}/metrics", timeout=10)
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return {}
    with answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def wait_until(condition):
    until = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("is_alive", [True, False])
async def test_copies_are_counted_apart_and_compared(is_alive):
    shorter = reply(json.dumps(ANSWER | {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}).encode(), headers=JSON)
    async with WireBackend(answering(reply(json.dumps(ANSWER).encode(), headers=JSON))) as one:
        async with WireBackend(answering(shorter)) as two:
            config = CONFIG.replace("ONE", one.url).replace("TWO", two.url if is_alive else NOBODY)
            await asyncio.to_thread(operate, config, is_alive)
            assert len(one.requests) == 6
            assert len(two.requests) == (4 if is_alive else 0)


def operate(config, is_alive):
    with running(config) as gateway:
        assert [ask(gateway) for _ in range(6)] == [200] * 6
        ended = "ok" if is_alive else "upstream_error"

        def counted():
            found = metrics(gateway)
            is_there = (
                found.get('llmgateway_requests_total{outcome="ok",route="chat",stream="false",version="v1"}') == 6
            )
            copies = found.get(f'llmgateway_shadow_requests_total{{outcome="{ended}",route="chat",version="v2"}}')
            return found if is_there and copies == 4 else None

        found = wait_until(counted)
        assert found['llmgateway_shadow_left_out_total{reason="budget",route="chat"}'] == 2
        assert found['llmgateway_requests_total{outcome="ok",route="chat",stream="false",version="v2"}'] == 0
        assert found['llmgateway_cost_usd_total{route="chat",version="v1"}'] == 6 * 8
        assert found['llmgateway_shadow_cost_usd_total{route="chat",version="v2"}'] == (4 * 5 if is_alive else 0)
        assert found['llmgateway_inflight_shadows{route="chat"}'] == 0
        with urllib.request.urlopen(f"{gateway.admin_url}/admin/v1/live", timeout=10) as answer:
            live = json.loads(answer.read())
        assert [(each["version"], each["requests"]) for each in live["versions"]] == [("v1", 6)]

        told = json.loads(logs(gateway, "compare", "--json"))
        assert (told["pairs"], told["same_status"]) == (4, 1.0 if is_alive else 0.0)
        listed = [json.loads(line) for line in logs(gateway, "list", "--json").splitlines()]
        everything = [json.loads(line) for line in logs(gateway, "list", "--json", "--shadow").splitlines()]
        assert (len(listed), len(everything)) == (6, 10)
        pair = told["worst"][0]
        shown = json.loads(logs(gateway, "show", pair["shadow"], "--json"))
        assert shown["shadow_of"] == pair["primary"]
        assert shown["comparison"]["status"]["shadow"] == (200 if is_alive else 502)
        if is_alive:
            assert shown["comparison"]["output_tokens"] == {"primary": 5, "shadow": 2, "difference": -3}
