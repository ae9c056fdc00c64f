"""Shadows that misbehave, and the bounds that hold: whatever happens over there, callers see nothing of it."""

import asyncio
import json
import logging

import pytest
from tests.support.rows import BODY, JSON, NOBODY, OK, SSE, STREAM, answering, blackhole, delta, streamed
from tests.support.shadowing import shadowed
from tests.support.wire_backend import (
    chunk,
    chunked_head,
    expect,
    forever,
    reply,
    reset,
    send,
    send_bytewise,
    until_closed,
)  # fmt: skip

from llmgateway.dataplane import collect, shadow
from llmgateway.domain.errors import GatewayError
from llmgateway.limits.ladder import Step

CHAT = {"model": "assistant", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = CHAT | {"stream": True}
GARBAGE = b"\x16\x03\x01\x02\x00 this is no HTTP \r\n\r\n"


async def pour(wire):
    """Send content for as long as the other side takes it."""
    piece = chunk(delta("x" * 1000) * 16)
    wire.transport.write(chunked_head(SSE))
    while wire.left_at is None:
        wire.transport.write(piece)
        await asyncio.sleep(0.001 if wire.transport.get_write_buffer_size() < 1_000_000 else 0.02)


HOSTILE = {
    "dead": NOBODY,
    "rst": [[expect(), reset()]],
    "silent": [[until_closed()]],
    "garbage": [[expect(), send(GARBAGE)]],
    "hangs up": [[]],
    "half an answer": [[expect(), send(OK[:-9])]],
    "500": [answering(reply(b"{}", status="500 Internal Server Error", headers=JSON))],
    "429 for an hour": [answering(reply(b"{}", status="429 Too Many Requests", headers=[*JSON, ("retry-after", "3600")]))],
    "redirect": [answering(reply(status="302 Found", headers=[("location", "http://127.0.0.1:1/")]))],
    "not json": [answering(reply(b"<html>" * 100, headers=JSON))],
    "bad encoding": [answering(reply(b"\x1f\x8b junk", headers=[*JSON, ("content-encoding", "gzip")]))],
    "tiny lines": [[expect(), send(chunked_head(SSE) + chunk(b":\n" * 200_000)), until_closed()]],
    "endless stream": [[expect(), pour]],
    "byte by byte": [[expect(), send_bytewise(streamed(STREAM), 0.0005)]],
    "stream cut": [[expect(), send(chunked_head(SSE) + chunk(delta("hel"))), reset()]],
    "stream with an error": [answering(streamed(delta("hel"), b'data: {"error":{"message":"no"}}\n\n'))],
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
async def test_no_shadow_breaks_a_primary(tmp_path, kind):
    one = [forever(expect(), send(OK), expect(), send(streamed(STREAM)))]
    async with shadowed(tmp_path, [one], HOSTILE[kind], "max_concurrent = 3") as it:
        caller = await it.plane.connect()
        for _ in range(4):
            caller.send("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
            whole = await asyncio.wait_for(caller.receive(), 10)
            caller.wire.start_next_cycle()
            caller.send("POST", "/v1/chat/completions", json.dumps(STREAMED).encode())
            parts = await asyncio.wait_for(caller.receive(), 10)
            caller.wire.start_next_cycle()
            assert (whole.status, whole.body, parts.body, parts.is_whole) == (200, BODY, STREAM, True)
            assert it.shadows <= 3
        await it.plane.worker._shadows.close()
        await it.plane.quiet()
        primaries, copies = it.exchanges()
    assert {each["end"] for each in primaries} == {"completed"}
    assert {len(each["attempts"]) for each in primaries} == {1}
    assert (1 if kind == "429 for an hour" else 3) <= len(copies) <= 8  # who asks for a pause gets it
    assert all(len(each["attempts"]) <= 1 for each in copies)  # it has no retry, whatever is asked of it


@pytest.mark.parametrize(
    ("kind", "status", "end", "code"),
    [
        ("dead", 502, "upstream_error", "upstream_unreachable"),
        ("500", 502, "upstream_error", "upstream_error"),
        ("429 for an hour", 429, "upstream_error", "upstream_rate_limited"),
        ("half an answer", 502, "truncated", "upstream_truncated"),
        ("garbage", 502, "upstream_error", "upstream_protocol"),
    ],
)
async def test_what_befell_the_shadow_is_in_its_record(tmp_path, kind, status, end, code):
    async with shadowed(tmp_path, [answering(OK)], HOSTILE[kind]) as it:
        await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        primary, copy = it.pair()
    assert (copy["status"], copy["end"], copy["error_code"]) == (status, end, code)
    assert (primary["status"], primary["end"], primary["error_code"]) == (200, "completed", None)


async def test_a_refusal_of_the_shadows_model_is_its_answer(tmp_path):
    refusal = reply(b'{"error":{"message":"no such parameter"}}', status="400 Bad Request", headers=JSON)
    async with shadowed(tmp_path, [answering(OK)], [answering(refusal)]) as it:
        answer = await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        assert answer.status == 200
        _, copy = it.pair()
    assert (copy["status"], copy["end"]) == (400, "completed")


async def test_a_shadow_counts_in_no_retry_budget_of_its_route(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], HOSTILE["500"]) as it:
        for _ in range(3):
            await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        budget = it.plane.worker.gateway.in_force.budgets["assistant"]
        assert (sum(budget._requests), sum(budget._extra)) == (3, 0)
        standings = it.plane.worker.gateway.in_force.standings
        assert [standings[name].record.consecutive for name in ("one", "two")] == [0, 0]  # copies are no evidence
        assert [standings[name].in_flight for name in ("one", "two")] == [0, 0]


async def test_an_endless_stream_is_read_slowly_and_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "FREE_BYTES", 64 * 1024)
    monkeypatch.setattr(collect, "BURST_S", 0.0)
    monkeypatch.setattr(collect, "MAX_STREAM", 512 * 1024)
    async with shadowed(tmp_path, [answering(streamed(STREAM))], HOSTILE["endless stream"]) as it:
        began = asyncio.get_running_loop().time()
        assert (await it.plane.post("/v1/chat/completions", STREAMED)).body == STREAM
        await it.still()
        took = asyncio.get_running_loop().time() - began
        _, copy = it.pair()
    assert took > 0.5  # what is above the free bytes takes its time
    assert (copy["end"], copy["error_code"]) == ("upstream_error", "upstream_protocol")
    assert copy["reply_bytes"] < 1024 * 1024


async def test_a_slow_reader_goes_on_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "FREE_BYTES", 32 * 1024)
    monkeypatch.setattr(collect, "BURST_S", 0.0)
    monkeypatch.setattr(collect, "SHARED_BYTES_S", 1024 * 1024)
    long = b"".join(delta("x" * 1000) for _ in range(300)) + STREAM
    async with shadowed(tmp_path, [answering(streamed(STREAM))], [answering(streamed(long))]) as it:
        await it.plane.post("/v1/chat/completions", STREAMED)
        await it.still()
        _, copy = it.pair()
        assert (copy["end"], copy["finish_reason"]) == ("completed", "stop")
        assert copy["reply_bytes"] == len(long)
        await it.plane.post("/v1/chat/completions", STREAMED)
        await it.still()
        assert len(it.two.connections) == 1  # the connection is as good as before


async def test_above_max_concurrent_copies_are_left_out_and_counted(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], HOSTILE["silent"], "max_concurrent = 2") as it:
        for _ in range(5):
            await it.plane.post("/v1/chat/completions", CHAT)
        assert it.shadows == 2
        assert it.plane.worker.gateway.gauges.shadows["assistant"] == 2
        assert it.plane.worker.gateway.gauges.in_flight["assistant"] == 0
        await it.plane.worker._shadows.close()
        primaries, copies = it.exchanges()
    assert [each.get("shadow_left_out") for each in primaries] == [None, None, *["concurrency"] * 3]
    assert len(copies) == 2


async def test_above_the_budget_copies_are_left_out_and_counted(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [answering(OK)], "max_per_minute = 3") as it:
        for _ in range(5):
            await it.plane.post("/v1/chat/completions", CHAT)
            await it.still()
        primaries, _ = it.exchanges()
        assert [each.get("shadow_left_out") for each in primaries] == [None, None, None, "budget", "budget"]
        assert len(it.two.requests) == 3


async def test_the_bodies_that_copies_hold_have_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("llmgateway.routing.shadow.MAX_HELD_BYTES", 3_000)
    large = CHAT | {"user": "u" * 2_000}
    async with shadowed(tmp_path, [answering(OK)], HOSTILE["silent"]) as it:
        for _ in range(2):
            await it.plane.post("/v1/chat/completions", large)
        settled = it.plane.of_kind("settled")
        assert [each.meta.get("shadow_left_out") for each in settled] == [None, "memory"]
        await it.plane.worker._shadows.close()
        assert it.plane.worker._shadows._held_bytes == 0


async def test_uploads_and_what_has_effects_are_never_copied(tmp_path):
    form = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nassistant\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nxx\r\n--b--\r\n'
    async with shadowed(tmp_path, [answering(OK)], [answering(OK)]) as it:
        multipart = {"content-type": "multipart/form-data; boundary=b"}
        assert (await it.plane.ask("POST", "/v1/audio/transcriptions", form, multipart)).status == 200
        assert (await it.plane.ask("POST", "/v1/files", form, multipart)).status == 200
        assert (await it.plane.post("/v1/batches", {"input_file_id": "f"})).status == 200
        assert (await it.plane.ask("GET", "/v1/files/f-1")).status == 200
        await it.still()
        primaries, copies = it.exchanges()
        assert it.two.connections == []
    assert copies == []
    assert [each["shadow_left_out"] for each in primaries] == ["upload", "stateful", "stateful", "stateful"]


@pytest.mark.parametrize("kind", ["silent", "endless stream", "dialling"])
async def test_a_drain_cuts_copies_short_at_once_and_writes_it_down(tmp_path, kind):
    one = [forever(expect(), send(streamed(STREAM)))]
    with blackhole() as nowhere:
        two = nowhere if kind == "dialling" else HOSTILE[kind]
        async with shadowed(tmp_path, [one], two) as it:
            await it.plane.post("/v1/chat/completions", STREAMED)
            await it.plane.quiet()
            assert it.shadows == 1
            began = asyncio.get_running_loop().time()
            await asyncio.wait_for(it.plane.worker.drain(), 10)
            assert it.shadows == 0
            assert asyncio.get_running_loop().time() - began < 10
            _, copy = it.pair()
    assert (copy["end"], copy["status"]) == ("interrupted", 0)


async def test_while_a_worker_drains_nothing_is_copied(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], HOSTILE["silent"]) as it:
        it.plane.worker.gateway.is_draining = True
        await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        (primary,), copies = it.exchanges()
    assert (primary["shadow_left_out"], copies) == ("draining", [])


async def test_while_a_worker_is_overloaded_nothing_is_copied(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], HOSTILE["silent"]) as it:
        for task in it.plane.worker._tasks:
            task.cancel()  # or the next look would find that all is well
        it.plane.worker.gateway.overload.step = Step.CLOSE
        assert (await it.plane.post("/v1/chat/completions", CHAT)).status == 200
        await it.still()
        (primary,), copies = it.exchanges()
    assert (primary["shadow_left_out"], copies) == ("overloaded", [])


async def test_a_copy_cut_short_before_its_first_step_is_settled_all_the_same(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], HOSTILE["silent"]) as it:
        shadows = it.plane.worker._shadows
        run = shadows._run

        def run_and_cancel(*args):
            run(*args)
            for task in shadows._running:
                task.cancel()

        type(shadows)._run, kept = lambda _, *args: run_and_cancel(*args), type(shadows)._run
        try:
            await it.plane.post("/v1/chat/completions", CHAT)
            await it.still()
        finally:
            type(shadows)._run = kept
        _, copy = it.pair()
        assert it.plane.worker._shadows._held_bytes == 0
    assert (copy["end"], copy["attempts"]) == ("interrupted", [])


async def test_what_can_not_be_written_down_is_not_sent(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [answering(OK)]) as it:
        journal = it.plane.worker.gateway.journal

        class FullForCopies:
            def append(self, buffers, *, may_use_reserve):
                if b'"shadow_of":"' in b"".join(buffers):
                    raise GatewayError("log_store_full")
                return journal.append(buffers, may_use_reserve=may_use_reserve)

        it.plane.worker.gateway.journal = FullForCopies()
        answer = await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        (primary,), copies = it.exchanges()
        assert it.two.connections == []
    assert (answer.status, copies, primary["shadow_left_out"]) == (200, [], "log_full")


@pytest.mark.parametrize("where", ["verdict", "attempt"])
async def test_a_defect_of_ours_stays_with_the_copy(tmp_path, monkeypatch, caplog, where):
    def broken(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr(shadow, where, broken)
    caplog.set_level(logging.ERROR)
    async with shadowed(tmp_path, [answering(OK)], [answering(OK)]) as it:
        answer = await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        primaries, copies = it.exchanges()
    assert (answer.status, len(primaries)) == (200, 1)
    assert [each["end"] for each in copies] == (["gateway_error"] if where == "attempt" else [])
    assert "shadow" in caplog.text


async def test_with_durability_disk_the_copys_record_is_on_the_disk_first(tmp_path):
    async with shadowed(tmp_path, [answering(OK)], [answering(OK)], journal_settings='durability = "disk"') as it:
        answer = await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        assert answer.status == 200
        await it.plane.worker.close()
        _, copy = it.pair()
    assert copy["end"] == "completed"


async def test_a_reload_keeps_the_bounds_and_takes_the_new_ones(tmp_path):
    from tests.support.plane import KEY_HASH
    from tests.support.shadowing import config_of

    from llmgateway.config.loader import load

    async with shadowed(tmp_path, [answering(OK)], [answering(OK)], "max_per_minute = 2") as it:
        for _ in range(2):
            await it.plane.post("/v1/chat/completions", CHAT)
        text = config_of("max_per_minute = 3").replace("{data}", str(tmp_path)).replace("{hash}", KEY_HASH)
        text = text.replace("{one}", it.one.url).replace("{two}", it.two.url)
        it.plane.worker.put_in_force(load(text, providers=("openai", "anthropic"), generation=2, environ={}))
        for _ in range(2):
            await it.plane.post("/v1/chat/completions", CHAT)
        await it.still()
        primaries, _ = it.exchanges()
    assert [each.get("shadow_left_out") for each in primaries] == [None, None, None, "budget"]
