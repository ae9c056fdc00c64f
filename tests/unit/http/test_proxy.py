"""CONNECT: what is asked and which answers open a tunnel."""

from base64 import b64encode

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.http.proxy import Proxy, check_reply, connect_head

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [("http://p.test", "p.test", 80), ("http://p.test:3128/", "p.test", 3128), ("http://[::1]:1", "::1", 1)],
)
def test_a_proxy_is_read_from_its_url(url, host, port):
    assert Proxy.parse(url) == Proxy(host, port)


def test_a_proxys_credential_is_sent_and_never_shown():
    proxy = Proxy.parse("http://us%40er:s%3Acret@p.test")
    assert proxy.authorization == b"Basic " + b64encode(b"us@er:s:cret")
    assert "cret" not in repr(proxy)
    assert "authorization" not in repr(proxy)


@pytest.mark.parametrize(
    "url", ["https://p.test", "socks5://p.test", "p.test:80", "http://", "http://p.test/x", "http://s3cret@"]
)
def test_another_kind_of_proxy_is_refused_without_quoting_it(url):
    with pytest.raises(ValueError, match="http://host:port") as refused:
        Proxy.parse(url)
    assert "s3cret" not in str(refused.value)


def test_connect_names_the_backend():
    assert connect_head(b"a.test:443", None) == b"CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n"
    assert b"\r\nproxy-authorization: Basic eA==\r\n" in connect_head(b"a.test:443", b"Basic eA==")


def test_a_2xx_opens_the_tunnel_once_its_head_is_whole():
    for size in range(len(ESTABLISHED)):
        assert check_reply(ESTABLISHED[:size]) is False
    assert check_reply(ESTABLISHED) is True
    assert check_reply(b"HTTP/1.0 204\r\n\r\n") is True


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "upstream_unreachable"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad", "upstream_unreachable"),
        (b"HTTP/1.1 101 X\r\n\r\n", "upstream_unreachable"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "upstream_protocol"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "upstream_protocol"),
        (b"HTTP/1.1 abc\r\n\r\n", "upstream_protocol"),
        (b"SSH-2.0\r\n\r\n", "upstream_protocol"),
        (ESTABLISHED + b"x", "upstream_protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000, "upstream_protocol"),
    ],
)
def test_anything_else_does_not(reply, code):
    with pytest.raises(GatewayError) as refused:
        check_reply(reply)
    assert refused.value.code == code
