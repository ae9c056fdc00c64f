"""What a request's head must be, beyond what llhttp insists on: decided once, on the whole head, by plain functions.

llhttp lets pass: bytes above 0x7F in values, several blanks in the request line, RTSP and HTTP/0.9 and 2.0 lines,
lone LFs before the line, `Transfer-Encoding: gzip, chunked` and `,chunked`, chunked in HTTP/1.0, two Host fields,
absolute targets. Each of these is a way to make two parsers disagree (RFC 9112, section 11), so none gets through.
No message of a refusal quotes the caller's bytes.
"""

from typing import Final, NamedTuple

from llmgateway.domain.errors import GatewayError
from llmgateway.http.limits import Limits
from llmgateway.http.messages import Headers

HEAD_END: Final = b"\r\n\r\n"
_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_IS_HTTP11: Final = {b"HTTP/1.1": True, b"HTTP/1.0": False}
_ONCE: Final = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"content-encoding",
        b"content-type",
        b"authorization",
        b"x-api-key",
    }
)
_NOT_IN_HOST: Final = b"/?#@\\, \t"
LENGTH_DIGITS: Final = 18  # below 2^63, so that no peer's integer wraps


class RequestLine(NamedTuple):
    """A request line, found sound. `text` ends with its CR; `path` is as sent, `query` has its "?" or is empty."""

    text: bytes
    method: str
    target: bytes
    path: str
    query: bytes
    is_http11: bool


class RequestHead(NamedTuple):
    """One request's head, found sound. `fields` has the first value of each name in `headers`; `encoding` is the
    body's content coding, None where it has none.
    """

    line: RequestLine
    headers: Headers
    fields: dict[bytes, bytes]
    is_persistent: bool
    content_length: int | None
    is_chunked: bool
    has_body: bool
    expects_continue: bool
    encoding: bytes | None

    @property
    def method(self) -> str:
        return self.line.method

    @property
    def target(self) -> bytes:
        return self.line.target


def judge(
    raw: bytes, headers: Headers, limits: Limits, *, is_persistent: bool, before: RequestLine | None = None
) -> RequestHead:
    """Return the head made of `raw` (its bytes to the empty line) and `headers` (as llhttp split it).

    `before`: a line already found sound, as callers mostly ask the same again. Raises GatewayError: bad_request,
    http_version, method_not_allowed, uri_too_long, headers_too_large, expectation_failed.
    """
    if not raw.isascii() or not raw.endswith(HEAD_END):
        raise GatewayError("bad_request")
    line = before if before is not None and raw.startswith(before.text) else _request_line(raw, limits)
    is_http11 = line.is_http11
    if len(headers) > limits.max_headers or len(raw) > limits.max_header_line_bytes:
        _check_sizes(headers, limits)
    fields = dict(headers)
    if len(fields) != len(headers):
        fields = _first_of_each(headers)
    host = fields.get(b"host")
    if is_http11 if host is None else host.translate(None, _NOT_IN_HOST) != host:
        raise GatewayError("bad_request")
    length, is_chunked = _framing(fields, is_http11=is_http11)
    expect = fields.get(b"expect")
    if expect is not None and expect.lower() != b"100-continue":
        raise GatewayError("expectation_failed")
    encoding = fields.get(b"content-encoding")
    return RequestHead(
        line,
        headers,
        fields,
        is_persistent,
        length,
        is_chunked,
        is_chunked or bool(length),
        expect is not None and is_http11,  # RFC 9110, section 10.1.1: HTTP/1.0 gets no 100
        None if encoding is None or encoding.lower() in {b"", b"identity"} else encoding,
    )


def request_line(raw: bytes) -> bytes:
    """Return the request line of a head, whole or not, without the empty lines a caller may send first."""
    return raw.lstrip(b"\r\n").partition(b"\r")[0]


def _request_line(raw: bytes, limits: Limits) -> RequestLine:
    if raw[0] <= 13:
        raw = _without_empty_lines(raw)
    text = raw[: raw.index(b"\r") + 1]
    parts = text[:-1].split(b" ")
    if len(parts) != 3:
        raise GatewayError("http_version" if len(parts) == 2 else "bad_request")
    name, target, version = parts
    is_http11 = _IS_HTTP11.get(version)
    if is_http11 is None:
        raise GatewayError("http_version" if version.startswith(b"HTTP/") else "bad_request")
    method = _METHODS.get(name)
    if method is None:
        raise GatewayError("method_not_allowed")
    if len(target) > limits.max_target_bytes:
        raise GatewayError("uri_too_long")
    if not target.startswith(b"/") or b"#" in target:
        raise GatewayError("bad_request")
    path = target.partition(b"?")[0]
    return RequestLine(text, method, target, path.decode("ascii"), target[len(path) :], is_http11)


def _without_empty_lines(raw: bytes) -> bytes:
    """RFC 9112, section 2.2: empty lines before the request line are ignored, lone CRs and LFs are not."""
    rest = raw.lstrip(b"\r\n")
    lines = len(raw) - len(rest)
    if raw[:lines] != b"\r\n" * (lines // 2):
        raise GatewayError("bad_request")
    return rest


def _check_sizes(headers: Headers, limits: Limits) -> None:
    most = limits.max_header_line_bytes
    if len(headers) > limits.max_headers or any(len(name) + len(value) > most for name, value in headers):
        raise GatewayError("headers_too_large")


def _first_of_each(headers: Headers) -> dict[bytes, bytes]:
    """Return the fields by name where some are repeated; those of `_ONCE` must not be."""
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in fields:
            fields[name] = value
        elif name in _ONCE:
            raise GatewayError("bad_request")
    return fields


def _framing(known: dict[bytes, bytes], *, is_http11: bool) -> tuple[int | None, bool]:
    """Return the body's length and whether it comes in chunks (RFC 9112, section 6.3, without its forbearance)."""
    coding = known.get(b"transfer-encoding")
    length = known.get(b"content-length")
    if coding is not None:
        if coding != b"chunked" or length is not None or not is_http11:
            raise GatewayError("bad_request")
        return None, True
    if length is None:
        return None, False
    if not length.isdigit() or len(length) > LENGTH_DIGITS:
        raise GatewayError("bad_request")
    return int(length), False
