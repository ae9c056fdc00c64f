"""The admin API over real HTTP: what it shows, what it never shows, and every bound on what may be asked of it."""

import asyncio
import io
import json
import socket
import tomllib

import aiohttp
import pytest
from tests.support.admin import CANARY, CONFIG, until
from tests.support.exchanges import ExchangeFactory, verdict

from llmgateway.controlplane import admin, asking
from llmgateway.controlplane.api import configuration, exchanges, routes
from llmgateway.controlplane.configfile import etag
from llmgateway.controlplane.endpoints import NAME
from llmgateway.controlplane.feed import MAX_SUBSCRIBERS, MAX_UNREAD
from llmgateway.ports.store import Body, Entry
from llmgateway.store import sqlite_connection

MASKED = CONFIG.replace(CANARY, "***")


async def test_the_configuration_is_shown_with_its_comments_and_without_its_secrets(gateway):
    async with gateway.running(workers=0):
        code, headers, text = await gateway.ask_whole("GET", "config")
        assert (code, text) == (200, MASKED)
        assert headers["Content-Type"] == "application/toml; charset=utf-8"
        assert headers["ETag"] == etag(CONFIG)
        assert headers["x-llmgateway-generation"] == "1"
        code, headers, view = await gateway.ask_whole("GET", "config", headers={"Accept": "application/json"})
        assert view["config"]["backends"]["one"]["api_key"] == "***"
        assert view["config"]["backends"]["two"]["api_key"] == "env:TWO"
        assert (view["generation"], view["in_force"], view["diff"], view["text"]) == (1, True, "", MASKED)
        assert headers["ETag"] == etag(CONFIG)


async def test_dates_are_shown_as_json_can(gateway):
    gateway.file.write_text(CONFIG + f'[keys.app]\nhash = "sha256:{"0" * 64}"\nexpires = 2099-01-31\n')
    async with gateway.running(workers=0):
        _, view = await gateway.ask("GET", "config?format=json")
        assert view["config"]["keys"]["app"]["expires"] == "2099-01-31"


@pytest.mark.parametrize("broken", ["no toml " + CANARY, '[backends.one]\napi_key = "' + CANARY, ""])
async def test_a_file_that_is_broken_is_not_shown_but_can_be_replaced(gateway, broken):
    async with gateway.running():
        gateway.file.write_text(broken)
        code, answer = await gateway.ask("GET", "config")
        assert (code, answer["error"]["code"]) == (422, "config_invalid")
        assert CANARY not in str(answer)
        code, _ = await gateway.put_text(MASKED)
        assert code == 422  # the secret it had is not there any more
        code, done = await gateway.put_text(CONFIG.replace("90", "80"), f'"{answer["error"]["etag"]}"')
        assert (code, done["generation"]) == (200, 2)


async def test_what_was_shown_can_be_edited_and_put_back(gateway):
    async with gateway.running() as (_, workers):
        edited = MASKED.replace("weight = 90", "weight = 70") + "# mine\n"
        code, done = await gateway.put_text(edited, etag(CONFIG), reason="less")
        assert code == 200
        assert gateway.file.read_text() == edited.replace("***", CANARY) == workers[0].text
        assert CANARY not in str(done)


async def test_putting_the_whole_text_wants_to_know_which_one_it_replaces(gateway):
    async with gateway.running():
        code, answer = await gateway.put_text(CONFIG + "#\n", None)
        assert (code, answer["error"]["code"]) == (428, "precondition_required")
        code, answer = await gateway.put_text(CONFIG + "#\n", '"0123"')
        assert (code, answer["error"]["code"]) == (412, "config_changed")
        assert gateway.file.read_text() == CONFIG


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ('["two"]', '["tow"]', 17, 'no backend is called "tow"; did you mean "two"?'),
        ("weight = 10", "weight = ten", 19, "not valid TOML"),
        ("weight = 10", "weigth = 10", 19, "there is no such setting"),
        ("env:TWO", "env:NOBODY", 11, "the environment variable NOBODY is not set"),
        ('api_key = "env:TWO"', 'api_key = "***"', 11, "stands for a secret that is not known here"),
    ],
)
async def test_a_text_that_would_not_hold_is_refused_with_line_and_reason(gateway, old, new, line, reason):
    async with gateway.running() as (_, workers):
        code, answer = await gateway.put_text(MASKED.replace(old, new))
        assert (code, answer["error"]["code"]) == (422, "config_invalid")
        assert any(each["line"] == line and reason in each["reason"] for each in answer["error"]["problems"]), answer
        assert (gateway.file.read_text(), workers[0].took) == (CONFIG, [])


async def test_a_new_base_url_voids_the_credential_until_it_is_given_again(gateway):
    async with gateway.running() as (_, workers):
        moved = MASKED.replace("9001", "6666")
        code, answer = await gateway.put_text(moved)
        assert (code, answer["error"]["problems"][0]["path"]) == (422, "backends.one.api_key")
        assert answer["error"]["problems"][0]["line"] == 7
        assert "given again in the same change" in answer["error"]["problems"][0]["reason"]
        code, answer = await gateway.put_text(moved, credentials="one")
        assert code == 422
        assert (gateway.file.read_text(), workers[0].took) == (CONFIG, [])
        assert (await gateway.put_text(moved.replace("***", "sk-new-one-0123456"), dry_run="true"))[0] == 200
        assert (await gateway.put_text(CONFIG.replace("9001", "6666")))[0] == 200


async def test_a_reference_goes_to_a_new_base_url_only_if_that_is_said(gateway):
    async with gateway.running():
        moved = MASKED.replace("9002", "6666")
        code, answer = await gateway.put_text(moved)
        assert (code, answer["error"]["problems"][0]["path"]) == (422, "backends.two.api_key")
        assert (await gateway.put_text(moved, credentials="one"))[0] == 422
        assert (await gateway.put_text(moved, credentials="two"))[0] == 200


async def test_no_answer_anywhere_shows_a_secret(gateway):
    async with gateway.running() as (control, _):
        await gateway.put_text(CONFIG.replace(CANARY, CANARY + "-2"))
        paths = ["config", "config?format=json", "generations", "generations/1", "generations/2"]
        paths += ["generations/2?against=1", "routes", "routes/chat", "backends", "versions", "live", "openapi.json"]
        for path in paths:
            code, headers, content = await gateway.ask_whole("GET", path)
            assert code == 200, path
            assert "canary-" not in str(content), path
            assert "canary-" not in str(headers), path
        _, shown = await gateway.ask("GET", "generations/2")
        assert '+api_key = "*** (another)"' in shown["diff"]
        assert "canary" in (await gateway.store.generation(2)).text


async def test_a_route_is_read_replaced_changed_and_added(gateway):
    async with gateway.running() as (control, workers):
        code, headers, shown = await gateway.ask_whole("GET", "routes/chat")
        assert (code, shown["route"]) == (200, tomllib.loads(CONFIG)["routes"]["chat"])
        assert headers["ETag"] == etag(CONFIG)
        route = shown["route"] | {"sticky": "key"}
        code, _ = await gateway.ask("PUT", "routes/chat", json=route, headers={"If-Match": headers["ETag"]})
        assert code == 200
        assert "weight = 90   # most of it" in gateway.file.read_text()
        code, _ = await gateway.ask("PATCH", "routes/chat", json={"sticky": None, "retries": {"max_attempts": 2}})
        assert code == 200
        now = control.reloader.snapshot.routes["chat"]
        assert (now.sticky.by.value, now.retries.max_attempts) == ("none", 2)
        code, _ = await gateway.ask("PUT", "routes/new%2Fone", json={"versions": {"v": {"backends": ["two"]}}})
        assert code == 200
        assert "new/one" in control.reloader.snapshot.routes
        assert workers[1].text == gateway.file.read_text()
        assert len(await gateway.history()) == 4


async def test_a_route_with_a_slash_or_a_star_is_found(gateway):
    async with gateway.running(workers=0):
        code, shown = await gateway.ask("GET", "/admin/v1/routes/vendor%2Fm-%2A")
        assert (code, shown["name"]) == (200, "vendor/m-*")


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_an_unknown_route_is_404_with_the_nearest(gateway, method):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask(method, "routes/chatt", **({"json": {}} if method == "PATCH" else {}))
        assert (code, answer["error"]["code"]) == (404, "route_not_found")
        assert 'did you mean "chat"' in answer["error"]["message"]


async def test_a_route_that_would_not_hold_names_its_setting(gateway):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask("PATCH", "routes/chat", json={"stikcy": "user"})
        (problem,) = answer["error"]["problems"]
        assert (code, problem["path"]) == (422, "routes.chat.stikcy")
        assert 'did you mean "sticky"' in problem["reason"]
        code, answer = await gateway.ask("PUT", "routes/chat", json={"versions": {"v1": {"model": None}}})
        assert answer["error"]["problems"][0]["path"] == "routes.chat.versions.v1.model"


async def test_versions_say_since_when_they_are_known(gateway):
    async with gateway.running():
        _, view = await gateway.ask("GET", "versions?route=chat")
        before = {each["name"]: each for each in view["versions"]}
        assert before["v1"]["first_generation"] == 1
        assert before["v1"]["first_seen"] > 1e9
        assert before["v2"]["share_percent"] == 10
        await gateway.ask("PATCH", "routes/chat", json={"versions": {"v2": {"model": "m3"}}})
        _, view = await gateway.ask("GET", "versions?route=chat")
        after = {each["name"]: each for each in view["versions"]}
        assert after["v1"]["first_generation"] == 1
        assert after["v2"]["first_generation"] == 2
        assert after["v2"]["id"] != before["v2"]["id"]
        assert len((await gateway.ask("GET", "versions"))[1]["versions"]) == 3


async def filled(gateway, count=5):
    make = ExchangeFactory()
    entries = []
    for number in range(count):
        make.clock.advance(10.0)
        body = Body("request", "application/json", 12, b'{"a": "b\xc3\xa9"}')
        row = make.row(user=f"user_{number}", status=200 if number else 503, route="chat", tags={"n": f"{number}"})
        if number == 1:
            row |= {"error_code": "guardrail_blocked", "verdicts": [verdict(action="block")]}
        entries.append(Entry(row, [body, Body("reply", "x", 3, b"\x00\xff\xfe")]))
    await gateway.store.append(entries, [], [], None)
    return [entry.row for entry in entries]


async def test_exchanges_come_in_pages_by_filters_and_one_by_one(gateway):
    async with gateway.running(workers=0):
        rows = await filled(gateway)
        _, page = await gateway.ask("GET", "exchanges?limit=2")
        assert [each["id"] for each in page["exchanges"]] == [rows[4]["id"], rows[3]["id"]]
        _, page = await gateway.ask("GET", f"exchanges?limit=2&before={page['next']}")
        assert [each["id"] for each in page["exchanges"]] == [rows[2]["id"], rows[1]["id"]]
        _, page = await gateway.ask("GET", f"exchanges?before={rows[1]['id']}")
        assert ([each["id"] for each in page["exchanges"]], page["next"]) == ([rows[0]["id"]], None)
        _, page = await gateway.ask("GET", f"exchanges?before={rows[0]['id'].upper()}")
        assert (page["exchanges"], page["next"]) == ([], None)
        for query, count in {
            "status=5xx": 1,
            "status=503": 1,
            "status=200": 4,
            "text=user_3": 1,
            "text=user%253": 0,
            "text=%25": 0,
            f"since={rows[3]['at']}": 2,
            "since=2100-01-01T00:00:00Z": 0,
            "until=2100-01-01T00:00:00Z": 5,
            "route=vendor/m-*": 0,
            "end=timeout": 0,
            "error=guardrail_blocked": 1,
            "error=internal_error": 0,
            "guardrail=credentials": 1,
            "guardrail=people": 0,
            "verdict=block": 1,
            "tag=n%3D3": 1,
            "tag=n%3D9": 0,
            "verdict=redact": 0,
        }.items():
            code, page = await gateway.ask("GET", f"exchanges?{query}")
            assert (code, len(page["exchanges"])) == (200, count), query
        code, one = await gateway.ask("GET", f"exchanges/{rows[1]['id'].upper()}")
        assert (code, one["user"], len(one["attempts"])) == (200, "user_1", 1)
        assert one["verdicts"] == [verdict(action="block")]
        assert one["bodies"][0]["content"] == '{"a": "bé"}'
        assert one["bodies"][1]["content_base64"] == "AP/+"
        _, one = await gateway.ask("GET", f"exchanges/{rows[1]['id']}?body_bytes=9")
        assert (one["bodies"][0]["content"], one["bodies"][0]["cut"]) == ('{"a": "b', True)
        _, one = await gateway.ask("GET", f"exchanges/{rows[1]['id']}?bodies=false")
        assert "bodies" not in one
        code, answer = await gateway.ask("GET", "exchanges/nothing")
        assert (code, answer["error"]["code"]) == (404, "exchange_not_found")


@pytest.mark.parametrize(
    "query",
    [
        *(f"exchanges?limit={limit}" for limit in ("0", "-1", "1001", "NaN", "1e308", "9" * 20)),
        *(f"exchanges?before={cursor}" for cursor in ("zzz", "1", "%F0%9F%92%A9", "z" * 36)),
        "exchanges?status=9xx",
        "exchanges?status=abc",
        "exchanges?tag=team",
        "exchanges?tag=%3Dx",
        "exchanges?end=nothing",
        "exchanges?error=nothing",
        "exchanges?verdict=allow",
        "exchanges?since=NaN",
        "exchanges?routes=chat",
        "exchanges?limit=1&limit=2",
        f"exchanges?text={'x' * 201}",
        "generations?limit=1001",
        "generations?before=x",
        "versions?rout=chat",
        "config?format=yaml",
    ],
)
async def test_what_is_asked_within_no_bounds_is_refused(gateway, query):
    async with gateway.running(workers=0):
        code, answer = await gateway.ask("GET", query)
        assert (code, answer["error"]["code"]) == (422, "invalid_parameter")


async def test_a_search_that_takes_long_is_stopped_and_says_so(gateway, monkeypatch):
    async with gateway.running(workers=0):
        await filled(gateway)
        monkeypatch.setattr(sqlite_connection, "PROGRESS_STEPS", 1)
        gateway.store._query_s = -1.0
        code, answer = await gateway.ask("GET", "exchanges?text=%25_%25_%25_%25_%25&limit=1000")
        assert (code, answer["error"]["code"]) == (503, "store_unavailable")
        assert "longer than allowed" in answer["error"]["message"]


async def test_the_control_process_gives_a_query_five_seconds():
    from llmgateway.app import control

    assert control.QUERY_S == 5.0


BODIES = [
    ("PUT", "config", configuration.TEXT, {"If-Match": "*"}),
    ("PUT", "routes/chat", routes.ROUTE, {}),
    ("PATCH", "routes/chat", routes.PATCH, {}),
    ("PUT", "routes/chat/weights", routes.WEIGHTS, {}),
]


@pytest.mark.parametrize(("method", "path", "body", "headers"), BODIES)
@pytest.mark.parametrize("has_length", [True, False])
async def test_bodies_are_bounded_before_they_are_read(gateway, method, path, body, headers, has_length):
    async def pieces():
        for _ in range(body.limit // 65_536 + 2):
            yield b"x" * 65_536

    data = io.BytesIO(b"x" * (body.limit + 1)) if has_length else pieces()
    async with gateway.running(workers=0):
        sent = {"Content-Type": body.content_type, **headers}
        code, answer = await gateway.ask(method, path, data=data, headers=sent)
        assert (code, answer["error"]["code"]) == (413, "payload_too_large")
        assert gateway.file.read_text() == CONFIG


@pytest.mark.parametrize(("method", "path", "body", "headers"), BODIES)
async def test_a_body_of_another_kind_or_none_at_all_is_refused(gateway, method, path, body, headers):
    other = "text/plain" if body.content_type == "application/json" else "application/json"
    async with gateway.running(workers=0):
        code, answer = await gateway.ask(method, path, data=b"{}", headers={"Content-Type": other, **headers})
        assert code == 415
        assert f"send it with `Content-Type: {body.content_type}`" in answer["error"]["message"]
        gzip = {"Content-Type": body.content_type, "Content-Encoding": "gzip", **headers}
        assert (await gateway.ask(method, path, data=b"{}", headers=gzip))[0] in {400, 415}
        for data in (b"\xff\xfe", b"[", b""):
            sent = {"Content-Type": body.content_type, **headers}
            code, answer = await gateway.ask(method, path, data=data, headers=sent)
            assert code == 422, (data, answer)
        assert gateway.file.read_text() == CONFIG


async def test_a_body_that_does_not_come_is_not_waited_for(gateway, monkeypatch):
    monkeypatch.setattr(asking, "BODY_S", 0.05)
    async with gateway.running(workers=0):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
        head = "PUT /admin/v1/routes/chat/weights HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"
        writer.write(head.encode())
        assert await asyncio.wait_for(reader.readline(), 5) == b"HTTP/1.1 408 Request Timeout\r\n"
        writer.close()


async def test_lists_of_what_is_configured_come_in_pages(gateway):
    async with gateway.running(workers=0):
        for path, key, names in (
            ("routes", "name", ["chat", "vendor/m-*"]),
            ("versions", "route", ["chat", "vendor/m-*"]),
            ("backends", "name", ["one", "two"]),
        ):
            _, first = await gateway.ask("GET", f"{path}?limit=1")
            _, second = await gateway.ask("GET", path, params={"limit": "1", "after": first["next"]})
            assert {each[key] for each in first[path]} == {names[0]}
            assert {each[key] for each in second[path]} == {names[1]}
            assert second["next"] is None
            assert (await gateway.ask("GET", f"{path}?limit=1001"))[0] == 422


async def test_only_so_many_questions_are_asked_of_the_store_at_once(gateway, monkeypatch):
    async with gateway.running(workers=0) as (control, _):
        go = asyncio.Event()

        async def page(*_, **__):
            await go.wait()
            return []

        monkeypatch.setattr(gateway.store, "page", page)
        asked = [asyncio.create_task(gateway.ask("GET", "exchanges")) for _ in range(admin.MAX_QUERIES)]
        await until(lambda: control._admin._queries == admin.MAX_QUERIES)
        code, answer = await gateway.ask("GET", "generations")
        assert (code, answer["error"]["code"]) == (503, "busy")
        assert (await gateway.ask("GET", "live"))[0] == 200
        go.set()
        assert {code for code, _ in await asyncio.gather(*asked)} == {200}
        assert (await gateway.ask("GET", "generations"))[0] == 200


async def walked(gateway):
    """Every endpoint that the document describes, with something in each place of its path."""
    _, document = await gateway.ask("GET", "openapi.json")
    return [
        (method.upper(), NAME.sub("1", path), operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


async def test_every_endpoint_of_the_document_answers_and_none_lets_a_stranger_in(gateway):
    gateway.file.write_text(CONFIG.replace("[backends.one]", 'token = "env:TOKEN"\n[backends.one]', 1))
    gateway.headers = {"Authorization": f"Bearer {gateway.environ['TOKEN']}"}
    async with gateway.running(workers=0):
        endpoints = await walked(gateway)
        assert len(endpoints) > 20
        for method, path, operation in endpoints:
            is_open = operation["security"] == []
            code, _ = await gateway.ask(method, path, headers={"Authorization": "Bearer nobody"})
            assert (code != 401) == is_open, path
            for foreign in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
                assert (await gateway.ask(method, path, headers=foreign))[0] == 403, path
            if path.endswith("stream"):
                continue
            code, _ = await gateway.ask(method, path)
            assert str(code) in operation["responses"] or code in {413, 415}, (method, path, code)
            assert code < 500 or path in {"/readyz", "/startupz", "/metrics"}, (method, path, code)


async def test_every_endpoint_of_the_api_refuses_parameters_it_does_not_know(gateway):
    async with gateway.running(workers=0):
        for method, path, operation in await walked(gateway):
            if path.startswith("/admin") and path != "/admin/v1/live":
                code, answer = await gateway.ask(method, f"{path}?dryrun=true")
                assert (code, answer["error"]["code"]) == (422, "invalid_parameter"), (method, path)
        assert gateway.file.read_text() == CONFIG


async def test_who_changes_something_goes_by_what_they_say_else_by_the_token(gateway):
    async with gateway.running():
        await gateway.weights(v1=1)
        hostile = {"x-llmgateway-author": "ad\u202ea" + "x" * 500}
        await gateway.ask("PUT", "routes/chat/weights", json={"v1": 2}, headers=hostile)
        newest, before, _ = await gateway.history()
        assert before["author"] == "local"
        assert len(newest["author"]) <= asking.MAX_AUTHOR
        assert newest["author"].isprintable()
        code, _ = await gateway.weights(query={"reason": "x" * 501}, v1=3)
        assert code == 422


async def events(answer, count):
    found = []
    while len(found) < count:
        line = await asyncio.wait_for(answer.content.readline(), 5)
        if line.startswith(b"data: "):
            found.append(json.loads(line[6:]))
    return found


async def test_the_live_view_comes_as_a_stream_too(gateway):
    async with gateway.running() as (control, _):
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{gateway.url}/admin/v1/live/stream") as answer:
                assert answer.headers["Content-Type"] == "text/event-stream"
                assert "Server" not in answer.headers
                assert answer.headers["Cache-Control"] == "no-store"
                first, second = await events(answer, 2)
                assert first["generation"] == second["generation"] == 1
                assert 0.5 < second["uptime_s"] - first["uptime_s"] < 3
                assert control._feed.subscribers == 1
        await until(lambda: control._feed.subscribers == 0)
        assert (await gateway.ask("HEAD", "live/stream"))[0] == 200


async def test_a_stream_ends_with_the_token_it_began_with(gateway):
    async with gateway.running() as (control, _):
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{gateway.url}/admin/v1/live/stream") as answer:
                await events(answer, 1)
                token = CONFIG.replace("[backends.one]", 'token = "env:TOKEN"\n[backends.one]', 1)
                assert (await gateway.put_text(token))[0] == 200
                with pytest.raises(aiohttp.ClientError):
                    while True:
                        await events(answer, 1)
        assert (await gateway.ask("GET", "live"))[0] == 401


async def test_who_does_not_read_is_cut_off(gateway, monkeypatch):
    async with gateway.running() as (control, _):
        view = {"padding": "x" * 400_000}
        monkeypatch.setattr(control._feed, "_view", lambda: view)
        monkeypatch.setattr(control._feed, "_every_s", 0.005)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]), limit=1_000)
        writer.write(b"GET /admin/v1/live/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await asyncio.wait_for(reader.readline(), 5) == b"HTTP/1.1 200 OK\r\n"
        await until(lambda: control._feed.subscribers == 1)
        await until(lambda: control._feed.subscribers == 0)
        writer.close()


async def test_who_stands_still_loses_its_place_long_before_the_systems_buffers_are_full(gateway, monkeypatch):
    async with gateway.running() as (control, _):
        view = {"padding": "x" * 2_000}
        monkeypatch.setattr(control._feed, "_view", lambda: view)
        monkeypatch.setattr(control._feed, "_every_s", 0.005)
        asleep = [_asleep(int(gateway.url.rpartition(":")[2])) for _ in range(MAX_SUBSCRIBERS)]
        await until(lambda: control._feed.subscribers == MAX_SUBSCRIBERS)
        assert (await gateway.ask("GET", "live/stream"))[0] == 503
        await until(lambda: control._feed.subscribers == 0)
        for each in asleep:
            each.close()
        async with aiohttp.ClientSession() as http, http.get(f"{gateway.url}/admin/v1/live/stream") as answer:
            assert len(await events(answer, 3 * MAX_UNREAD)) == 3 * MAX_UNREAD  # who reads keeps its place


def _asleep(port: int) -> socket.socket:
    """Asks for the stream and never reads."""
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    asking.connect(("127.0.0.1", port))
    asking.sendall(b"GET /admin/v1/live/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return asking


async def test_a_page_is_never_longer_than_a_thousand(gateway):
    (limit,) = [param for param in exchanges._PAGE if param.name == "limit"]
    assert (limit.low, limit.high) == (1, 1_000)
