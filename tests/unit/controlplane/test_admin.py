"""The admin listener over real HTTP: who may ask, what comes back, what must never come back."""

import asyncio
import json
import re
import socket

import aiohttp
import pytest

from llmgateway.config.snapshot import Address, Secret
from llmgateway.controlplane import admin as module
from llmgateway.controlplane.admin import Admin, nowhere
from llmgateway.controlplane.api import gateway, live
from llmgateway.controlplane.api.gateway import Answers
from llmgateway.controlplane.feed import Feed
from llmgateway.controlplane.gate import Gate, host_name, is_loopback, is_same_site

TOKEN = "canary-admin-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Served:
    """A running admin listener and a client for it."""

    def __init__(self, *, token=None, host="127.0.0.1"):
        self.missing, self.reloaded = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        answers = Answers(self.metrics, lambda: self.missing, list, self.reload)
        endpoints = gateway.endpoints(answers) | live.endpoints(lambda: {"versions": []}, Feed(dict))
        gate = Gate(Address(host, self.port), Secret(token) if token else None)
        self.admin = Admin(self.listener, endpoints, gate)

    async def metrics(self, accept):
        if accept == "boom":
            raise RuntimeError(f"secret {TOKEN}")
        return b"up 1\n", "text/plain; version=0.0.4; charset=utf-8"

    async def reload(self):
        self.reloaded += 1
        return self.reloaded == 1, {"generation": 2}

    async def __aenter__(self):
        await self.admin.start()
        self.http = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")
        return self

    async def __aexit__(self, *_):
        await self.http.close()
        await self.admin.stop()
        self.listener.close()

    async def ask(self, method, path, **options):
        async with self.http.request(method, path, **options) as answer:
            return answer.status, answer.headers, await answer.text()

    async def raw(self, text):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer


ENDPOINTS = [("GET", "/metrics"), ("GET", "/admin/v1/live"), ("POST", "/admin/v1/reload")]
PROBES = ["/livez", "/readyz", "/startupz"]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": TOKEN}, {"Authorization": "Bearer nope"}, {"Authorization": f"Basic {TOKEN}"}]
)
async def test_everything_but_the_probes_wants_the_token(method, path, headers):
    async with Served(token=TOKEN) as served:
        code, sent, body = await served.ask(method, path, headers=headers)
        assert code == 401
        assert sent["WWW-Authenticate"] == "Bearer"
        assert json.loads(body)["error"]["code"] == "invalid_token"
        assert served.reloaded == 0


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_with_the_token_or_where_none_is_set_they_answer(method, path):
    async with Served(token=TOKEN) as served:
        assert (await served.ask(method, path, headers=BEARER))[0] == 200
    async with Served() as served:
        assert (await served.ask(method, path))[0] == 200


@pytest.mark.parametrize("path", PROBES)
async def test_probes_need_no_token(path):
    async with Served(token=TOKEN) as served:
        assert (await served.ask("GET", path))[0] == 200
        assert (await served.ask("HEAD", path))[0] == 200


async def test_readiness_tells_its_reasons_and_liveness_does_not_depend_on_them():
    async with Served() as served:
        served.missing = ["draining: the gateway is shutting down"]
        code, _, body = await served.ask("GET", "/readyz")
        assert (code, json.loads(body)["reasons"]) == (503, served.missing)
        assert (await served.ask("GET", "/livez"))[0] == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/admin/v1/route", "did you mean /admin/v1/routes?"),
        ("/metric", "did you mean /metrics?"),
        ("/", "There is no such endpoint. /admin/v1/openapi.json describes all of them"),
        ("/v1/chat/completions", "this is the admin listener. Applications ask where [server] listens."),
        ("/" + "x" * 60_000, "There is no such endpoint."),
    ],
)
def test_who_asks_for_what_is_not_there_is_told_where_to_go(path, told):
    assert told in nowhere(path, ["/admin/v1/routes", "/admin/v1/rollouts", "/metrics", "/review"])


async def test_a_reload_that_is_refused_is_422():
    async with Served() as served:
        assert (await served.ask("POST", "/admin/v1/reload"))[0] == 200
        assert (await served.ask("POST", "/admin/v1/reload"))[0] == 422


async def test_other_paths_and_methods_are_json_errors_behind_the_token():
    async with Served(token=TOKEN) as served:
        assert (await served.ask("GET", "/nowhere"))[0] == 401
        error = json.loads((await served.ask("GET", "/nowhere", headers=BEARER))[2])["error"]
        assert (error["code"], "/admin/v1/openapi.json" in error["message"]) == ("not_found", True)
        assert len(error["message"]) < 300  # a sentence, and not a list of all there is
        assert (await served.ask("GET", "/admin/v1/reload", headers=BEARER))[0] == 405
        assert (await served.ask("DELETE", "/metrics", headers=BEARER))[0] == 405
        assert (await served.ask("GET", "/livez/../metrics%2f", headers=BEARER))[0] == 404
        assert served.reloaded == 0


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil", "", "10.0.0.1"])
async def test_a_rebound_name_gets_nothing_from_a_loopback_listener(host):
    async with Served() as served:
        answer = await served.raw(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1234", "[::1]:80", "LOCALHOST"])
async def test_local_names_are_let_in(host):
    async with Served() as served:
        answer = await served.raw(f"GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200")


async def test_a_listener_for_the_network_answers_to_any_name():
    async with Served(token=TOKEN, host="0.0.0.0") as served:
        assert (await served.ask("GET", "/metrics", headers=BEARER | {"Host": "gateway.internal"}))[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://"])
async def test_pages_of_other_origins_are_turned_away(origin):
    async with Served() as served:
        code, _, body = await served.ask("POST", "/admin/v1/reload", headers={"Origin": origin})
        assert (code, json.loads(body)["error"]["code"]) == (403, "foreign_origin")
        assert served.reloaded == 0


async def test_the_own_origin_is_let_in():
    async with Served() as served:
        own = {"Origin": f"http://127.0.0.1:{served.port}"}
        assert (await served.ask("POST", "/admin/v1/reload", headers=own))[0] == 200


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer canary\x00key\r\n\r\n",
        b"canary garbage\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"canary" * 5_000 + b"\r\n\r\n",
    ],
)
async def test_a_request_that_is_no_http_gets_json_and_none_of_it_back(request_text, caplog):
    async with Served() as served:
        answer = await served.raw(request_text)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["code"] == "bad_request"
    assert b"canary" not in answer
    assert b"server:" not in head.lower()
    assert "canary" not in caplog.text


async def test_a_failing_endpoint_is_500_without_its_reason(caplog):
    async with Served() as served:
        code, headers, body = await served.ask("GET", "/metrics", headers={"Accept": "boom"})
    assert (code, json.loads(body)["error"]["code"]) == (500, "internal_error")
    assert TOKEN not in body
    assert "Server" not in headers
    assert TOKEN not in caplog.text
    assert re.search(r"answered 500: \w+ in \w+, test_admin.py:\d+", caplog.text)


async def test_an_unknown_path_names_the_known_ones():
    async with Served() as served:
        code, _, body = await served.ask("GET", "/nowhere")
    assert code == 404
    assert "/metrics" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/metrics"])
async def test_no_reply_names_its_server_or_may_be_stored(path):
    async with Served() as served:
        _, headers, _ = await served.ask("GET", path)
    assert "Server" not in headers
    assert headers["Cache-Control"] == "no-store"


async def test_connections_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    async with Served() as served:
        held = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(2)]
        for _, writer in held:
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for reader, _ in held:
            assert await asyncio.wait_for(reader.readline(), 5) == b"HTTP/1.1 200 OK\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        try:
            assert await asyncio.wait_for(reader.read(), 5) == b""
        except ConnectionResetError:
            pass
        for _, each in [*held, (reader, writer)]:
            each.close()


async def test_it_can_be_started_again_on_the_same_socket():
    served = Served()
    await served.admin.start()
    await served.admin.stop()
    async with served:
        assert (await served.ask("GET", "/livez"))[0] == 200


async def test_a_new_gate_counts_from_the_next_request_on():
    async with Served(token="old-token-old") as served:
        served.admin.gate = Gate(Address("127.0.0.1", 1), Secret(TOKEN))
        assert (await served.ask("GET", "/metrics", headers=BEARER))[0] == 200


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("a:1", "a"),
        ("[::1]:8", "::1"),
        ("a", "a"),
        ("a:b", None),
        ("a/b", None),
        ("a@b", None),
        ("", None),
        ("[::1", None),
    ],
)
def test_host_headers_are_read_strictly(header, name):
    assert host_name(header) == name


def test_sites_and_loopback():
    assert is_same_site("http://A:1", "a:1")
    assert not is_same_site("ftp://a", "a")
    assert not is_same_site("http://", "")
    assert is_loopback("localhost") and is_loopback("127.3.2.1") and is_loopback("::1")
    assert not is_loopback("0.0.0.0") and not is_loopback("gateway")
