"""What the data plane and the upstream client say to each other: where to connect, what to send, who hears the reply.

Plain values and one Protocol. Sockets belong to `connection` and `client_dial`; what a reply means, to the caller.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeAlias

from llmgateway.config.snapshot import Backend
from llmgateway.domain.errors import GatewayError
from llmgateway.http.messages import Headers, lines
from llmgateway.http.proxy import Proxy

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# The kernel doubles these. A stalled stream holds what has been read and not relayed; under TLS the event loop holds it
# twice, so half keeps both below 128 KiB a stream. Larger means faster over long distances: window / round trip.
RECEIVE_BUFFER_BYTES: Final = 64 * 1024
TLS_RECEIVE_BUFFER_BYTES: Final = 32 * 1024

# RFC 9110, section 5.6.2 (lower case only) and 5.5 without obs-text
_NAME_BYTES: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_METHOD_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TARGET_BYTES: Final = bytes(range(0x21, 0x7F))
_VALUE_BYTES: Final = b"\t" + bytes(range(0x20, 0x7F))
# Framing and hop-by-hop fields are computed here or not sent at all (RFC 9112, section 6; RFC 9110, section 7.6.1).
_OURS: Final = frozenset(
    b"host content-length transfer-encoding accept-encoding connection keep-alive proxy-connection "
    b"proxy-authorization te trailer upgrade expect http2-settings".split()
)
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_METHODS: Final = {method: f"{method} ".encode() for method in (*_BODILESS, "POST", "PUT", "PATCH")}
_IDENTITY: Final = b"accept-encoding: identity\r\n"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `first_byte_s` runs from the last byte sent, `idle_s` between bytes of the reply (not while its reading
    is paused), `total_s` from `send` to the end.
    """

    first_byte_s: float
    idle_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Upload:
    """A request body that follows in pieces: exactly `length` bytes, or chunked if that is None."""

    length: int | None


class Parts:
    """A request body that is here whole, but in parts, because joining them would take long."""

    __slots__ = ("_size", "parts")

    def __init__(self, parts: Sequence[bytes | memoryview]) -> None:
        self.parts = parts
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size


# For a request that asks for another protocol: a 101 is a reply to it, what follows that comes as its body, and what
# goes the other way is sent as it is. Otherwise it is a request without a body, after which the connection is closed.
SWITCH: Final = Upload(1 << 62)

Body: TypeAlias = bytes | Parts | Upload | None


class Receiver(Protocol):
    """Hears one reply, pushed, on the event loop's thread. After `on_end` or `on_fault` it hears nothing more.

    Any of these may call the connection's `pause`, `resume` or `cancel`. Data already read still comes after `pause`.
    """

    def on_head(self, status: int, headers: Headers) -> None:
        """Take the final status and headers; interim (1xx) replies have been swallowed."""
        ...

    def on_data(self, piece: bytes) -> None:
        """Take the next bytes of the body, framing removed, content encoding untouched."""
        ...

    def on_end(self, *, is_delimited: bool) -> None:
        """The reply is over. Not `is_delimited`: only the connection's end said so, so it may have been cut."""
        ...

    def on_fault(self, error: GatewayError, *, reusable_retry: bool) -> None:
        """The reply failed, the connection is closed. `reusable_retry`: it was a pooled connection that died before
        any byte of the reply, so one retry on a fresh one is due (RFC 9110, section 9.2.2 leaves it to us).
        """
        ...

    def on_upload_writable(self, *, is_writable: bool) -> None:
        """The transport's buffer is full (stop calling `send_piece`), or has room again."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a backend is and how to get there. `host` and `host_header` are ASCII; `ca_file` replaces the
    system's roots.
    """

    scheme: str
    host: str
    port: int
    host_header: bytes
    timeouts: Timeouts
    connect_timeout_s: float = 3.0
    keepalive_s: float = 3.5
    max_connections: int = 1_000
    ca_file: str | None = None
    proxy: Proxy | None = None
    receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @classmethod
    def of(cls, backend: Backend) -> Self:
        """Read a backend's settings; ValueError if its base_url or proxy can't be used."""
        url = backend.url
        if url.scheme not in DEFAULT_PORTS or not url.hostname:
            raise ValueError(f"backend {backend.name}: base_url must be http:// or https:// with a host")
        host = _ascii_host(url.hostname)
        port = url.port or DEFAULT_PORTS[url.scheme]
        return cls(
            scheme=url.scheme,
            host=host,
            port=port,
            host_header=_authority(host, None if port == DEFAULT_PORTS[url.scheme] else port),
            timeouts=Timeouts(backend.first_byte_timeout_s, backend.idle_timeout_s, backend.total_timeout_s),
            connect_timeout_s=backend.connect_timeout_s,
            keepalive_s=backend.keepalive_s,
            max_connections=backend.max_connections,
            ca_file=backend.ca_file,
            proxy=Proxy.parse(backend.proxy) if backend.proxy else None,
            receive_buffer_bytes=TLS_RECEIVE_BUFFER_BYTES if url.scheme == "https" else RECEIVE_BUFFER_BYTES,
        )

    @property
    def authority(self) -> bytes:
        """`host:port`, as CONNECT wants it."""
        return _authority(self.host, self.port)


def build_head(method: str, target: str, host: bytes, headers: Sequence[tuple[bytes, bytes]], body: Body) -> bytes:
    """Write a request's head, its final empty line included.

    Host, framing and connection fields are computed from `host` and `body`; those among `headers` are dropped.
    ValueError if anything could not be sent as it is: a control or non-ASCII byte, a name that is no lower-case token.
    """
    kept = [header for header in headers if header[0] not in _OURS]
    _check(method.encode(), _METHOD_BYTES, "method")
    _check(target.encode(), _TARGET_BYTES, "target")
    if not target.startswith("/") or not method:
        raise ValueError("a request needs a method and a target that starts with a slash")
    names = [name for name, _ in kept]
    if not all(names):
        raise ValueError("a header has no name")
    _check(b"".join(names), _NAME_BYTES, "header name")
    _check(host + b"".join([value for _, value in kept]), _VALUE_BYTES, "header value")
    start = f"{method} {target} HTTP/1.1\r\nhost: ".encode("ascii") + host + b"\r\n"
    return start + lines(kept) + _IDENTITY + _framing(method, body)


class HeadTemplate:
    """Writes the heads of all requests to one backend: what never changes is checked and rendered once, here.

    A head is the request line, `host`, the caller's headers that `forwarded` or `prefixes` let through, `defaults`
    where the caller sent none of that name, and `fixed`, whose names nobody else may send. Names are lower case; those
    that `build_head` computes or drops are never taken from any of them. ValueError as `build_head` raises it.
    """

    __slots__ = ("_defaults", "_fixed", "_forwarded", "_prefixes", "_refused", "_replaceable", "_start", "_tail")

    def __init__(
        self,
        host: bytes,
        fixed: Sequence[tuple[bytes, bytes]],
        *,
        defaults: Sequence[tuple[bytes, bytes]] = (),
        forwarded: Iterable[bytes] = (),
        prefixes: tuple[bytes, ...] = (),
    ) -> None:
        build_head("GET", "/", host, [*fixed, *defaults], None)  # refuses what could not be sent as it is
        self._refused = _OURS.union(name for name, _ in fixed)
        self._forwarded = frozenset(forwarded) - self._refused
        self._prefixes = prefixes
        self._fixed = [pair for pair in fixed if pair[0] not in _OURS]
        self._defaults = [pair for pair in defaults if pair[0] not in self._refused]
        self._start = b" HTTP/1.1\r\nhost: " + host + b"\r\n"
        self._tail = self._render_tail(())
        self._replaceable = frozenset(name for name, _ in self._defaults if self._lets_through(name))

    def render(self, method: str, target: str, headers: Headers, body: Body, extra: bytes = b"") -> bytes:
        """Write one head, its final empty line included.

        `headers` are a caller's as `RequestParser` found them, so their bytes are known to be clean and are not looked
        at again; `extra` is lines made by `messages.block`. ValueError for a method or target that can't be sent.
        """
        verb, path = _METHODS.get(method), target.encode("ascii")
        if verb is None:
            raise ValueError("a request's method is not one of HTTP's own")
        if path[:1] != b"/" or path.translate(None, _TARGET_BYTES):
            raise ValueError("a request's target is no plain path")
        forwarded, prefixes, refused = self._forwarded, self._prefixes, self._refused
        parts = [verb, path, self._start]
        for name, value in headers:
            if name in forwarded or (name not in refused and name.startswith(prefixes)):  # as _lets_through
                parts += (name, b": ", value, b"\r\n")
        tail = self._tail
        if self._replaceable and not self._replaceable.isdisjoint(names := [name for name, _ in headers]):
            tail = self._render_tail(names)
        parts += (extra, tail, _framing(method, body))
        return b"".join(parts)

    def _lets_through(self, name: bytes) -> bool:
        return name in self._forwarded or (name not in self._refused and name.startswith(self._prefixes))

    def _render_tail(self, names: Sequence[bytes]) -> bytes:
        """What follows the caller's headers, if those have `names`."""
        forwarded = frozenset(name for name in names if self._lets_through(name))
        defaults = [pair for pair in self._defaults if pair[0] not in forwarded]
        return lines([*defaults, *self._fixed]) + _IDENTITY


def _check(text: bytes, allowed: bytes, what: str) -> None:
    if text.translate(None, allowed):
        raise ValueError(f"a {what} holds a byte that may not be sent")


def _framing(method: str, body: Body) -> bytes:
    """The last line and the empty one."""
    if body is None:
        return b"\r\n" if method in _BODILESS else b"content-length: 0\r\n\r\n"
    length = body.length if isinstance(body, Upload) else len(body)
    return b"transfer-encoding: chunked\r\n\r\n" if length is None else b"content-length: %d\r\n\r\n" % length


def _ascii_host(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _authority(host: str, port: int | None) -> bytes:
    shown = f"[{host}]" if ":" in host else host
    return (shown if port is None else f"{shown}:{port}").encode("ascii")
