"""How a realtime session is opened: who may, where it goes, what the backend is told, and what a refusal leads to."""

import asyncio
import base64
import hashlib
import json
import ssl

import pytest
import trustme
from tests.component.test_http_client_proxy import proxy_to
from tests.support.plane import KEY, plane
from tests.support.rows import SECRET, assert_idle
from tests.support.websocket import (
    CLOSE,
    NONCE,
    Session,
    closing,
    framed,
    grant,
    hear,
    offer,
    opened,
    say,
    say_close,
    session,
)
from tests.support.wire_backend import WireBackend, expect, forever, reply, send, until_closed, wait_for

CONFIG = """
[server.limits]
tunnels = 2
[data]
dir = "{data}"
[backends.one]
provider = "openai"
base_url = "{one}/v1"
api_key = "sk-upstream-secret"
timeouts = { connect = "1s", first_byte = "300ms" }
[backends.two]
provider = "openai"
base_url = "{two}/v1"
[routes.assistant]
retries = { max_attempts = 1 }
[routes.assistant.versions.v1]
backends = ["one"]
model = "gpt-realtime/1"
[routes.resilient]
fallback = ["v2"]
[routes.resilient.versions.v1]
backends = ["one"]
weight = 1
[routes.resilient.versions.v2]
backends = ["two"]
model = "fallback-model"
weight = 0
[routes."gpt-*".versions.v1]
backends = ["one"]
[keys.app]
hash = "sha256:{hash}"
default_route = "assistant"
"""
KEYLESS = CONFIG[: CONFIG.index("[keys.app]")]
SUBPROTOCOLS = f"realtime, openai-insecure-api-key.{KEY}"


def error_of(answer) -> str:
    return json.loads(answer.body)["error"]["code"]


async def test_the_backend_gets_the_offer_with_its_own_credential_and_model(tmp_path):
    async with WireBackend([*opened(), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(
                running,
                "/v1/realtime?x=1&model=assistant",
                openai_beta="realtime=v1",
                cookie="secret=1",
                origin="https://elsewhere.example",
                sec_websocket_extensions="permessage-deflate; client_max_window_bits",
            )
            assert caller.status == 101
            (asked,) = backend.requests
            assert (asked.method, asked.target) == ("GET", "/v1/realtime?x=1&model=gpt-realtime%2F1")
            named = dict(asked.headers)
            assert named == {
                b"host": f"127.0.0.1:{backend.port}".encode(),
                b"upgrade": b"websocket",
                b"connection": b"upgrade",
                b"sec-websocket-version": b"13",
                b"sec-websocket-key": NONCE.encode(),
                b"openai-beta": b"realtime=v1",
                b"authorization": f"Bearer {SECRET}".encode(),
                b"user-agent": b"llmgateway",
                b"accept-encoding": b"identity",
                b"x-llmgateway-hop": b"1",
            }
            proof = hashlib.sha1(NONCE.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            assert caller.headers["sec-websocket-accept"] == base64.b64encode(proof).decode()
            assert caller.headers["upgrade"] == "websocket"
            assert caller.headers["x-llmgateway-version"] == "v1"
            assert "sec-websocket-extensions" not in caller.headers
            facts = running.of_kind("admitted")[0].meta  # before the session has ended
            assert (facts["operation"], facts["path"], facts["route"]) == ("realtime", "/v1/realtime", "assistant")


async def test_a_browsers_key_is_taken_from_the_subprotocols_and_goes_nowhere(tmp_path):
    async with WireBackend([*opened(protocol="realtime"), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running, authorization=None, sec_websocket_protocol=SUBPROTOCOLS)
            assert caller.status == 101
            assert caller.headers["sec-websocket-protocol"] == "realtime"
            (asked,) = backend.requests
            assert asked.header(b"sec-websocket-protocol") == b"realtime"
            assert KEY.encode() not in asked.raw
            await caller.leave()
            await running.quiet()
            assert running.outcome().meta["end"] == "client_closed"
        written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert b"assistant" in written
        assert KEY.encode() not in written


REFUSED = {
    "no key": ({"authorization": None}, 401, "invalid_api_key"),
    "a wrong key": (
        {"authorization": None, "sec_websocket_protocol": "realtime, openai-insecure-api-key.x"},
        401,
        "invalid_api_key",
    ),
    "two keys": ({"sec_websocket_protocol": "openai-insecure-api-key.x"}, 401, "conflicting_credentials"),
    "no upgrade": ({"upgrade": None, "connection": None}, 426, "upgrade_required"),
    "another upgrade": ({"upgrade": "h2c"}, 426, "upgrade_required"),
    "another version": ({"sec_websocket_version": "8"}, 426, "upgrade_required"),
    "no nonce": ({"sec_websocket_key": "short"}, 400, "bad_request"),
    "a circle": ({"x_llmgateway_hop": "3"}, 508, "loop_detected"),
}


@pytest.mark.parametrize(("headers", "status", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_who_may_not_gets_an_answer_and_the_backend_hears_nothing(tmp_path, headers, status, code):
    async with WireBackend() as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running, **headers)
            assert (caller.status, error_of(caller)) == (status, code)
            if status == 426:
                assert (caller.headers["upgrade"], caller.headers["sec-websocket-version"]) == ("websocket", "13")
            await running.quiet()
            assert running.worker.gateway.tunnels.taken == 0
        assert backend.connections == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/realtime?model=nobody", 404, "model_not_found"),
        ("/v1/realtime?model=assistant&model=gpt-4", 400, "invalid_value"),
        ("/v1/realtime?model=assistant&Model=gpt-4", 400, "invalid_value"),
        ("/v1/realtime?%6dodel=assistant", 400, "invalid_value"),
        ("/v1/realtime?model=assistant;model=gpt-4", 400, "invalid_value"),
        ("/v1/Realtime?model=assistant", 404, "not_found"),
        ("/v1/realtime/?model=assistant", 404, "not_found"),
        ("/v1/%72ealtime?model=assistant", 404, "not_found"),
    ],
)
async def test_nobody_reads_another_model_or_path_than_we_do(tmp_path, path, status, code):
    async with WireBackend() as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running, path)
            assert (caller.status, error_of(caller)) == (status, code)
        assert backend.connections == []


@pytest.mark.parametrize(
    ("path", "headers", "target"),
    [
        ("/v1/realtime", {}, "/v1/realtime?model=gpt-realtime%2F1"),
        ("/v1/realtime", {"x_llmgateway_route": "gpt-4"}, "/v1/realtime"),
        ("/v1/realtime?model=gpt-%34", {}, "/v1/realtime?model=gpt-4"),
        ("/v1/realtime?call_id=rtc_1", {}, "/v1/realtime?call_id=rtc_1"),
    ],
)
async def test_the_route_is_named_by_query_header_or_key(tmp_path, path, headers, target):
    async with WireBackend([*opened(), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            assert (await session(running, path, **headers)).status == 101
        assert backend.requests[0].target == target


# --- before the 101 it is a request like any other ---

FAULTS = {
    "refuses": [expect(), send(reply(b"{}", status="503 Busy"))],
    "rate limits": [expect(), send(reply(b"{}", status="429 Slow", headers=[("retry-after", "0")]))],
    "does not know our key": [expect(), send(reply(b"{}", status="401 No"))],
    "closes": [expect()],
    "hangs": [expect(), until_closed()],
    "answers 200": [expect(), send(reply(b"{}", headers=[("content-type", "application/json")]))],
    "redirects": [expect(), send(reply(b"", status="302 Found", headers=[("location", "/x")]))],
    "proves nothing": [expect(), grant(accept="AAAA"), until_closed()],
    "opens something else": [
        expect(),
        send(b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"),
        until_closed(),
    ],
    "agrees to nothing": [expect(), send(b"HTTP/1.1 101 Switching\r\n\r\n"), until_closed()],
    "speaks no HTTP": [expect(), send(b"\x16\x03\x01 what?\r\n\r\n"), until_closed()],
}


@pytest.mark.parametrize("script", FAULTS.values(), ids=FAULTS.keys())
async def test_a_backend_that_opens_none_is_followed_by_the_next(tmp_path, script):
    async with WireBackend(script) as one, WireBackend([*opened(), say({"hello": 1}), until_closed()]) as two:
        async with plane(tmp_path, one.url, two.url, config=CONFIG) as running:
            caller = await session(running, "/v1/realtime?model=resilient")
            assert caller.status == 101
            assert await caller.receive() == (1, b'{"hello": 1}')
            assert one.requests[0].target == "/v1/realtime?model=resilient"
            assert two.requests[0].target == "/v1/realtime?model=fallback-model"
            caller.close()
            await caller.leave()
            await running.quiet()
            meta = running.outcome().meta
            assert [attempt["result"] == "ok" for attempt in meta["attempts"]] == [False, True]
            assert (meta["served_version"], meta["status"]) == ("v2", 101)
            assert_idle(running)


async def test_when_none_opens_one_the_caller_is_told_in_its_dialect(tmp_path):
    async with WireBackend([expect(), send(reply(b"sk-upstream-secret is bad", status="401 No"))]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            assert (caller.status, error_of(caller)) == (502, "upstream_auth")
            assert SECRET.encode() not in caller.body
            await running.quiet()
            assert running.outcome().meta["end"] == "upstream_error"
            assert running.worker.gateway.tunnels.taken == 0
            assert_idle(running)


async def test_what_a_backend_says_against_the_caller_goes_through(tmp_path):
    said = reply(
        b'{"error": {"message": "no such voice"}}', status="400 Bad", headers=[("content-type", "application/json")]
    )
    async with WireBackend([expect(), send(said)]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running)
            assert (caller.status, json.loads(caller.body)) == (400, {"error": {"message": "no such voice"}})
            await running.quiet()
            assert running.outcome().meta["end"] == "completed"


async def test_a_pooled_connection_that_has_died_costs_a_second_one(tmp_path):
    answered = reply(b"{}", headers=[("content-type", "application/json")])
    scripts = ([expect(), send(answered), expect()], [*opened(), until_closed()])
    async with WireBackend(*scripts) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            await running.post("/v1/embeddings", {"model": "assistant", "input": "x"})
            assert (await session(running)).status == 101
            assert [each.connection for each in backend.requests] == [0, 0, 1]


# --- bounds ---


async def test_there_are_only_so_many_tunnels_a_worker(tmp_path):
    async with WireBackend([*opened(), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            first, second = await session(running), await session(running)
            third = await session(running)
            assert [first.status, second.status, third.status] == [101, 101, 503]
            assert error_of(third) == "overloaded"
            assert third.headers["retry-after"] == "1"
            assert running.worker.gateway.gauges.open_tunnels["assistant"] == 2
            await first.leave()
            async with asyncio.timeout(5):
                while running.worker.gateway.tunnels.taken == 2:
                    await asyncio.sleep(0.001)
            assert (await session(running)).status == 101


async def test_what_the_caller_says_before_it_is_open_waits_within_bounds(tmp_path):
    heard: list[tuple[int, bytes]] = []
    go = asyncio.Event()
    config = CONFIG.replace("300ms", "10s")
    async with WireBackend([expect(), wait_for(go), grant(), hear(heard, until=CLOSE)]) as backend:
        async with plane(tmp_path, backend.url, config=config) as running:
            caller = await running.connect()
            early = framed(b"early", is_masked=True)
            caller.writer.write(offer() + early + framed(b"x" * 3_000_000, is_masked=True))
            await backend.until(lambda: bool(backend.requests))
            await asyncio.sleep(0.05)
            assert bytes(backend.connections[0].unread) == b""
            (connection,) = list(running.worker.http._service.census)
            assert len(connection._backlog) <= 64 * 1024 + 256 * 1024  # the bound, and one read beyond it
            assert not connection._is_reading
            go.set()
            caller.writer.write(closing(1000, is_masked=True))
            async with asyncio.timeout(10):
                while not heard or heard[-1][0] != CLOSE:
                    await asyncio.sleep(0.001)
            assert [(kind, len(payload)) for kind, payload in heard] == [(1, 5), (1, 3_000_000), (CLOSE, 2)]


# --- C5: no other upgrade, and no request behind one ---


async def test_c05_a_websocket_offered_elsewhere_is_ignored_and_no_request_follows_it(tmp_path):
    answered = reply(b"{}", headers=[("content-type", "application/json")])
    async with WireBackend([forever(expect(), send(answered))]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await running.connect()
            smuggled = b"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\n\r\n"
            caller.writer.write(offer("/v1/files") + smuggled)
            answer = await caller.reader.read()
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"connection: close\r\n" in answer
            assert answer.count(b"HTTP/1.1") == 1
            (asked,) = backend.requests
            assert asked.header(b"upgrade") is None
            assert asked.header(b"connection") is None


async def test_c05_nothing_behind_a_refused_websocket_is_read(tmp_path):
    async with WireBackend() as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await running.connect()
            smuggled = f"GET /v1/models HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n\r\n".encode()
            caller.writer.write(offer(headers={"sec-websocket-version": "7"}) + smuggled)
            answer = await caller.reader.read()
            assert answer.startswith(b"HTTP/1.1 426 ")
            assert answer.count(b"HTTP/1.1") == 1
        assert backend.connections == []


async def test_c05_a_websocket_offered_with_a_body_is_refused(tmp_path):
    async with WireBackend() as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            caller = await session(running, content_length="5")
            assert (caller.status, error_of(caller)) == (400, "bad_request")
        assert backend.connections == []


async def test_c05_a_backend_that_switches_unasked_is_not_believed(tmp_path):
    unasked = b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    async with WireBackend([expect(), send(unasked), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=CONFIG) as running:
            answer = await running.post("/v1/embeddings", {"model": "assistant", "input": "x"})
            assert (answer.status, answer.json()["error"]["code"]) == (502, "upstream_protocol")


# --- pages of elsewhere, where no key is asked for ---


@pytest.mark.parametrize(
    ("origin", "cors", "status"),
    [
        ("https://evil.example", "", 401),
        ("null", "", 401),
        ("http://localhost:3000", "", 101),
        (None, "", 101),
        ("https://app.example", 'cors = { origins = ["https://app.example"] }', 101),
        ("https://evil.example", 'cors = { origins = ["https://app.example"] }', 401),
    ],
)
async def test_without_keys_a_page_from_elsewhere_opens_nothing(tmp_path, origin, cors, status):
    config = KEYLESS.replace("[server.limits]", f"[server]\n{cors}\n[server.limits]")
    async with WireBackend([*opened(), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=config) as running:
            caller = await session(running, authorization=None, origin=origin)
            assert caller.status == status
        assert bool(backend.connections) == (status == 101)


# --- over TLS and through a proxy, as any other backend ---


async def test_a_session_goes_over_tls_on_both_sides_and_through_a_proxy(tmp_path):
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    cert = ca.issue_cert("127.0.0.1")
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(serving)
    heard: list[tuple[int, bytes]] = []
    long = b"y" * 300_000
    script = [
        *opened(more=framed(b"hello", is_masked=False)),
        hear(heard),
        say(long),
        hear(heard, until=CLOSE),
        say_close(1000),
    ]
    async with WireBackend([*script, until_closed()], tls=serving) as backend, proxy_to(backend) as proxy:
        config = CONFIG.replace(
            "[server.limits]", '[server]\ntls = { cert = "{data}/cert.pem", key = "{data}/key.pem" }\n[server.limits]'
        )
        way = f'ca_file = "{{data}}/ca.pem"\nproxy = "{proxy.url}"\n'
        config = config.replace('api_key = "sk-upstream-secret"\n', f'api_key = "sk-upstream-secret"\n{way}')
        async with plane(tmp_path, backend.url, config=config) as running:
            trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=trusting)
            caller = await Session(reader, writer).open(offer())
            assert caller.status == 101
            assert await caller.receive() == (1, b"hello")
            caller.send(long)
            assert await caller.receive() == (1, long)
            caller.close()
            assert await caller.until_closed() == ([], 1000)
            await running.quiet()
            assert heard[0] == (1, long)
            assert running.outcome().meta["end"] == "completed"
            writer.transport.abort()
            await asyncio.sleep(0.05)


async def test_a_session_is_neither_copied_nor_asked_for_twice(tmp_path):
    config = CONFIG.replace(
        "[routes.assistant]",
        '[routes.assistant]\nshadow = { version = "v2", share = 1 }\nhedge = { after = "20ms", min_wait = "10ms" }',
    ).replace('backends = ["one"]\nmodel = "gpt', 'backends = ["one", "two"]\nweight = 1\nmodel = "gpt', 1)
    config = config.replace(
        "[routes.resilient]", '[routes.assistant.versions.v2]\nbackends = ["two"]\n[routes.resilient]'
    )
    config = config.replace("[routes.assistant]", '[routes.assistant]\nbalance = "ordered"')
    go, heard = asyncio.Event(), []
    late = [expect(), wait_for(go), grant(), hear(heard, until=CLOSE), say_close(1000), until_closed()]
    async with WireBackend(late) as one, WireBackend([*opened(), until_closed()]) as two:
        async with plane(tmp_path, one.url, two.url, config=config) as running:
            opening = asyncio.ensure_future(session(running))
            await one.until(lambda: bool(one.requests))
            await asyncio.sleep(0.15)  # a hedge would be long under way
            go.set()
            caller = await opening
            assert caller.status == 101
            caller.close()
            assert await caller.until_closed() == ([], 1000)
            await running.quiet()
            assert not two.requests
            assert not running.worker._shadows
            meta = running.outcome().meta
            assert len(meta["attempts"]) == 1
            assert meta.get("shadow_left_out") is None


PROMPTED = CONFIG.replace('model = "fallback-model"\n', 'model = "fallback-model"\nprompt = "Be brief."\n')


async def test_a_session_that_would_not_hear_the_operators_prompt_is_refused(tmp_path):
    async with WireBackend([*opened(), until_closed()]) as backend:
        async with plane(tmp_path, backend.url, config=PROMPTED) as running:
            refused = await session(running, "/v1/realtime?model=resilient")  # the fallback has the prompt
            assert (refused.status, error_of(refused)) == (400, "prompt_unsupported")
            await running.quiet()
            (facts,) = (each.meta for each in running.records())
            assert (facts["error_code"], facts.get("assigned_version")) == ("prompt_unsupported", None)
            assert (await session(running, "/v1/realtime?model=assistant")).status == 101
            assert len(backend.requests) == 1


@pytest.mark.parametrize("path", ["/v1/realtime/client_secrets", "/v1/realtime/sessions", "/v1/Realtime/calls"])
async def test_nor_is_one_made_that_would_go_past_the_gateway(tmp_path, path):
    async with WireBackend(forever) as backend, plane(tmp_path, backend.url, config=PROMPTED) as running:
        answer = await running.ask("POST", path, b"{}", {"x-llmgateway-route": "resilient"})
        assert (answer.status, error_of(answer)) == (400, "prompt_unsupported")
        assert backend.requests == []
