"""Two attempts at once on real sockets: who wins, what becomes of the other, what is written down."""

import asyncio
import json
import time

import pytest
from tests.component.test_pipeline import CHAT, JSON, OK, SSE, STREAM
from tests.support.plane import CONFIG, plane
from tests.support.wire_backend import (
    WireBackend,
    chunk,
    chunked_head,
    expect,
    forever,
    reply,
    send,
    until_closed,
    wait_for,
)

HEDGED = """
[routes.assistant]
balance = "ordered"
retries = { max_attempts = 4, base = "5ms" }
hedge = { after = "60ms" }
[routes.assistant.versions.v1]
backends = ["one", "two"]
model = "upstream-model"
"""
BEFORE, BEHIND = CONFIG.index("[routes.assistant]"), CONFIG.index("[routes.resilient]")
TWO = CONFIG[:BEFORE] + HEDGED + CONFIG[BEHIND:]
ALONE = TWO.replace('["one", "two"]', '["one"]')
FAILS = reply(b'{"error":{"message":"no"}}', status="500 Internal Server Error", headers=JSON)
SILENT = forever(expect(), until_closed())
ANSWERS = forever(expect(), send(OK))


def gone(backend):
    return all(wire.left_at is not None for wire in backend.connections)


def told(record):
    return [(each["kind"], each["backend"], each["result"]) for each in record.meta["attempts"]]


async def test_a_silent_backend_loses_to_the_other_one_and_its_connection_closes(tmp_path):
    async with (
        WireBackend([SILENT]) as one,
        WireBackend([ANSWERS]) as two,
        plane(tmp_path, one.url, two.url, TWO) as running,
    ):
        began = time.monotonic()
        answer = await running.post("/v1/chat/completions", CHAT)
        assert (answer.status, answer.is_whole) == (200, True)
        assert 0.05 < time.monotonic() - began < 10
        record = running.outcome()
        assert told(record) == [("first", "one", "lost"), ("hedge", "two", "ok")]
        lost, won = record.meta["attempts"]
        assert lost["input_tokens"] > 0
        assert lost["output_tokens"] == 0
        assert won["input_tokens"] is None
        assert (record.meta["input_tokens"], record.meta["output_tokens"]) == (3, 5)
        await one.until(lambda: gone(one))
        standings = running.worker.gateway.in_force.standings
        await running.quiet()
        assert [each.in_flight for each in standings][:2] == [0, 0]


async def test_a_caller_who_leaves_while_the_loser_is_dismissed_leaves_nothing_behind(tmp_path, monkeypatch):
    dismissing = asyncio.Event()

    async def dismiss(_call, _racer):
        dismissing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("llmgateway.dataplane.hedge._dismiss", dismiss)
    async with (
        WireBackend([SILENT]) as one,
        WireBackend([ANSWERS]) as two,
        plane(tmp_path, one.url, two.url, TWO) as running,
    ):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
        await dismissing.wait()
        await caller.leave()
        await running.quiet()
        await one.until(lambda: gone(one))
        standings = running.worker.gateway.in_force.standings
        assert [each.in_flight for each in standings][:2] == [0, 0]


async def test_a_backend_that_is_quick_enough_is_asked_alone(tmp_path):
    async with (
        WireBackend([ANSWERS]) as one,
        WireBackend([ANSWERS]) as two,
        plane(tmp_path, one.url, two.url, TWO) as running,
    ):
        for _ in range(5):
            assert (await running.post("/v1/chat/completions", CHAT)).status == 200
        assert (len(one.requests), len(two.requests)) == (5, 0)


async def test_the_first_may_still_win(tmp_path):
    go = asyncio.Event()
    late = forever(expect(), wait_for(go), send(OK))
    async with (
        WireBackend([late]) as one,
        WireBackend([SILENT]) as two,
        plane(tmp_path, one.url, two.url, TWO) as running,
    ):
        asking = asyncio.ensure_future(running.post("/v1/chat/completions", CHAT))
        await two.until(lambda: bool(two.requests))
        go.set()
        assert (await asking).status == 200
        assert told(running.outcome()) == [("first", "one", "ok"), ("hedge", "two", "lost")]


async def test_of_two_streams_the_caller_sees_one_to_the_byte(tmp_path):
    head = chunked_head(SSE)
    stalls = forever(expect(), send(head), until_closed())
    streams = forever(expect(), send(head + chunk(STREAM) + b"0\r\n\r\n"))
    async with (
        WireBackend([stalls]) as one,
        WireBackend([streams]) as two,
        plane(tmp_path, one.url, two.url, TWO) as running,
    ):
        answer = await running.post("/v1/chat/completions", {**CHAT, "stream": True})
        assert (answer.body, answer.is_whole) == (STREAM, True)
        assert told(running.outcome()) == [("first", "one", "lost"), ("hedge", "two", "ok")]


async def test_where_one_fails_the_other_is_waited_for(tmp_path):
    go = asyncio.Event()
    late = forever(expect(), wait_for(go), send(OK))
    async with (
        WireBackend([late]) as one,
        WireBackend([forever(expect(), send(FAILS))]) as two,
        plane(tmp_path, one.url, two.url, TWO) as running,
    ):
        asking = asyncio.ensure_future(running.post("/v1/chat/completions", CHAT))
        await two.until(lambda: bool(two.requests))
        await asyncio.sleep(0.02)
        go.set()
        assert (await asking).status == 200
        assert told(running.outcome())[0] == ("first", "one", "ok")


async def test_where_both_fail_the_caller_gets_the_error_and_every_attempt_is_written_down(tmp_path):
    go = asyncio.Event()
    late = forever(expect(), wait_for(go), send(FAILS))
    async with (
        WireBackend([late]) as one,
        WireBackend([forever(expect(), send(FAILS))]) as two,
        plane(tmp_path, one.url, two.url, TWO.replace("max_attempts = 4", "max_attempts = 2")) as running,
    ):
        asking = asyncio.ensure_future(running.post("/v1/chat/completions", CHAT))
        await two.until(lambda: bool(two.requests))
        go.set()
        assert (await asking).status in {500, 502, 503}
        results = told(running.outcome())
        assert results == [("first", "one", "upstream_error"), ("hedge", "two", "upstream_error")]


async def test_a_version_with_one_backend_asks_it_a_second_time(tmp_path):
    script = [[expect(), until_closed()], [expect(), send(OK)]]
    async with WireBackend(*script) as one, plane(tmp_path, one.url, config=ALONE) as running:
        assert (await running.post("/v1/chat/completions", CHAT)).status == 200
        assert told(running.outcome()) == [("first", "one", "lost"), ("hedge", "one", "ok")]


async def test_the_retry_budget_bounds_second_attempts(tmp_path):
    async with (
        WireBackend([SILENT]) as one,
        WireBackend([ANSWERS]) as two,
        plane(tmp_path, one.url, two.url, TWO) as running,
    ):
        budget = running.worker.gateway.in_force.budgets["assistant"]
        while budget.spend():
            pass
        asking = asyncio.ensure_future(running.post("/v1/chat/completions", CHAT))
        await asyncio.sleep(0.2)
        assert not two.requests
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_caller_who_leaves_ends_both(tmp_path):
    async with (
        WireBackend([SILENT]) as one,
        WireBackend([SILENT]) as two,
        plane(tmp_path, one.url, two.url, TWO) as running,
    ):
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
        await two.until(lambda: bool(two.requests))
        await caller.leave()
        await one.until(lambda: gone(one))
        await two.until(lambda: gone(two))
        await running.quiet()
        assert running.outcome().meta["end"] == "client_closed"
        assert [each.in_flight for each in running.worker.gateway.in_force.standings][:2] == [0, 0]


@pytest.mark.parametrize("path", ["/v1/files/file-1", "/v1/batches"])
async def test_what_may_have_an_effect_is_never_sent_twice(tmp_path, path):
    go = asyncio.Event()
    late = forever(expect(), wait_for(go), send(OK))
    config = TWO
    async with (
        WireBackend([late]) as one,
        WireBackend([ANSWERS]) as two,
        plane(tmp_path, one.url, two.url, config) as running,
    ):
        method, body = ("DELETE", b"") if "file" in path else ("POST", b'{"input_file_id":"f"}')
        asking = asyncio.ensure_future(running.ask(method, path, body))
        await asyncio.sleep(0.2)
        assert not two.requests
        assert len(one.requests) == 1
        go.set()
        assert (await asking).status == 200


async def test_with_a_percentile_nobody_is_hurried_before_enough_is_known(tmp_path):
    go = asyncio.Event()
    late = forever(expect(), wait_for(go), send(OK))
    config = TWO.replace('after = "60ms"', 'after = "p95", min_wait = "10ms"')
    async with (
        WireBackend([late]) as one,
        WireBackend([ANSWERS]) as two,
        plane(tmp_path, one.url, two.url, config) as running,
    ):
        asking = asyncio.ensure_future(running.post("/v1/chat/completions", CHAT))
        await asyncio.sleep(0.2)
        assert not two.requests
        assert len(one.requests) == 1
        go.set()
        assert (await asking).status == 200
        for _ in range(25):
            await running.post("/v1/chat/completions", CHAT)
        go.clear()
        assert (await running.post("/v1/chat/completions", CHAT)).status == 200
        assert two.requests
