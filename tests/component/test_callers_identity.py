"""Rows C6, C34, C42, C43 and C46: who a caller says to be, and which of its words reach a backend, a log or a reply."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.plane import KEY, plane
from tests.support.rows import CHAT, CONFIG, LIMITED_KEY, MESSAGES, OK, STREAM, answering, chat, facing, streamed
from tests.support.wire_backend import WireBackend

CHATS = "/v1/chat/completions"
BODY = json.dumps(CHAT).encode()

# --- C6: one spelling ---

SPELLINGS = [
    *("//v1/chat/completions", "/v1//chat/completions", "/v1/./chat/completions", "/v1/x/../chat/completions"),
    *("/v1/%2e%2e/chat/completions", "/v1%2Fchat/completions", "/v1/chat%2fcompletions", "/v1/chat;x/completions"),
    *("/v1/chat/completions;jsessionid=1", "/v1/chat/completions/", "/V1/chat/completions", "/v1/chat\\completions"),
    *(
        "/v1/chat/completions%00",
        "/v1/chat/completions%2f",
        "/v1/%252e%252e/x",
        "/v2/chat/completions",
        "/v1",
        "/",
        "/v1/",
    ),
    *(
        "/v1/Chat/completions",
        "/v1/chat/Completions",
        "/v1/MESSAGES",
        "/v1/chat/completion%73",
        "/v1/%63hat/completions",
    ),
    *("/admin", "/metrics", "/admin/exchanges", "/v1/../metrics", "/startupz"),
]


@pytest.mark.parametrize("path", SPELLINGS)
async def test_c06_another_spelling_is_not_found_and_no_backend_hears_of_it(tmp_path, path):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.ask("POST", path, BODY)
        assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
        assert backend.connections == []
        assert running.records() == []
        assert running.worker.gateway.gauges.refused == {"not_found": 1}


@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "2023-06-01"}])
async def test_c06_nor_is_it_with_the_header_of_another_dialect(tmp_path, headers):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        assert (await running.ask("POST", "/v1/CHAT/completions", BODY, headers)).status == 404
        assert backend.connections == []


@pytest.mark.parametrize("path", ["/v1/brand_new", "/v1/chat/completions/x/New", "/v1/files2/F%20a"])
async def test_c06_an_endpoint_nobody_knows_goes_on_as_it_is(tmp_path, path):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        assert (await running.ask("POST", path, BODY)).status == 200
        assert backend.requests[0].target == path
        assert running.of_kind("admitted")[0].meta["operation"] == "other"


async def test_c06_ids_keep_their_letters(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        for path in ("/v1/files/file-AbC", "/v1/batches/B%3A1", "/v1/threads/T/Runs"):
            assert (await running.ask("GET", path)).status == 200
        assert [sent.target for sent in backend.requests] == [
            "/v1/files/file-AbC",
            "/v1/batches/B%3A1",
            "/v1/threads/T/Runs",
        ]


async def test_c06_a_header_does_not_make_an_endpoint_another(tmp_path):
    """Else a version's parameters could be slipped past."""
    config = CONFIG.replace("[routes.once.versions.v1]", "[routes.once.versions.v1]\nparams = { max_tokens = 5 }")
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url, config=config) as running:
        answer = await running.post(CHATS, {**CHAT, "max_tokens": 10**6}, {"anthropic-version": "2023-06-01"})
        assert answer.status == 200
        assert json.loads(backend.requests[0].body)["max_tokens"] == 5
        assert running.of_kind("admitted")[0].meta["operation"] == "chat.completions"


# --- C33, C34: credentials ---


@pytest.mark.parametrize(
    "value", ["Basic bGd3", "Bearer", KEY, f"Token {KEY}", f"Bearer {KEY} x", f"Bearer {KEY}x", "Bearer ' OR 1=1"]
)
async def test_c33_what_is_no_key_is_401_counted_and_leaves_no_record(tmp_path, value):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.post(CHATS, CHAT, {"authorization": value})
        assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert value == "Bearer" or value.encode() not in answer.body
        assert (running.records(), backend.connections) == ([], [])


@pytest.mark.parametrize("path", [CHATS, "/v1/models", "/v1/files"])
async def test_c34_two_keys_that_differ_are_refused_even_if_both_are_good(tmp_path, path):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        method, body = ("POST", BODY) if path == CHATS else ("GET", b"")
        for pair in ({"x-api-key": LIMITED_KEY}, {"x-api-key": "x"}, {"authorization": "Bearer x", "x-api-key": KEY}):
            answer = await running.ask(method, path, body, pair)
            assert (answer.status, answer.json()["error"]["code"]) == (401, "conflicting_credentials")
        assert (running.records(), backend.connections) == ([], [])


async def test_c34_the_same_key_twice_is_one_key(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, _):
        assert (await running.post(CHATS, CHAT, {"x-api-key": KEY})).status == 200


@pytest.mark.parametrize("path", [CHATS, "/v1/messages"])
async def test_c34_either_header_serves_on_every_endpoint(tmp_path, path):
    body = CHAT if path == CHATS else MESSAGES
    async with facing(tmp_path, answering(OK)) as (running, _):
        assert (await running.post(path, body, {"authorization": "", "x-api-key": KEY})).status == 200
        assert (await running.post(path, body)).status == 200


# --- C42: words about itself ---


async def test_c42_what_a_caller_says_of_itself_is_stored_short_and_printable(tmp_path):
    headers = {
        "x-request-id": "r" * 4000,
        "user-agent": "cur\tl " + "u" * 4000,
        "traceparent": "junk",
        "idempotency-key": "k" * 4000,
    }
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.post(CHATS, CHAT, headers)
        meta = running.of_kind("admitted")[0].meta
        assert answer.headers["x-request-id"] == meta["id"] != "r" * 4000
        assert meta["caller_request_id"] == "r" * 128
        assert meta["idempotency_key"] == "k" * 128
        assert meta["user_agent"].startswith("cur?l ") and len(meta["user_agent"]) == 128
        assert all(32 <= ord(letter) < 127 for letter in meta["user_agent"])
        sent = dict(backend.requests[0].headers)
        assert b"x-request-id" not in sent and b"traceparent" not in sent
        assert sent[b"user-agent"] == b"llmgateway"


async def test_c42_the_gateways_id_is_its_own_on_every_kind_of_reply(tmp_path):
    async with facing(tmp_path, answering(streamed(STREAM))) as (running, _):
        mine = {"x-request-id": "mine", "x-llmgateway-exchange-id": "mine", "request-id": "mine"}
        for body in ({**CHAT, "stream": True}, {"model": "nope"}):
            answer = await running.post(CHATS, body, mine)
            ids = {record.meta["id"] for record in running.records()}
            assert answer.headers["x-request-id"] == answer.headers["x-llmgateway-exchange-id"]
            assert answer.headers["x-request-id"] in ids


# --- C41, C43: what reaches a backend ---

NEVER = {
    "cookie": "session=1",
    "connection": "authorization, x-api-key",
    "proxy-authorization": "Basic x",
    "x-api-key": KEY,
    "openai-organization": "org-theirs",
    "openai-project": "proj-theirs",
    "x-internal-user": "admin",
    "x-forwarded-for": "10.0.0.1",
    "x-forwarded-host": "evil",
    "forwarded": "for=10.0.0.1",
    "x-real-ip": "10.0.0.1",
    "host": "evil.example",
    "te": "trailers",
    "trailer": "x",
    "keep-alive": "timeout=1000",
    "x-http-method-override": "DELETE",
    "x-original-url": "/admin",
    "accept-encoding": "gzip, br",
    "x-stainless-lang": "python",
    "x-llmgateway-route": "assistant",
    "x-llmgateway-exchange-id": "mine",
}


async def test_c43_only_what_is_listed_goes_to_the_backend(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.post(CHATS, CHAT, {**NEVER, "openai-beta": "x=1", "accept": "application/json"})
        assert answer.status == 200
        sent = dict(backend.requests[0].headers)
        assert set(sent) == {
            *(
                b"host",
                b"content-type",
                b"accept",
                b"openai-beta",
                b"user-agent",
                b"authorization",
                b"x-llmgateway-hop",
            ),
            *(b"accept-encoding", b"content-length"),
        }
        assert sent[b"host"] == f"127.0.0.1:{backend.port}".encode()
        assert sent[b"authorization"] == b"Bearer sk-upstream-secret"
        assert sent[b"accept-encoding"] == b"identity"
        assert KEY.encode() not in b"".join(sent.values())
        assert running.of_kind("admitted")[0].meta["peer"] == "127.0.0.1"  # C41: nobody trusted says otherwise
        assert running.of_kind("admitted")[0].meta["route"] == "once"


async def test_c43_a_key_never_goes_to_a_backend_that_has_none_of_its_own(tmp_path):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        for credential in ({}, {"authorization": "", "x-api-key": KEY}):
            await running.post(CHATS, {**CHAT, "model": "hasty"}, credential)
        for sent in backend.requests:
            assert sent.header(b"authorization") is None and sent.header(b"x-api-key") is None
            assert KEY.encode() not in sent.raw


async def test_c43_anthropics_version_and_betas_are_the_callers(tmp_path):
    headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "a,b", "authorization": "", "x-api-key": KEY}
    async with facing(tmp_path, answering(OK)) as (running, backend):
        await running.post("/v1/messages", MESSAGES, headers)
        sent = dict(backend.requests[0].headers)
        assert sent[b"anthropic-version"] == b"2026-10-21"
        assert sent[b"anthropic-beta"] == b"a,b"
        assert sent[b"x-api-key"] == b"sk-ant-secret"


# --- C46: in a circle ---


async def test_c46_a_gateway_that_is_its_own_backend_stops_the_circle(tmp_path):
    """Its backend is itself: three times around, then 508, and nobody in the circle tries again."""
    config = CONFIG.replace('api_key = "sk-upstream-secret"', f'api_key = "{KEY}"')
    ahead: list[int] = []
    async with looping(ahead) as url, plane(tmp_path, url, config=config) as running:
        ahead.append(running.port)
        answer = await chat(running, "once")
        assert (answer.status, answer.json()["error"]["code"]) == (508, "loop_detected")
        assert answer.headers["x-should-retry"] == "false"
        await running.quiet()
        assert [record.meta["k"] for record in running.records()].count("admitted") == 3
        assert {record.meta["error_code"] for record in running.records() if record.meta["k"] != "admitted"} == {
            "loop_detected"
        }


@asynccontextmanager
async def looping(ahead: list[int]) -> AsyncIterator[str]:
    """The URL of a door that leads to the port `ahead` names by then."""
    tasks: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
        writer.close()

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", ahead[0])
        await asyncio.gather(pipe(reader, outer), pipe(inner, writer))

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(enter(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("hops", "status"), [("0", 200), ("1", 200), ("2", 200), ("3", 508), ("99", 508), ("junk", 200), ("", 200)]
)
async def test_c46_the_third_hop_is_the_last(tmp_path, hops, status):
    async with facing(tmp_path, answering(OK)) as (running, backend):
        answer = await running.post(CHATS, CHAT, {"x-llmgateway-hop": hops})
        assert answer.status == status
        assert len(backend.requests) == (status == 200)
        if status == 508:
            assert answer.json()["error"]["code"] == "loop_detected"
            assert answer.headers["x-should-retry"] == "false"
            assert [record.meta["error_code"] for record in running.records()] == ["loop_detected"]


# --- keys that are limited to some operations ---

CHATTER = CONFIG.replace("[keys.limited]", '[keys.limited]\noperations = ["chat.completions", "models.*"]')


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/files/file-1"),
        ("GET", "/v1/files"),
        ("POST", "/v1/embeddings"),
        ("DELETE", "/v1/chat/completions/c_1"),
        ("POST", "/v1/messages"),
        ("DELETE", "/v1/brand_new/x"),
        ("POST", "/v1/threads/t/runs"),
    ],
)
async def test_a_key_gets_no_operation_that_its_table_leaves_out(tmp_path, method, path):
    limited = {"authorization": f"Bearer {LIMITED_KEY}"}
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url, config=CHATTER) as running:
        answer = await running.ask(method, path, BODY if method == "POST" else b"", limited)
        error = answer.json()["error"]
        assert answer.status == 403
        assert (error.get("code") or error["details"]["error_code"]) == "operation_not_allowed"
        assert error["type"] == "permission_error"
        (record,) = running.records()
        assert (record.meta["k"], record.meta["key"], record.meta["phase"]) == ("refused", "limited", "authenticate")
        assert backend.connections == []
        assert (await running.ask(method, path, BODY if method == "POST" else b"")).status != 403  # another key may


async def test_what_the_table_names_is_served_as_ever(tmp_path):
    limited = {"authorization": f"Bearer {LIMITED_KEY}"}
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url, config=CHATTER) as running:
        for _ in range(2):
            assert (await running.ask("POST", CHATS, BODY, limited)).status == 200
            assert (await running.ask("GET", "/v1/models", headers=limited)).status == 200


async def test_the_list_of_models_is_an_operation_too(tmp_path):
    config = CHATTER.replace(', "models.*"', "")
    async with WireBackend() as backend, plane(tmp_path, backend.url, config=config) as running:
        limited = {"authorization": f"Bearer {LIMITED_KEY}"}
        for path in ("/v1/models", "/v1/models/once"):
            assert (await running.ask("GET", path, headers=limited)).status == 403
        assert running.records() == []
        assert running.worker.gateway.gauges.refused == {"operation_not_allowed": 2}
