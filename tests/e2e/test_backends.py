"""Backends' health over real processes: what one worker finds out, all know, and a worker that is new as well."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from hashlib import sha256

import httpx
from tests.support.gateway import Gateway, Starter, start_gateway
from tests.support.rows import OK, answering
from tests.support.wire_backend import WireBackend

__all__ = ["start_gateway"]  # a fixture
KEY = "lgw_backends"
CONFIG = f"""
[server]
listen = "127.0.0.1:{{port}}"
workers = 2
[admin]
listen = "127.0.0.1:{{admin_port}}"
[data]
dir = "{{data}}"
[backends.bad]
provider = "openai"
base_url = "http://127.0.0.1:1/v1"
health = {{ consecutive = 3, eject = "60s" }}
[backends.good]
provider = "openai"
base_url = "http://127.0.0.1:BACKEND/v1"
[backends.spare]
provider = "openai"
base_url = "http://127.0.0.1:BACKEND/v1"
health = {{ probe = "models", probe_interval = "100ms" }}
[routes.m]
balance = "ordered"
[routes.m.versions.v1]
backends = ["bad", "good", "spare"]
[keys.app]
hash = "sha256:{sha256(KEY.encode()).hexdigest()}"
"""


def read(gateway: Gateway, path: str) -> str:
    with urllib.request.urlopen(gateway.admin_url + path, timeout=5) as reply:
        return str(reply.read().decode())


def live(gateway: Gateway) -> dict[str, object]:
    return dict(json.loads(read(gateway, "/admin/v1/live")))


async def ask(gateway: Gateway, times: int) -> list[int]:
    """Each on a connection of its own, so that they spread over the workers."""
    statuses = []
    for _ in range(times):
        async with httpx.AsyncClient() as caller:
            reply = await caller.post(
                f"{gateway.base_url}/v1/chat/completions",
                json={"model": "m", "messages": []},
                headers={"authorization": f"Bearer {KEY}"},
            )
            statuses.append(reply.status_code)
    return statuses


async def until(condition, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


async def test_two_workers_share_what_one_of_them_finds_out(start_gateway: Starter) -> None:
    async with WireBackend(answering(OK)) as there:
        config = CONFIG.replace("BACKEND", str(there.port))
        gateway = await asyncio.to_thread(start_gateway, config)

        def is_known() -> bool:
            view = live(gateway)
            return view["backends"]["bad"].get("up") == 0 and len(view["workers"]) == 2

        began = time.monotonic()
        while not await asyncio.to_thread(lambda: live(gateway)["out"]):
            assert set(await ask(gateway, 1)) == {200}
            assert time.monotonic() - began < 5
        await until(is_known, 3)
        (out,) = live(gateway)["out"]
        assert (out["name"], out["state"], out["why"]) == ("bad", "ejected", "faults in a row")
        asked = _attempts(gateway, "bad")
        assert set(await ask(gateway, 40)) == {200}
        await asyncio.sleep(1.5)  # the journal's rows are counted by then
        assert _attempts(gateway, "bad") <= asked + 3, "neither worker asks it any more"

        worker = next(each for each in gateway.family() if each.pid == live(gateway)["workers"][0]["pid"])
        worker.send_signal(signal.SIGKILL)
        await until(lambda: live(gateway)["workers"][0]["starts"] == 2)
        await until(is_known)
        assert any(request.target == "/v1/models" for request in there.requests), "control probes by itself"
        assert 'llmgateway_upstream_state{state="ejected",upstream="bad"} 1.0' in read(gateway, "/metrics")


def command(gateway: Gateway, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", *words, "--config", str(gateway.config)],
        env={**os.environ, "COLUMNS": "160", "LOGNAME": "ada"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


async def test_an_operators_word_is_heeded_by_all_workers_and_taken_back(start_gateway: Starter) -> None:
    async with WireBackend(answering(OK)) as there, WireBackend(answering(OK)) as other:
        config = CONFIG.replace("BACKEND", str(there.port), 1).replace("BACKEND", str(other.port))
        config = config.replace('["bad", "good", "spare"]', '["good", "spare"]')
        gateway = await asyncio.to_thread(start_gateway, config)
        await until(lambda: len(live(gateway)["workers"]) == 2)

        async def run(*words: str) -> tuple[int, str]:
            return await asyncio.to_thread(command, gateway, *words)

        assert set(await ask(gateway, 6)) == {200}
        code, told = await run("backends", "drain", "good", "--reason", "a new disk")
        assert (code, told) == (0, "good is drained: drained by hand\n")
        before = len(there.requests)
        assert set(await ask(gateway, 12)) == {200}
        assert len(there.requests) == before
        code, listed = await run("backends", "list")
        assert (code, "drained: drained by hand" in listed) == (0, True), listed
        assert "! backend good is drained: drained by hand" in (await run("top", "--once"))[1]
        code, told = await run("routes", "explain", "--live", "--route", "m")
        assert (code, "asked now  1. v1 at spare" in told, "good is drained: drained by hand" in told) == (
            0,
            True,
            True,
        ), told
        assert await run("backends", "undrain", "good") == (0, "good is in\n")
        assert set(await ask(gateway, 2)) == {200}
        assert len(there.requests) > before
        assert (await run("backends", "drain", "nobody"))[0] == 2
        assert "backend good drained by ada: a new disk" in gateway.log.read_text()


def _attempts(gateway: Gateway, backend: str) -> float:
    lines = [
        line
        for line in read(gateway, "/metrics").splitlines()
        if line.startswith("llmgateway_upstream_attempts_total") and f'upstream="{backend}"' in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
