"""Somebody's exchanges are erased from a running gateway, and no file of its data folder has anything of them: not the
store, nor its log, nor the journal. Killed in the middle, it goes on with the next start.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from bench.ports import free_port
from tests.support.exchanges import ExchangeFactory
from tests.support.gateway import prepare, running

from llmgateway.ports.store import Body, Entry
from llmgateway.store.sqlite import SqliteStore

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
workers = 1
[admin]
listen = "127.0.0.1:{admin_port}"
[data]
dir = "{data}"
[journal]
bodies = "full"
segment = "64KiB"
[backends.one]
provider = "openai"
base_url = "MODEL/v1"
[routes.chat]
shadow = { version = "v2", share = 1, max_per_minute = 1000 }
[routes.chat.versions.v1]
backends = ["one"]
model = "good"
weight = 1
[routes.chat.versions.v2]
backends = ["one"]
model = "good@seed=2"
[routes.slow.versions.v1]
backends = ["one"]
model = "good@latency=3"
[prices."good"]
input = 1_000
output = 1_000
"""
USER = "hanako-4711"
CANARY = "kanaria"  # stands in bodies that are short enough to be stored as they are
FIGURES = ("input_tokens", "output_tokens", "cost_usd", "duration_s", "status", "end", "route", "served_version", "key")


@pytest.fixture(scope="module")
def model():
    port = free_port()
    command = [sys.executable, "-m", "llmgateway", "model-server", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


def llmgateway(gateway, *arguments):
    command = [sys.executable, "-m", "llmgateway", *arguments, "--config", str(gateway.config)]
    done = subprocess.run(command, env={**os.environ, "COLUMNS": "160"}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def post(gateway, path, content, **headers):
    headers = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    request = urllib.request.Request(f"{gateway.base_url}{path}", json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["x-llmgateway-exchange-id"], json.loads(answer.read())


def ask(gateway, user=USER, text=CANARY, route="chat", **more):
    content = {"model": route, "messages": [{"role": "user", "content": text}], "user": user, "max_tokens": 9, **more}
    names = {"user_agent": f"app of {user}", "x_request_id": f"{user}-1", "idempotency_key": f"{user}-2"}
    return post(gateway, f"/v1/chat/completions?by={user}", content, **names)[0]


def read(gateway, path):
    with urllib.request.urlopen(f"{gateway.admin_url}{path}", timeout=20) as answer:
        return answer.read()


def exchanges(gateway, query=""):
    return json.loads(read(gateway, f"/admin/v1/exchanges?limit=1000{query}"))["exchanges"]


def wait_until(condition, seconds=60):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.05)
    return found


def files_with(gateway, *words):
    found = {}
    for path in gateway.data.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for word in words:
            if word.encode() in content:
                found.setdefault(path.name, []).append(word)
    return found


def erasure(gateway, name):
    return json.loads(read(gateway, f"/admin/v1/erasures/{name}"))["erasure"]


def finished(gateway, name):
    """Whether the erasure is done. Others' traffic moves the journal on meanwhile."""
    ask(gateway, "taro", "x" * 70_000)
    told = erasure(gateway, name)
    return told if told["finished_at"] is not None else None


def begun(gateway, *arguments):
    told = json.loads(llmgateway(gateway, "logs", "erase", *arguments, "--yes", "--no-wait", "--json"))
    return told["erasure"]["id"]


def figures(gateway):
    return {row["id"]: [row[name] for name in FIGURES] for row in exchanges(gateway)}


def counters(gateway):
    """What the route `slow` has counted: each of its exchanges is like the other."""
    lines = (line.rpartition(" ") for line in read(gateway, "/metrics").decode().splitlines())
    kept = ("llmgateway_requests_total", "llmgateway_tokens_total", "llmgateway_cost_usd_total")
    found = {name: float(value) for name, _, value in lines if name.startswith(kept) and 'route="slow"' in name}
    counted = {name: value for name, value in found.items() if value}
    assert len(counted) == 4  # requests, tokens both ways, cost
    return counted


def test_nothing_of_somebody_is_left_in_any_file_and_no_figure_is_another(model):
    with running(CONFIG.replace("MODEL", model)) as gateway:
        mine = [ask(gateway, metadata={"customer": USER}) for _ in range(3)]
        mine.append(ask(gateway, route="slow"))
        others = ask(gateway, "taro", "hello")
        said = {"exchange_id": mine[0], "source_id": USER, "comment": f"{CANARY}!"}
        post(gateway, "/v1/feedback", {"name": "thumbs", "value": False, **said})
        wait_until(lambda: len(exchanges(gateway)) == 5 + 4)
        wait_until(lambda: json.loads(read(gateway, f"/admin/v1/exchanges/{mine[0]}"))["scores"])
        llmgateway(gateway, "datasets", "create", "golden", "--route", "chat", "--since", "1h")
        llmgateway(gateway, "replay", "--dataset", "golden", "--route", "chat", "--candidate", "v2", "--yes", "--json")
        llmgateway(gateway, "review", "add", "--exchange", mine[1], "--note", f"what {CANARY} says")
        llmgateway(gateway, "review", "concern", "add", f"{CANARY} is cross", "--route", "chat", "--exchange", mine[1])
        before, counted = figures(gateway), counters(gateway)
        assert files_with(gateway, USER, CANARY)["store.sqlite3-wal"] == [USER, CANARY]
        running_one = threading.Thread(target=ask, args=(gateway,), kwargs={"route": "slow"})
        running_one.start()
        wait_until(lambda: b'llmgateway_inflight_requests{route="slow"} 1' in read(gateway, "/metrics"))

        name = begun(gateway, "--user", USER)
        running_one.join()
        told = wait_until(lambda: finished(gateway, name))

        assert files_with(gateway, USER, CANARY) == {}
        rows = {row["id"]: row for row in exchanges(gateway)}
        erased = [row for row in rows.values() if row["erased_at"] is not None]
        assert told["erased"] == len(erased) == told["found"]
        assert {row["erased_at"] for row in erased} == {told["at"]}
        assert told["items"] == 1
        assert {*mine} < {row["id"] for row in erased}
        assert rows[others]["erased_at"] is None
        assert {each: figures(gateway)[each] for each in before} == before
        assert counters(gateway) == {name: pytest.approx(2 * value) for name, value in counted.items()}
        listed = llmgateway(gateway, "logs", "erasures")
        assert "done" in listed
        assert USER not in listed


def fill(gateway, count):
    """So many exchanges of the user's, with one of another behind each, in a store that no gateway has open."""

    async def work():
        store = SqliteStore(gateway.store)
        await store.open()

        make = ExchangeFactory(start=time.time() - 3600)
        for _ in range(count // 50):
            entries = []
            for user in (USER, "taro") * 50:
                make.clock.advance(0.01)
                said = f"{CANARY} {user}".encode() + bytes(range(100, 170))
                bodies = [
                    Body(kind, "application/json", 1, said if user == USER else b"hello")
                    for kind in ("request", "reply")
                ]
                entries.append(Entry(make.row(user=user, tags={"who": user}), bodies))
            await store.append(entries, [], [], None)
        await store.close()

    gateway.data.mkdir()
    asyncio.run(work())


@pytest.mark.parametrize("stage", ["overwriting", "removing", "waiting"])
def test_an_erasure_that_is_killed_goes_on_with_the_next_start(model, tmp_path, stage):
    gateway = prepare(CONFIG.replace("MODEL", model), tmp_path)
    fill(gateway, 1_500)
    try:
        gateway.start()
        ask(gateway)
        wait_until(lambda: len(exchanges(gateway, "&since=" + str(time.time() - 60))) == 2)
        name = begun(gateway, "--user", USER)
        wait_until(lambda: erasure(gateway, name)["stage"] == stage)
        gateway.kill()
        assert gateway.wait_gone()
        assert USER in str(files_with(gateway, USER, CANARY))
        gateway.start()
        told = wait_until(lambda: finished(gateway, name))
        assert (told["found"], told["erased"]) == (1_502, 1_502)
        assert files_with(gateway, USER, CANARY) == {}
        assert gateway.stop() == 0
        assert files_with(gateway, USER, CANARY) == {}
    finally:
        gateway.kill()
