"""Rows U1 to U6: a backend that can't be reached, or leaves before it has answered."""

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack

import pytest
import trustme
from tests.support.plane import plane
from tests.support.rows import (
    CONFIG,
    NOBODY,
    OK,
    answering,
    assert_idle,
    assert_refused,
    blackhole,
    chat,
    closing,
    facing,
    results,
    stream,
)
from tests.support.wire_backend import WireBackend, expect, finish, reset, send, until_closed


async def test_u01_a_refused_connection_is_502_and_the_request_may_be_sent_again(tmp_path):
    async with plane(tmp_path, NOBODY, config=CONFIG) as running:
        answer = await chat(running)
        record = assert_refused(running, answer, 502, "upstream_unreachable")
        assert answer.headers["x-should-retry"] == "true"
        assert record.meta["end"] == "upstream_error"
        assert results(record) == ["upstream_unreachable"]
        assert record.meta["attempts"][0]["detail"] == "Connection refused"  # for the operator
        assert b"refused" not in answer.body
        assert record.meta["served_version"] is None
        assert_idle(running)


@pytest.mark.parametrize("ask", [chat, stream])
async def test_u01_where_another_version_answers_the_caller_notices_nothing(tmp_path, ask):
    async with WireBackend(answering(OK)) as good, plane(tmp_path, NOBODY, good.url, config=CONFIG) as running:
        answer = await ask(running, "resilient")
        assert (answer.status, answer.headers["x-llmgateway-version"]) == (200, "v2")
        assert results(running.outcome()) == ["upstream_unreachable", "ok"]


async def test_u02_a_backend_that_never_accepts_costs_the_connect_timeout_and_no_more(tmp_path):
    config = CONFIG.replace(
        '[routes.resilient.versions.v1]\nbackends = ["one"]', '[routes.resilient.versions.v1]\nbackends = ["hasty"]'
    )
    with blackhole() as url:
        async with WireBackend(answering(OK)) as good, plane(tmp_path, url, good.url, config=config) as running:
            answer = await chat(running, "hasty")
            record = assert_refused(running, answer, 504, "upstream_timeout")
            assert record.meta["end"] == "timeout"
            assert record.meta["attempts"][0]["total_s"] < 3
            assert record.meta["attempts"][0]["connect_s"] is None
            assert (await chat(running, "resilient")).status == 200


def names(monkeypatch, *found: str) -> None:
    """Make every name resolve to these addresses."""

    async def resolve(_host, port, **_):
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve, raising=False)


@pytest.mark.parametrize("found", [(), ("169.254.169.254",), ("0.0.0.0", "224.0.0.1")])
async def test_u03_a_name_that_does_not_resolve_or_leads_astray_is_never_dialled(tmp_path, monkeypatch, found):
    """A name that was rebound to a cloud's metadata service must not get our credential."""
    names(monkeypatch, *found)
    config = CONFIG.replace('"{one}/v1"', '"http://nowhere.test:80/v1"')
    async with WireBackend(answering(OK)) as good, plane(tmp_path, NOBODY, good.url, config=config) as running:
        answer = await chat(running)
        record = assert_refused(running, answer, 502, "upstream_unreachable")
        assert record.meta["attempts"][0]["detail"] == "the name nowhere.test does not resolve"
        assert b"nowhere.test" not in answer.body
        assert (await chat(running, "resilient")).status == 200


@pytest.mark.parametrize("named", ["127.0.0.1", "elsewhere.test"])
async def test_u04_tls_is_verified_and_never_replaced_by_plain(tmp_path, named):
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(named).configure_cert(context)
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trusted = CONFIG.replace("[backends.one]", f'[backends.one]\nca_file = "{tmp_path}/ca.pem"')
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(WireBackend(answering(OK), tls=context))
        good = await stack.enter_async_context(WireBackend(answering(OK)))
        async with plane(tmp_path, backend.url, good.url, config=trusted) as running:
            answer = await chat(running)
            if named == "127.0.0.1":
                assert answer.status == 200
                return
            record = assert_refused(running, answer, 502, "upstream_tls")
            assert results(record) == ["upstream_tls"]
            assert backend.requests == []
            assert b"sk-upstream" not in b"".join(wire.received for wire in backend.connections)
            assert (await chat(running, "resilient")).headers["x-llmgateway-version"] == "v2"


async def test_u05_a_close_before_any_answer_is_tried_again_where_that_does_no_harm(tmp_path):
    async with facing(tmp_path, [expect(), finish()], [expect(), reset()], answering(OK)) as (running, backend):
        answer = await chat(running, "assistant")
        assert answer.status == 200
        record = running.outcome()
        assert results(record) == ["upstream_error", "upstream_error", "ok"]
        assert [attempt["kind"] for attempt in record.meta["attempts"]] == ["first", "retry", "retry"]
        assert len(backend.requests) == 3


async def test_u05_a_request_that_may_have_had_an_effect_is_sent_once(tmp_path):
    async with facing(tmp_path, [expect(), finish()]) as (running, backend):
        answer = await running.post("/v1/batches", {"input_file_id": "f"}, {"x-llmgateway-route": "assistant"})
        record = assert_refused(running, answer, 502, "upstream_error")
        assert results(record) == ["upstream_error"]
        assert len(backend.requests) == 1


@pytest.mark.parametrize("end", [finish(), reset()])
async def test_u06_a_pooled_connection_that_died_costs_the_caller_nothing(tmp_path, end):
    async with facing(tmp_path, [expect(), send(OK), expect(), end], answering(OK)) as (running, backend):
        for _ in range(2):
            assert (await chat(running)).status == 200  # although this route makes one attempt
        attempts = running.of_kind("settled")[1].meta["attempts"]
        assert [(attempt["result"], attempt["reused"]) for attempt in attempts] == [
            ("upstream_error", True),
            ("ok", False),
        ]
        assert len(backend.connections) == 2


async def test_u06_a_pooled_connection_that_was_closed_meanwhile_is_not_used(tmp_path):
    async with facing(tmp_path, closing(OK), answering(OK)) as (running, backend):
        await chat(running)
        await backend.connections[0].until(lambda: backend.connections[0].lost_at is not None)
        assert (await chat(running)).status == 200
        (attempt,) = running.of_kind("settled")[1].meta["attempts"]
        assert (attempt["result"], attempt["reused"]) == ("ok", False)


async def test_u06_a_reused_connection_that_died_within_its_answer_is_no_longer_free_to_retry(tmp_path):
    half = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"
    async with facing(tmp_path, [expect(), send(OK), expect(), send(half)], answering(OK)) as (running, _):
        await chat(running)
        assert (await chat(running)).json()["error"]["code"] == "upstream_truncated"


async def test_u06_an_http_1_0_backend_is_served_without_reuse(tmp_path):
    old = OK.replace(b"HTTP/1.1", b"HTTP/1.0")
    async with facing(tmp_path, closing(old)) as (running, backend):
        for _ in range(3):
            assert (await chat(running)).status == 200
        assert len(backend.connections) == 3


async def test_u06_what_is_silent_after_the_request_is_not_repeated(tmp_path):
    async with facing(tmp_path, [expect(), send(OK), expect(), until_closed()]) as (running, backend):
        await chat(running, "hasty")
        answer = await chat(running, "hasty")
        assert answer.json()["error"]["code"] == "upstream_timeout"
        assert len(backend.requests) == 2
