"""A worker that takes a large configuration goes on serving meanwhile."""

import asyncio
import threading
from dataclasses import replace

import pytest
from tests.support.plane import plane
from tests.support.rows import OK, answering
from tests.support.wire_backend import WireBackend

from llmgateway.app import worker as app
from llmgateway.app.worker import take_snapshot

CHAT = {"model": "assistant", "messages": []}


async def test_the_file_is_read_in_a_thread_while_callers_are_served_by_the_old_one(tmp_path, monkeypatch):
    is_reading, go = threading.Event(), threading.Event()
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url) as running:
        before = running.worker.gateway.in_force

        def slow(text, generation, document):
            assert (text, generation, document) == ("text", 2, {"parsed": True})
            is_reading.set()
            assert go.wait(10)
            return replace(before.snapshot, generation=2)

        monkeypatch.setattr(app, "read_snapshot", slow)
        taking = asyncio.ensure_future(take_snapshot(running.worker, 2, "text", {"parsed": True}))
        while not is_reading.is_set():
            await asyncio.sleep(0.001)
        assert (await running.post("/v1/chat/completions", CHAT)).status == 200
        assert running.worker.generation == 1
        go.set()
        assert await taking is None
        assert running.worker.generation == 2
        assert running.worker.gateway.in_force.upstreams["one"].pool is before.upstreams["one"].pool
        assert (await running.post("/v1/chat/completions", CHAT)).status == 200
        assert [record.meta["generation"] for record in running.of_kind("admitted")] == [1, 2]


@pytest.mark.parametrize("text", ["no = toml = at all", "[routes]"])
async def test_what_does_not_hold_changes_nothing_and_says_why(tmp_path, text):
    async with WireBackend() as backend, plane(tmp_path, backend.url) as running:
        reason = await take_snapshot(running.worker, 2, text)
        assert reason is not None
        assert "config.toml" in reason
        assert running.worker.generation == 1
