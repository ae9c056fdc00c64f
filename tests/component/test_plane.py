"""The data plane around the story: TLS, browsers, reloads, draining, splits, and serving without a log."""

import asyncio
import json
import socket
import ssl
from collections import Counter
from dataclasses import replace
from hashlib import sha256

import pytest
import trustme
import uvloop
from tests.component.test_pipeline import CHAT, OK, SSE, STREAM, delta
from tests.support.plane import CONFIG, KEY, Plane, plane
from tests.support.wire_backend import WireBackend, chunk, chunked_head, expect, forever, reply, send, wait_for

from llmgateway.config.snapshot import Cors, Key, Tls
from llmgateway.dataplane import worker as dataplane_worker
from llmgateway.dataplane.worker import tls_context
from llmgateway.domain.errors import GatewayError

SPLIT = CONFIG.replace(
    "[routes.resilient]",
    """[routes.split]
sticky = "user"
[routes.split.versions.a]
backends = ["one"]
model = "a"
weight = 80
[routes.split.versions.b]
backends = ["one"]
model = "b"
weight = 20
[routes.resilient]""",
)


def reconfigure(running: Plane, **server) -> None:
    """Put a snapshot with other server settings in force."""
    snapshot = running.worker.gateway.in_force.snapshot
    changed = replace(snapshot, generation=snapshot.generation + 1, server=replace(snapshot.server, **server))
    running.worker.put_in_force(changed)


async def test_a_listener_with_a_certificate_speaks_tls_and_nothing_else(tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    config = CONFIG + f'[server]\ntls = {{ cert = "{tmp_path}/cert.pem", key = "{tmp_path}/cert.pem" }}\n'
    async with (
        WireBackend([forever(expect(), send(OK))]) as backend,
        plane(tmp_path, backend.url, config=config) as running,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=trust)
        body = json.dumps(CHAT).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
        writer.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()
        await writer.wait_closed()
        plain_reader, plain_writer = await asyncio.open_connection("127.0.0.1", running.port)
        plain_writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in await asyncio.wait_for(plain_reader.read(), 5)
        plain_writer.close()


def test_old_tls_versions_are_off(tmp_path):
    trustme.CA().issue_cert("x").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    from llmgateway.config.snapshot import Server, Snapshot

    snapshot = Snapshot(1, server=Server(tls=Tls(str(tmp_path / "cert.pem"), str(tmp_path / "cert.pem"))))
    assert tls_context(snapshot).minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls_context(Snapshot(1)) is None


async def test_browsers_may_call_only_from_origins_that_are_named(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
        off = await running.ask("OPTIONS", "/v1/chat/completions", headers=asked)
        assert (off.status, "access-control-allow-origin" in off.headers) == (405, False)
        reconfigure(running, cors=Cors(origins=("https://app.example",)))
        on = await running.ask("OPTIONS", "/v1/chat/completions", headers=asked)
        assert (on.status, on.headers["access-control-allow-origin"]) == (204, "https://app.example")
        assert "authorization" in on.headers["access-control-allow-headers"]
        foreign = await running.ask("OPTIONS", "/v1/models", headers={"origin": "https://evil.example"})
        assert (foreign.status, "access-control-allow-origin" in foreign.headers) == (405, False)
        answer = await running.post("/v1/chat/completions", CHAT, {"origin": "https://app.example"})
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        refused = await running.post("/v1/chat/completions", {}, {"origin": "https://app.example"})
        assert refused.headers["access-control-allow-origin"] == "https://app.example"


async def test_a_stream_goes_on_with_the_snapshot_it_began_with(tmp_path):
    more = asyncio.Event()
    script = [expect(), send(chunked_head(SSE) + chunk(delta("a"))), wait_for(more), send(chunk(STREAM) + chunk(b""))]
    async with WireBackend(script) as backend, plane(tmp_path, backend.url) as running:
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}).encode())
        await caller.receive(until=delta("a"))
        snapshot = running.worker.gateway.in_force.snapshot
        running.worker.put_in_force(replace(snapshot, generation=2, backends={}, routes={}))
        assert (await running.post("/v1/chat/completions", CHAT)).json()["error"]["code"] == "model_not_found"
        more.set()
        assert (await caller.receive()).is_whole
        assert running.of_kind("settled")[0].meta["end"] == "completed"
        assert running.of_kind("admitted")[0].meta["generation"] == 1


async def test_a_key_taken_out_is_refused_from_the_next_request_on(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        assert (await running.post("/v1/chat/completions", CHAT)).status == 200
        other = Key("other", sha256(b"other").digest())
        snapshot = running.worker.gateway.in_force.snapshot
        running.worker.put_in_force(replace(snapshot, generation=2, keys={other.digest: other}))
        assert (await running.post("/v1/chat/completions", CHAT)).status == 401


async def test_a_reload_keeps_the_connections_of_backends_that_stay(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        await running.post("/v1/chat/completions", CHAT)
        reconfigure(running, max_headers=50)
        await running.post("/v1/chat/completions", CHAT)
        assert len(backend.connections) == 1


async def test_draining_finishes_what_runs_and_says_so(tmp_path):
    more = asyncio.Event()
    script = [expect(), send(chunked_head(SSE) + chunk(delta("a"))), wait_for(more), send(chunk(STREAM) + chunk(b""))]
    async with WireBackend(script) as backend, plane(tmp_path, backend.url) as running:
        assert (await running.ask("GET", "/readyz")).status == 200
        caller, idle = await running.connect(), await running.connect()
        idle.send("GET", "/livez")
        await idle.receive()
        caller.send("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}).encode())
        await caller.receive(until=delta("a"))
        reconfigure(running, pre_stop_s=30.0)
        draining = asyncio.ensure_future(running.worker.drain(asyncio.Event()))
        await asyncio.sleep(0)
        assert (await running.ask("GET", "/readyz")).body == b"draining\n"
        assert (await running.ask("GET", "/livez")).status == 200
        draining.cancel()
        reconfigure(running, pre_stop_s=0.0)
        draining = asyncio.ensure_future(running.worker.drain(asyncio.Event()))
        assert (await idle.receive()).status == 0  # closed
        more.set()
        assert (await caller.receive()).is_whole
        await asyncio.wait_for(draining, 5)
        with pytest.raises(OSError):
            await running.connect()


async def test_callers_stay_with_their_version_and_the_weights_are_met(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend:
        async with plane(tmp_path, backend.url, config=SPLIT) as running:
            caller = await running.connect()
            seen: dict[str, set[str]] = {}
            for number in range(600):
                user = f"user-{number % 200}"
                caller.send(
                    "POST", "/v1/chat/completions", json.dumps({**CHAT, "model": "split", "user": user}).encode()
                )
                answer = await caller.receive()
                caller.wire.start_next_cycle()
                seen.setdefault(user, set()).add(answer.headers["x-llmgateway-version"])
            assert all(len(versions) == 1 for versions in seen.values())
            counts = Counter(version for versions in seen.values() for version in versions)
            assert abs(counts["b"] - 40) < 3 * (200 * 0.2 * 0.8) ** 0.5
            assert {record.meta["probability"] for record in running.of_kind("admitted")} == {0.8, 0.2}


async def test_a_backend_that_asks_for_a_pause_is_asked_again_after_it(tmp_path):
    busy = reply(b"{}", status="429 Slow", headers=[("retry-after-ms", "20")])
    async with (
        WireBackend([expect(), send(busy), expect(), send(OK)]) as backend,
        plane(tmp_path, backend.url) as running,
    ):
        answer = await running.post("/v1/chat/completions", CHAT)
        assert answer.status == 200
        attempts = running.outcome().meta["attempts"]
        assert [attempt["result"] for attempt in attempts] == ["upstream_rate_limited", "ok"]
        assert attempts[1]["offset_s"] - attempts[0]["offset_s"] >= 0.02


async def test_the_caller_behind_a_trusted_proxy_is_known_by_its_own_address(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        await running.post("/v1/chat/completions", CHAT, {"x-forwarded-for": "203.0.113.9"})
        reconfigure(running, trusted_proxies=("127.0.0.0/8",))
        await running.post("/v1/chat/completions", CHAT, {"x-forwarded-for": "6.6.6.6, 203.0.113.9"})
        assert [record.meta["peer"] for record in running.of_kind("admitted")] == ["127.0.0.1", "203.0.113.9"]


async def test_an_operator_may_choose_to_serve_without_a_log_and_it_is_counted(tmp_path):
    class Full:
        is_full = True

        def append(self, buffers, *, may_use_reserve=False):
            raise GatewayError("log_store_full")

    config = CONFIG + "[journal]\nserve_unlogged = true\n"
    async with WireBackend([forever(expect(), send(OK))]) as backend:
        async with plane(tmp_path, backend.url, config=config, journal=Full()) as running:
            assert (await running.post("/v1/chat/completions", CHAT)).status == 200
            assert running.worker.gateway.gauges.unlogged == 1


async def test_what_is_in_flight_goes_back_to_nothing(tmp_path):
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        for body in (CHAT, {"model": "nope"}, {**CHAT, "stream": True}):
            await running.post("/v1/chat/completions", body)
        await running.quiet()
        gauges = running.worker.gateway.gauges
        assert set(gauges.in_flight.values()) | set(gauges.open_streams.values()) <= {0}
        assert {standing.in_flight for standing in running.worker.gateway.in_force.standings} == {0}


async def test_a_drain_answers_whoever_comes_on_a_kept_connection_and_closes_it_politely(tmp_path):
    """A connection closed at the very moment its caller uses it is a request lost: who used it lately will again."""
    async with WireBackend([forever(expect(), send(OK))]) as backend, plane(tmp_path, backend.url) as running:
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
        assert (await caller.receive()).status == 200
        caller.wire.start_next_cycle()
        drained = asyncio.create_task(running.worker.drain())
        await asyncio.sleep(0.4)
        assert not drained.done()
        caller.send("POST", "/v1/chat/completions", json.dumps(CHAT).encode())
        last = await caller.receive()
        assert (last.status, last.headers["connection"]) == (200, "close")
        await asyncio.wait_for(drained, 10)  # nobody is left to wait for


async def test_a_drain_waits_for_no_idle_connection_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(dataplane_worker, "KEPT_S", 0.1)
    async with WireBackend([]) as backend, plane(tmp_path, backend.url) as running:
        await running.connect()
        await asyncio.wait_for(running.worker.drain(), 0.25 + 0.1 + 0.5)


async def test_a_drain_with_nobody_there_is_over_at_once(tmp_path):
    async with WireBackend([]) as backend, plane(tmp_path, backend.url) as running:
        await asyncio.wait_for(running.worker.drain(), 0.5)


def test_a_burst_of_callers_is_taken_in_several_a_turn_of_the_loop(tmp_path):
    """libuv takes in one connection a turn: where a turn takes long, thousands would wait for seconds."""
    burst = 80

    async def turns():
        async with plane(tmp_path, "http://127.0.0.1:9") as running:
            callers = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(burst)]
            count = 0
            async with asyncio.timeout(10):
                while running.worker.http.connections < burst:
                    await asyncio.sleep(0)
                    count += 1
            for caller in callers:
                caller.close()
        return count

    assert uvloop.run(turns()) < burst / 2
