"""What callers see while a worker is overloaded: connections that close, new work refused by priority, streams cut."""

import asyncio
import json

import pytest
from tests.support.plane import CONFIG, KEY, plane
from tests.support.rows import answering
from tests.support.wire_backend import WireBackend, chunk, chunked_head, expect, send, until_closed

from llmgateway.dataplane import pressure
from llmgateway.limits import ladder
from llmgateway.limits.ladder import Step

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
PATH = "/v1/chat/completions"
CHAT = {"model": "assistant", "messages": []}
BULK, GOLD = "lgw_bulk", "lgw_gold"
KEYS = """
[keys.bulk]
hash = "sha256:{bulk}"
priority = "low"
[keys.gold]
hash = "sha256:{gold}"
priority = "high"
"""
GIB = 1024**3


class Meter:
    """A machine of one GiB, in use as far as the test says."""

    limit = GIB
    share = 0.1

    def used(self) -> int:
        return round(self.share * self.limit)

    def own(self) -> int:
        return self.used()

    def close(self) -> None:
        pass


def with_keys() -> str:
    from hashlib import sha256

    keys = KEYS.replace("{bulk}", sha256(BULK.encode()).hexdigest())
    return CONFIG + keys.replace("{gold}", sha256(GOLD.encode()).hexdigest())


async def press(running, share: float) -> None:
    """Let the worker see that much memory in use."""
    pressure = running.worker.pressure
    if not isinstance(pressure.meter, Meter):
        pressure.meter.close()
        pressure.meter = Meter()
    pressure.meter.share = share
    await pressure.look()


def named(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def test_near_the_limit_each_reply_is_its_connections_last(tmp_path):
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url) as running:
        caller = await running.connect()
        caller.send("POST", PATH, json.dumps(CHAT).encode())
        assert "connection" not in (await caller.receive()).headers
        await press(running, 0.86)
        caller.wire.start_next_cycle()
        caller.send("POST", PATH, json.dumps(CHAT).encode())
        answer = await caller.receive()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await asyncio.wait_for(caller.reader.read(), 10) == b""


@pytest.mark.parametrize(("share", "served"), [(0.921, {KEY, GOLD}), (0.931, {GOLD}), (0.945, set())])
async def test_new_work_is_refused_by_priority_and_recorded(tmp_path, share, served):
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url, config=with_keys()) as running:
        await press(running, share)
        for key in (BULK, KEY, GOLD):
            answer = await running.post(PATH, CHAT, named(key))
            assert answer.status == (200 if key in served else 503)
            if key not in served:
                assert answer.json()["error"]["code"] == "overloaded"
                assert 1 <= int(answer.headers["retry-after"]) <= 4
                assert answer.headers["x-should-retry"] == "true"
        refused = running.of_kind("refused")
        assert {record.meta["error_code"] for record in refused} == {"overloaded"}
        assert len(refused) == 3 - len(served) == running.worker.gateway.overload.counts["shed"]
        assert len(backend.requests) == len(served)


async def test_at_the_last_steps_readiness_is_off_and_says_why(tmp_path):
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        await press(running, 0.93)
        assert (await running.ask("GET", "/readyz")).status == 200
        await press(running, 0.941)
        answer = await running.ask("GET", "/readyz")
        assert (answer.status, answer.body) == (503, b"overloaded: memory; no new exchanges are taken\n")
        assert (await running.ask("GET", "/livez")).status == 200


async def test_when_it_is_over_all_is_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr(ladder, "HOLD_S", 0.0)
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url) as running:
        await press(running, 0.96)
        assert (await running.post(PATH, CHAT)).status == 503
        for _ in range(2 * len(Step)):
            await press(running, 0.2)
        assert running.worker.gateway.overload.step is Step.CALM
        answer = await running.post(PATH, CHAT)
        assert answer.status == 200
        assert "connection" not in answer.headers
        assert (await running.ask("GET", "/readyz")).status == 200


def event(text: str) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": text}}]}
    return b"data: " + json.dumps(delta).encode() + b"\n\n"


async def test_the_largest_stream_is_cut_with_an_error_event_and_its_own_code_in_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr(pressure, "CUT_EVERY_S", 60.0)  # a large test process takes long to give its memory back

    def stream(text: str):
        head = chunked_head(("content-type", "text/event-stream"))
        return [expect(), send(head + chunk(event(text))), until_closed()]

    async with (
        WireBackend(stream("x" * 50_000), stream("short")) as backend,
        plane(tmp_path, backend.url) as running,
    ):
        callers = []
        for size in (50_000, 5):
            caller = await running.connect()
            caller.send("POST", PATH, json.dumps(CHAT | {"stream": True}).encode())
            callers.append(caller)
            assert size <= len((await caller.receive(until=b"\n\n")).body)
        large, small = callers
        await press(running, 0.96)
        cut = await large.receive()
        assert not cut.is_whole  # no proper end of the body
        told = json.loads(cut.body.partition(b"data: ")[2])
        assert (told["error"]["code"], told["error"]["type"]) == ("stream_cut", "overloaded_error")
        assert b"[DONE]" not in cut.body
        await backend.until(lambda: backend.connections[0].left_at is not None)
        outcome = running.of_kind("settled")[0].meta
        assert (outcome["error_code"], outcome["end"], outcome["status"]) == ("stream_cut", "gateway_error", 200)
        assert "reply" not in running.of_kind("settled")[0].blobs  # to put it together would take memory
        assert len(running.of_kind("settled")) == 1  # the small one goes on
        assert running.worker.gateway.overload.counts["cut"] == 1
        assert len(running.worker.gateway.overload.streams) == 1
        await small.leave()
        await running.quiet()
        assert running.worker.gateway.overload.streams == {}


async def test_lag_alone_sheds_but_keeps_connections(tmp_path):
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url, config=with_keys()) as running:
        await press(running, 0.1)
        for _ in range(ladder.LASTING):
            running.worker.gateway.gauges.lag(0.3)
            await running.worker.pressure.look()
        answer = await running.post(PATH, CHAT, named(BULK))
        assert answer.status == 503
        assert "connection" not in answer.headers
        assert (await running.post(PATH, CHAT)).status == 200
