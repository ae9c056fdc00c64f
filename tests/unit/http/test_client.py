"""Request heads and origins: what goes on the wire is computed here and nothing else gets in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.http.valid import VALID

from llmgateway.config.snapshot import Backend
from llmgateway.domain.errors import GatewayError
from llmgateway.http.client import HeadTemplate, Origin, Timeouts, Upload, build_head
from llmgateway.http.limits import Limits
from llmgateway.http.parsing import RequestParser


def test_a_head_carries_host_headers_and_framing_in_that_order():
    head = build_head("POST", "/v1/chat?x=1", b"api.test", [(b"authorization", b"Bearer k"), (b"x-a", b"")], b"{}")
    assert head == (
        b"POST /v1/chat?x=1 HTTP/1.1\r\nhost: api.test\r\nauthorization: Bearer k\r\nx-a: \r\n"
        b"accept-encoding: identity\r\ncontent-length: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "body", "ending"),
    [
        ("GET", None, b"identity\r\n\r\n"),
        ("HEAD", None, b"identity\r\n\r\n"),
        ("POST", None, b"content-length: 0\r\n\r\n"),
        ("POST", b"", b"content-length: 0\r\n\r\n"),
        ("DELETE", b"x", b"content-length: 1\r\n\r\n"),
        ("POST", Upload(7), b"content-length: 7\r\n\r\n"),
        ("POST", Upload(0), b"content-length: 0\r\n\r\n"),
        ("POST", Upload(None), b"transfer-encoding: chunked\r\n\r\n"),
    ],
)
def test_the_framing_follows_from_the_body(method, body, ending):
    assert build_head(method, "/", b"h", [], body).endswith(ending)


@pytest.mark.parametrize(
    "name",
    [b"host", b"content-length", b"transfer-encoding", b"accept-encoding", b"connection", b"keep-alive", b"te"]
    + [b"proxy-connection", b"proxy-authorization", b"trailer", b"upgrade", b"expect", b"http2-settings"],
)
def test_framing_and_hop_by_hop_fields_of_others_are_dropped(name):
    head = build_head("POST", "/", b"h", [(name, b"evil"), (b"x-b", b"1")], b"{}")
    assert b"evil" not in head
    assert b"x-b: 1" in head


@pytest.mark.parametrize("name", [b"", b"x y", b"x:y", b"x\r\ny", b"x\0", b"X-Upper", b"x\x80", b"x-\n", b"a: b\r\nc"])
def test_a_header_name_that_is_no_token_is_refused(name):
    with pytest.raises(ValueError, match="header"):
        build_head("POST", "/", b"h", [(name, b"v")], b"")


@pytest.mark.parametrize("bad", range(256))
def test_only_printable_ascii_and_tab_may_stand_in_a_value(bad):
    value = b"a" + bytes([bad]) + b"b"
    if bad == 9 or 0x20 <= bad < 0x7F:
        assert b"x: " + value + b"\r\n" in build_head("GET", "/", b"h", [(b"x", value)], None)
    else:
        with pytest.raises(ValueError, match="value") as refused:
            build_head("GET", "/", b"h", [(b"x", value)], None)
        assert "\\x" not in str(refused.value)


@pytest.mark.parametrize("target", ["", "v1", "/a b", "/a\r\nx: y", "/é", "/\0", "/a\x7f", "http://x/", "*"])
def test_a_target_that_is_no_plain_path_is_refused(target):
    with pytest.raises(ValueError, match="target"):
        build_head("GET", target, b"h", [], None)


@pytest.mark.parametrize("method", ["", "get", "GE T", "GET\r\n", "G\0"])
def test_a_method_that_is_no_upper_case_word_is_refused(method):
    with pytest.raises(ValueError, match="method"):
        build_head(method, "/", b"h", [], None)


def test_a_host_that_would_end_its_line_is_refused():
    with pytest.raises(ValueError, match="value"):
        build_head("GET", "/", b"h\r\nx: y", [], None)


@pytest.mark.parametrize(
    ("url", "host", "port", "host_header", "authority"),
    [
        ("http://a.test", "a.test", 80, b"a.test", b"a.test:80"),
        ("https://A.Test/v1", "a.test", 443, b"a.test", b"a.test:443"),
        ("https://a.test:443", "a.test", 443, b"a.test", b"a.test:443"),
        ("http://a.test:8000/v1", "a.test", 8000, b"a.test:8000", b"a.test:8000"),
        ("http://[::1]:9", "::1", 9, b"[::1]:9", b"[::1]:9"),
        ("https://[::1]", "::1", 443, b"[::1]", b"[::1]:443"),
        ("http://bücher.test", "xn--bcher-kva.test", 80, b"xn--bcher-kva.test", b"xn--bcher-kva.test:80"),
    ],
)
def test_an_origin_reads_where_its_backend_is(url, host, port, host_header, authority):
    origin = Origin.of(Backend("b", "openai", url))
    assert (origin.host, origin.port, origin.host_header, origin.authority) == (host, port, host_header, authority)


def test_an_origin_takes_over_the_backends_numbers():
    backend = Backend(
        "b", "openai", "https://a.test", connect_timeout_s=1, first_byte_timeout_s=2, idle_timeout_s=3,
        total_timeout_s=4, keepalive_s=5, max_connections=6, ca_file="/ca.pem", proxy="http://p:3128",
    )  # fmt: skip
    origin = Origin.of(backend)
    assert origin.timeouts == Timeouts(2, 3, 4)
    assert (origin.connect_timeout_s, origin.keepalive_s, origin.max_connections) == (1, 5, 6)
    assert origin.ca_file == "/ca.pem"
    assert origin.is_tls
    assert origin.proxy is not None
    assert (origin.proxy.host, origin.proxy.port) == ("p", 3128)


def test_an_origin_under_tls_reads_ahead_half_as_far():
    sizes = [
        Origin.of(Backend("b", "openai", f"{scheme}://a.test")).receive_buffer_bytes for scheme in ("http", "https")
    ]
    assert sizes == [64 * 1024, 32 * 1024]


@pytest.mark.parametrize("url", ["ftp://a.test", "a.test", "http://", "//a.test", "unix:/run/x"])
def test_a_base_url_of_another_kind_is_refused(url):
    with pytest.raises(ValueError, match="base_url"):
        Origin.of(Backend("b", "openai", url))


FIXED = [(b"authorization", b"Bearer k"), (b"x-own", b"1"), (b"connection", b"close")]
DEFAULTS = [(b"user-agent", b"us"), (b"version", b"1"), (b"x-own", b"2")]
TEMPLATE = HeadTemplate(
    b"api.test", FIXED, defaults=DEFAULTS, forwarded={b"accept", b"version", b"host", b"x-own"}, prefixes=(b"x-", b"te")
)


def test_a_template_sends_what_it_lets_through_between_host_and_what_is_fixed():
    headers = [(b"host", b"g"), (b"accept", b"a"), (b"user-agent", b"them"), (b"x-a", b""), (b"accept", b"b")]
    assert TEMPLATE.render("POST", "/v1/chat?x=1", headers, b"{}", b"hop: 1\r\n") == (
        b"POST /v1/chat?x=1 HTTP/1.1\r\nhost: api.test\r\naccept: a\r\nx-a: \r\naccept: b\r\nhop: 1\r\n"
        b"user-agent: us\r\nversion: 1\r\nauthorization: Bearer k\r\nx-own: 1\r\n"
        b"accept-encoding: identity\r\ncontent-length: 2\r\n\r\n"
    )


def test_a_callers_header_takes_the_place_of_a_default_but_not_of_what_is_fixed():
    head = TEMPLATE.render("GET", "/", [(b"version", b"9"), (b"x-own", b"evil"), (b"authorization", b"evil")], None)
    assert (head.count(b"version: "), head.count(b"x-own: "), head.count(b"authorization: ")) == (1, 1, 1)
    assert b"version: 9" in head
    assert b"evil" not in head


@pytest.mark.parametrize("name", [b"te", b"x-own", b"host", b"content-length", b"transfer-encoding", b"trailer"])
def test_a_template_drops_framing_hop_by_hop_and_fixed_fields_whatever_its_allow_list_says(name):
    template = HeadTemplate(b"h", FIXED, forwarded={name}, prefixes=(name[:1],))
    assert b"evil" not in template.render("POST", "/", [(name, b"evil")], b"")


@pytest.mark.parametrize("body", [None, b"", b"x", Upload(7), Upload(None)])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_templates_framing_is_that_of_any_head(method, body):
    head = HeadTemplate(b"h", []).render(method, "/", [], body)
    assert head == build_head(method, "/", b"h", [], body)


@pytest.mark.parametrize("target", ["", "v1", "/a b", "/a\r\nx: y", "/é", "/\0", "/a\x7f", "http://x/", "*"])
def test_a_template_refuses_a_target_that_is_no_plain_path(target):
    with pytest.raises(ValueError, match=r"target|ascii"):
        TEMPLATE.render("GET", target, [], None)


@pytest.mark.parametrize("method", ["", "get", "GE T", "GET\r\n", "TRACE", "CONNECT"])
def test_a_template_refuses_other_methods(method):
    with pytest.raises(ValueError, match="method"):
        TEMPLATE.render(method, "/", [], None)


@pytest.mark.parametrize("pair", [(b"X-Upper", b"v"), (b"", b"v"), (b"x", b"a\r\nb: c"), (b"x", b"\xff")])
@pytest.mark.parametrize("place", ["fixed", "defaults"])
def test_a_template_of_headers_that_could_not_be_sent_is_refused(pair, place):
    with pytest.raises(ValueError, match="header"):
        HeadTemplate(b"h", **{"fixed": [], "defaults": [], place: [pair]})


NAMES = st.sampled_from([b"Accept", b"X-A", b"VERSION", b"TE", b"Host", b"other", b"x-\x00", b"x y"])
VALUES = st.one_of(st.binary(max_size=12), st.text("ab \t,;", max_size=8).map(str.encode))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.sampled_from(sorted(VALID)))
def test_what_a_caller_may_send_a_template_may_send_on_unchecked(fields, name):
    """The template trusts the parser: `build_head`, which checks each byte, must come to the same."""
    parser = RequestParser(Limits())
    line, _, rest = VALID[name].partition(b"\r\n")
    try:
        parser.feed(b"\r\n".join([line, *[name + b":" + value for name, value in fields], rest]), 0)
    except GatewayError:
        return
    if parser.head is None:
        return
    headers = parser.head.headers
    template = HeadTemplate(b"h", [], forwarded={name for name, _ in headers})
    assert template.render("POST", "/", headers, b"") == build_head("POST", "/", b"h", headers, b"")
