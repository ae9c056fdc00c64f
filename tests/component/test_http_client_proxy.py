"""Backends behind an HTTP proxy: a tiny CONNECT proxy stands between."""

import asyncio
import ssl
from base64 import b64encode

import pytest
import trustme
from tests.support.http_client import exchange, make_pool
from tests.support.wire_backend import (
    Step,
    Wire,
    WireBackend,
    expect,
    expect_head,
    finish,
    forever,
    reply,
    send,
    send_bytewise,
    until_closed,
)

from llmgateway.domain.errors import GatewayError

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def splice(port: int) -> Step:
    """Carry bytes between this connection and a local port until either side leaves."""

    async def step(wire: Wire) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def down() -> None:
            while piece := await reader.read(65536):
                wire.transport.write(piece)
            wire.transport.close()

        back = asyncio.create_task(down())
        try:
            while wire.left_at is None:
                await wire.until(lambda: bool(wire.unread) or wire.left_at is not None)
                writer.write(wire.take(len(wire.unread)))
        finally:
            back.cancel()
            writer.transport.abort()

    return step


def proxy_to(backend: WireBackend) -> WireBackend:
    return WireBackend([expect_head(), send_bytewise(ESTABLISHED), splice(backend.port)])


def asked(proxy: WireBackend) -> bytes:
    return bytes(proxy.connections[0].received).partition(b"\r\n\r\n")[0]


async def test_a_plain_backend_is_reached_through_the_proxy():
    async with WireBackend([forever(expect(), send(reply(b"hi")))]) as backend, proxy_to(backend) as proxy:
        pool = make_pool("http://backend.test:81", proxy=f"http://us:pw@127.0.0.1:{proxy.port}")
        for _ in range(2):
            assert (await exchange(pool)).body == b"hi"
        credential = b64encode(b"us:pw")
        assert asked(proxy) == (
            b"CONNECT backend.test:81 HTTP/1.1\r\nhost: backend.test:81\r\nproxy-authorization: Basic " + credential
        )
        request = backend.requests[0]
        assert (request.target, request.header(b"host")) == ("/v1/x", b"backend.test:81")
        assert credential not in request.raw
        assert len(proxy.connections) == 1
        pool.close()


async def test_a_tls_backend_is_verified_through_the_proxy(tmp_path):
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("backend.test").configure_cert(context)
    tls_backend = WireBackend([forever(expect(), send(reply(b"hi")))], tls=context)
    async with tls_backend as backend, proxy_to(backend) as proxy:
        settings = {"proxy": f"http://127.0.0.1:{proxy.port}", "ca_file": str(tmp_path / "ca.pem")}
        pool = make_pool("https://backend.test", **settings)
        assert (await exchange(pool)).body == b"hi"
        assert asked(proxy).startswith(b"CONNECT backend.test:443 HTTP/1.1\r\n")
        assert b"/v1/x" not in proxy.connections[0].received
        pool.close()
        with pytest.raises(GatewayError) as failed:
            await make_pool("https://other.test", **settings).dial()
        assert failed.value.code == "upstream_tls"


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([send(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), until_closed()], "upstream_unreachable"),
        ([send(ESTABLISHED[:-2]), finish()], "upstream_unreachable"),
        ([finish()], "upstream_unreachable"),
        ([send(b"SSH-2.0\r\n\r\n"), until_closed()], "upstream_protocol"),
        ([send(ESTABLISHED + b"HTTP/1.1 200 OK\r\n"), until_closed()], "upstream_protocol"),
        ([send(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 20_000), until_closed()], "upstream_protocol"),
        ([until_closed()], "upstream_timeout"),
    ],
)
async def test_a_proxy_that_does_not_open_a_tunnel_is_left_at_once(steps, code):
    async with WireBackend([expect_head(), *steps]) as proxy:
        pool = make_pool("http://backend.test", proxy=f"http://127.0.0.1:{proxy.port}", connect_timeout_s=0.5)
        with pytest.raises(GatewayError) as failed:
            await pool.dial()
        assert failed.value.code == code
        assert pool.open == 0
        await proxy.until(lambda: proxy.connections[0].left_at is not None)


async def test_the_environments_proxy_is_not_used(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    async with WireBackend([forever(expect(), send(reply(b"hi")))]) as backend:
        pool = make_pool(backend.url)
        assert (await exchange(pool)).body == b"hi"
        pool.close()
