"""An open realtime session: bytes both ways, who may end it and how, what is recorded, what is bounded."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from tests.support.plane import plane
from tests.support.rows import assert_idle
from tests.support.websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    closing,
    code_of,
    framed,
    hear,
    opened,
    say,
    say_close,
    session,
)
from tests.support.wire_backend import (
    WireBackend,
    finish,
    pause_reading,
    reset,
    resume_reading,
    send,
    send_bytewise,
    tell,
    until_closed,
    wait_for,
)

from llmgateway.dataplane import tunnel

CONFIG = """
[server.limits]
tunnel_message = "256KiB"
[server.timeouts]
drain = "200ms"
tunnel_idle = "10s"
[data]
dir = "{data}"
[backends.one]
provider = "openai"
base_url = "{one}/v1"
api_key = "sk-upstream-secret"
timeouts = { idle = "100ms", total = "200ms" }
[routes.assistant.versions.v1]
backends = ["one"]
model = "upstream-model"
[keys.app]
hash = "sha256:{hash}"
"""
PROMPT = 0.5  # seconds; the target is 0.2 (T13), on a machine with nothing else to do
DONE = {
    "type": "response.done",
    "response": {"id": "resp_1", "status": "completed", "usage": {"input_tokens": 5, "output_tokens": 7}},
}
CREATED = {"type": "session.created", "session": {"id": "sess_1", "model": "gpt-realtime"}}


@pytest.fixture(autouse=True)
def brisk(monkeypatch):
    """Who does not answer a close frame is not waited for as long as in earnest."""
    monkeypatch.setattr(tunnel, "CLOSE_S", 0.5)


def settled(running, **expected):
    """The session's one record, of status 101; every slot is given back."""
    record = running.outcome()
    assert {"status": 101, **expected}.items() <= record.meta.items(), record.meta
    assert_idle(running)
    assert running.worker.gateway.tunnels.taken == 0
    assert not running.worker.gateway.tunnels.open
    assert not any(running.worker.gateway.gauges.open_tunnels.values())
    return record


async def test_messages_go_both_ways_unaltered_and_the_session_is_recorded(tmp_path):
    heard: list = []
    fragments = framed(b"in ", is_masked=False, is_last=False) + framed(b"", PING, is_masked=False)
    script = [
        *opened(),
        say(CREATED),
        hear(heard),
        say(DONE),
        send(fragments + framed(b"two", 0, is_masked=False)),
        say(DONE),
        hear(heard, until=CLOSE),
        say_close(1000),
        until_closed(),
    ]
    async with WireBackend(script) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            assert await caller.receive() == (TEXT, json.dumps(CREATED).encode())
            caller.send({"type": "response.create"})
            got = [await caller.receive() for _ in range(5)]
            assert [kind for kind, _ in got] == [TEXT, TEXT, PING, 0, TEXT]
            caller.send(b"\x00\xff", BINARY)
            caller.send(b"", PONG)
            caller.close()
            assert await caller.until_closed() == ([], 1000)
            assert await caller.ended()
            await running.quiet()
            assert heard == [
                (TEXT, b'{"type": "response.create"}'),
                (BINARY, b"\x00\xff"),
                (PONG, b""),
                (CLOSE, b"\x03\xe8"),
            ]
            record = settled(running, end="completed", error_code=None, input_tokens=10, output_tokens=14)
            meta = record.meta
            assert (meta["response_id"], meta["response_model"]) == ("sess_1", "gpt-realtime")
            assert (meta["finish_reason"], meta["usage_estimated"]) == ("completed", False)
            assert meta["request_bytes"] == len(backend.connections[0].received) - len(backend.requests[0].raw)
            sent = [json.dumps(CREATED).encode(), *[json.dumps(DONE).encode()] * 2]
            assert meta["reply_bytes"] == sum(len(framed(each, is_masked=False)) for each in sent) + 5 + 2 + 5 + 4
            assert json.loads(record.blobs["reply"]) == {
                "object": "session",
                "messages_in": 2,
                "messages_out": 4,
                "closed": "closed by the caller with 1000",
                "responses": [DONE["response"]] * 2,
            }
            (attempt,) = meta["attempts"]
            assert (attempt["status"], attempt["result"]) == (101, "ok")
            assert attempt["total_s"] is not None


async def test_the_record_is_written_before_the_caller_hears_of_the_end(tmp_path):
    async with WireBackend([*opened(), say(DONE), say_close(1000), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            messages, code = await caller.until_closed()
            assert (len(messages), code) == (1, 1000)
            assert running.outcome().meta["output_tokens"] == 7  # although the caller has not answered yet
            caller.close()
            assert await caller.ended()


async def test_what_the_backend_says_in_the_breath_of_its_101_is_not_lost(tmp_path):
    said = framed(b"hello", is_masked=False) + closing(1000, is_masked=False)
    async with WireBackend([*opened(more=said)]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            assert await caller.until_closed() == ([b"hello"], 1000)
            await running.quiet()
            settled(running, end="completed")


@pytest.mark.parametrize("kind", [TEXT, BINARY])
async def test_frames_arrive_however_they_are_cut(tmp_path, kind):
    go = asyncio.Event()
    said = framed(b"a" * 300, kind, is_masked=False) + framed(b"b", kind, is_masked=False)
    async with WireBackend([*opened(), wait_for(go), send_bytewise(said), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            go.set()
            assert [await caller.receive() for _ in range(2)] == [(kind, b"a" * 300), (kind, b"b")]


async def test_the_backends_deadlines_for_replies_are_not_the_sessions(tmp_path):
    go = asyncio.Event()
    async with WireBackend([*opened(), wait_for(go), say(b"still here"), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            await asyncio.sleep(0.5)
            go.set()
            assert await caller.receive() == (TEXT, b"still here")


# --- ends ---

BY_BACKEND = {
    "normally": ([say_close(1000)], 1000, "completed", None),
    "going away": ([say_close(1001)], 1001, "completed", None),
    "with an error": ([say_close(1011)], 1011, "upstream_error", "upstream_error"),
    "with its own code": ([say_close(4003)], 4003, "upstream_error", "upstream_error"),
    "without a word": ([finish()], 1011, "truncated", "upstream_truncated"),
    "with a reset": ([reset()], 1011, "truncated", "upstream_truncated"),
    "in the middle of a frame": (
        [send(framed(b"half", is_masked=False)[:-2]), finish()],
        1011,
        "truncated",
        "upstream_truncated",
    ),
    "in the middle of a message": (
        [send(framed(b"part", is_masked=False, is_last=False)), finish()],
        1011,
        "truncated",
        "upstream_truncated",
    ),
    "in the middle of a long frame": (
        [send(framed(b"l" * 100_000, is_masked=False)[:-1]), finish()],
        None,
        "truncated",
        "upstream_truncated",
    ),
    "breaking the rules": ([send(framed(b"masked", is_masked=True))], 1011, "upstream_error", "upstream_protocol"),
    "using an extension": ([send(b"\xc1\x01x")], 1011, "upstream_error", "upstream_protocol"),
    "saying too much": ([send(framed(b"x" * 262_145, is_masked=False))], 1009, "upstream_error", "upstream_too_long"),
}


@pytest.mark.parametrize(("steps", "code", "end", "error"), BY_BACKEND.values(), ids=BY_BACKEND.keys())
async def test_a_backend_may_end_it(tmp_path, steps, code, end, error):
    go = asyncio.Event()
    async with WireBackend([*opened(), say(DONE), wait_for(go), *steps, until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            await caller.receive()
            go.set()
            messages, told = await caller.until_closed()
            assert told == code
            if error in {None, "upstream_error"} or code is None:
                assert messages == []
            elif b"part" in messages:
                assert messages == [b"part"]  # no other message may come between its frames
            else:
                event = json.loads(messages[-1])  # rule F: a fault is told
                assert (event["type"], event["error"]["code"]) == ("error", error)
            caller.close()
            await running.quiet()
            settled(running, end=end, error_code=error, output_tokens=7)


BY_CALLER = {
    "normally": ([closing(1000, is_masked=True)], "completed", None, 1000),
    "without a code": ([framed(b"", CLOSE, is_masked=True)], "completed", None, None),
    "with its own code": ([closing(4999, is_masked=True)], "client_closed", "client_closed", 4999),
    "breaking the rules": ([framed(b"unmasked", is_masked=False)], "refused", "bad_request", 1001),
    "saying too much": ([framed(b"x" * 262_145, is_masked=True)], "refused", "payload_too_large", 1009),
    "a message of many frames that is too long": (
        [framed(b"x" * 200_000, is_masked=True, is_last=False), framed(b"x" * 62_145, 0, is_masked=True)],
        "refused",
        "payload_too_large",
        1009,
    ),
}


@pytest.mark.parametrize(("sent", "end", "error", "code"), BY_CALLER.values(), ids=BY_CALLER.keys())
async def test_a_caller_may_end_it(tmp_path, sent, end, error, code):
    heard: list = []
    async with WireBackend(
        [*opened(), say(DONE), hear(heard, until=CLOSE), say_close(1000), until_closed()]
    ) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            await caller.receive()
            for piece in sent:
                caller.writer.write(piece)
            messages, told = await caller.until_closed()
            assert told == {"bad_request": 1002, "payload_too_large": 1009}.get(error, 1000)
            if end == "refused":
                assert json.loads(messages[-1])["error"]["code"] == error
            assert await caller.ended()
            await running.quiet()
            assert heard[-1][0] == CLOSE
            assert code_of(heard[-1][1]) == code
            assert not any(len(payload) > 200_000 for _, payload in heard)
            settled(running, end=end, error_code=error, output_tokens=7)


async def test_nothing_follows_a_callers_close_frame(tmp_path):
    heard: list = []
    async with WireBackend([*opened(), hear(heard, until=CLOSE), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            caller.close()
            await backend.connections[0].until(lambda: bool(heard))
            caller.send(b"one more thing")
            caller.close(1001)
            assert (await caller.until_closed())[1] == 1000
            assert backend.connections[0].unread == b""


async def test_a_backend_that_does_not_answer_a_close_frame_is_not_waited_for(tmp_path):
    async with WireBackend([*opened(), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            caller.close(1000)
            before = time.monotonic()
            assert await caller.until_closed() == ([], 1000)
            assert time.monotonic() - before < 10
            await running.quiet()
            settled(running, end="completed", error_code=None)


async def test_a_caller_that_does_not_answer_a_close_frame_is_not_waited_for(tmp_path):
    async with WireBackend([*opened(), say_close(1000), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            assert await caller.until_closed() == ([], 1000)
            assert await caller.ended()
            await running.quiet()
            settled(running, end="completed")


async def test_when_the_caller_leaves_the_backend_is_left_at_once(tmp_path):
    async with WireBackend([*opened(), say(DONE), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            await caller.receive()
            wire, before = backend.connections[0], time.monotonic()
            await caller.leave()
            await wire.until(lambda: wire.left_at is not None)
            assert wire.left_at - before < PROMPT
            await running.quiet()
            settled(running, end="client_closed", error_code="client_closed", output_tokens=7)


async def test_when_the_backend_dies_the_caller_is_told_at_once(tmp_path):
    go = asyncio.Event()
    async with WireBackend([*opened(), wait_for(go), reset()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            before = time.monotonic()
            go.set()
            assert (await caller.until_closed())[1] == 1011
            assert time.monotonic() - before < PROMPT


async def test_a_caller_that_leaves_after_its_close_frame_has_ended_in_good_order(tmp_path):
    async with WireBackend([*opened(), say(DONE), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            await caller.receive()
            caller.close(1001)
            async with asyncio.timeout(5):
                while (
                    closing(1001, is_masked=False)[2:] not in bytes(backend.connections[0].received)[-2:]
                    and not backend.connections[0].unread
                ):
                    await asyncio.sleep(0.001)
            await caller.leave()
            await running.quiet()
            settled(running, end="completed", error_code=None)


# --- deadlines ---


@pytest.mark.parametrize("setting", ["tunnel_idle", "tunnel_total"])
async def test_a_session_has_its_deadlines(tmp_path, setting):
    heard: list = []
    config = CONFIG.replace('tunnel_idle = "10s"', f'{setting} = "400ms"')
    async with WireBackend(
        [*opened(), say(DONE), hear(heard, until=CLOSE), say_close(1001), until_closed()]
    ) as backend:
        async with plane(tmp_path, backend.url, config=config) as running:
            caller = await session(running)
            await caller.receive()
            if setting == "tunnel_total":  # talking does not help
                for _ in range(3):
                    await asyncio.sleep(0.1)
                    caller.send(b"", PING)
            messages, code = await caller.until_closed()
            error = "tunnel_idle" if setting == "tunnel_idle" else "tunnel_expired"
            assert (json.loads(messages[-1])["error"]["code"], code) == (error, 1001)
            caller.close()
            assert await caller.ended()
            await running.quiet()
            assert code_of(heard[-1][1]) == 1001
            settled(running, end="timeout", error_code=error, output_tokens=7)


@pytest.mark.parametrize("who", ["caller", "backend"])
async def test_whoever_talks_or_pings_keeps_a_session_alive(tmp_path, who):
    config = CONFIG.replace('tunnel_idle = "10s"', 'tunnel_idle = "400ms"')

    async def ping(wire) -> None:
        for _ in range(8):
            wire.transport.write(framed(b"", PING, is_masked=False))
            await asyncio.sleep(0.1)

    async with WireBackend([*opened(), *([ping] if who == "backend" else []), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=config) as running:
            caller = await session(running)
            for _ in range(8):
                if who == "caller":
                    caller.send(b"", PING)
                await asyncio.sleep(0.1)
            assert len(running.worker.gateway.tunnels.open) == 1


async def test_a_drain_lets_sessions_go_on_until_its_deadline_and_closes_them(tmp_path):
    heard: list = []
    async with WireBackend(
        [*opened(), say(DONE), hear(heard, until=CLOSE), say_close(1001), until_closed()]
    ) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            await caller.receive()
            draining = asyncio.create_task(running.worker.drain())
            await asyncio.sleep(0.3)
            caller.send(b"still talking")
            messages, code = await caller.until_closed()
            assert (json.loads(messages[-1])["error"]["code"], code) == ("draining", 1001)
            caller.close()
            await draining
            assert heard[0] == (TEXT, b"still talking")
            assert code_of(heard[-1][1]) == 1001
            settled(running, end="completed", error_code="draining", output_tokens=7)


@pytest.mark.parametrize("closes", ["caller", "backend"])
async def test_a_drain_cuts_the_wait_for_an_answer_short(tmp_path, monkeypatch, closes):
    monkeypatch.setattr(tunnel, "CLOSE_S", 20.0)
    closing_too = [say_close(1000)] if closes == "backend" else []
    async with WireBackend([*opened(), *closing_too, until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            if closes == "caller":
                caller.close()
                await backend.connections[0].until(lambda: bool(backend.connections[0].unread))
            before = time.monotonic()
            await running.worker.drain()
            assert time.monotonic() - before < 0.25 + 0.2 + 1.2 + 10
            assert await caller.until_closed() == ([], 1000)
            settled(running, end="completed", error_code=None)


async def test_a_drain_waits_for_nobody_who_does_not_answer(tmp_path):
    async with WireBackend([*opened(), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            before = time.monotonic()
            await running.worker.drain()
            assert time.monotonic() - before < 0.25 + 0.2 + 1.2 + 10
            assert (await caller.until_closed())[1] == 1001
            settled(running, end="completed", error_code="draining")


# --- who reads slowly is read slowly from ---


def kernel_room() -> int:
    """What the sockets of both connections may take in: the kernel lets their buffers grow while bytes flow."""
    limits = (Path(f"/proc/sys/net/ipv4/tcp_{name}") for name in ("rmem", "wmem"))
    most = (int(limit.read_text().split()[-1]) for limit in limits if limit.exists())
    return max(24 * 1024 * 1024, 2 * sum(most))


KERNEL = kernel_room()


async def test_a_caller_that_does_not_read_stops_the_backend_within_bounds(tmp_path):
    sent = 0
    piece = framed(b"x" * 50_000, is_masked=False)
    stop = asyncio.Event()

    async def pour(wire) -> None:
        nonlocal sent
        while wire.left_at is None and not stop.is_set() and sent < 200 * 1024 * 1024:
            if wire.transport.get_write_buffer_size() < 1_000_000:
                wire.transport.write(piece)
                sent += len(piece)
            await asyncio.sleep(0)

    async with WireBackend([*opened(), pour, until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            caller.writer.transport.pause_reading()
            before = -1
            async with asyncio.timeout(20):
                while sent != before:
                    before = sent
                    await asyncio.sleep(0.3)
            assert sent < KERNEL + 2_000_000
            (connection,) = list(running.worker.http._service.census)
            assert connection._transport.get_write_buffer_size() < 512 * 1024
            stop.set()
            caller.writer.transport.resume_reading()
            caller.close()
            received = 0
            while (found := await caller.receive()) is not None and found[0] != CLOSE:
                received += 1
            assert received == sent // len(piece)
            await running.quiet()
            settled(running, end="completed")


async def test_a_caller_that_reads_nothing_for_too_long_is_dropped(tmp_path):
    async def pour(wire) -> None:
        while wire.left_at is None:
            if wire.transport.get_write_buffer_size() < 1_000_000:
                wire.transport.write(framed(b"x" * 50_000, is_masked=False))
            await asyncio.sleep(0)

    config = CONFIG.replace('drain = "200ms"', 'drain = "200ms"\nwrite_stall = "500ms"')
    async with WireBackend([*opened(), pour]) as backend:
        async with plane(tmp_path, backend.url, config=config) as running:
            caller = await session(running)
            caller.writer.transport.pause_reading()
            await running.quiet()
            settled(running, end="client_stalled", error_code="client_stalled")


async def test_a_backend_that_does_not_read_stops_the_caller_within_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(tunnel, "CLOSE_S", 20.0)  # it has a lot to read before it comes to the close frame
    heard: list = []
    paused, go = asyncio.Event(), asyncio.Event()
    script = [
        *opened(),
        pause_reading(),
        tell(paused),
        wait_for(go),
        resume_reading(),
        hear(heard, until=CLOSE),
        say_close(1000),
    ]
    async with WireBackend([*script, until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            await paused.wait()
            piece = framed(b"y" * 50_000, is_masked=True)
            sent, before = 0, -1
            async with asyncio.timeout(20):
                while sent != before:
                    before = sent
                    while caller.writer.transport.get_write_buffer_size() < 1_000_000 and sent < 200 * 1024 * 1024:
                        caller.writer.write(piece)
                        sent += len(piece)
                        await asyncio.sleep(0)
                    await asyncio.sleep(0.3)
            assert sent < KERNEL + 2_000_000
            (open_one,) = running.worker.gateway.tunnels.open
            assert open_one._connection._transport.get_write_buffer_size() < 256 * 1024
            (connection,) = list(running.worker.http._service.census)
            assert len(connection._backlog) - connection._at <= 512 * 1024
            go.set()
            caller.close()
            await caller.until_closed()
            assert len(heard) - 1 == sent // len(piece)
            await running.quiet()
            settled(running, end="completed")
