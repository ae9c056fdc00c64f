"""Who may ask the admin listener (rows O11, O13). Decides from a request's headers alone."""

import hashlib
import hmac
import ipaddress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from llmgateway.config.snapshot import Address, Secret
from llmgateway.controlplane.replies import refusal

_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Gate:
    """Decides who may ask: whoever has the token that `digest` is of; None: anybody."""

    def __init__(self, listen: Address, token: Secret | None) -> None:
        self._is_local = is_loopback(listen.host)
        self.digest = _digest(token.reveal()) if token is not None else None

    @property
    def holder(self) -> str:
        """What whoever gets through is called: by the token's name, where there is one."""
        return "local" if self.digest is None else "admin"

    def is_same(self, other: "Gate") -> bool:
        """Whether whoever gets through here gets through there."""
        return self.digest == other.digest

    def accepts(self, token: str) -> bool:
        """Whether this is the token, or none is needed."""
        return self.digest is None or hmac.compare_digest(_digest(token.strip()), self.digest)

    def refuse(self, request: web.BaseRequest, *, is_open: bool) -> web.Response | None:
        """The refusal, or None. `is_open`: no token is needed. Loopback listeners answer to local names only: a page
        that rebinds its own name to 127.0.0.1 still sends that name.
        """
        host = host_name(request.headers.get(hdrs.HOST, ""))
        if host is None or (self._is_local and host not in _LOCAL_HOSTS):
            return refusal(403, "foreign_host", "The Host header does not name this listener.")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not is_same_site(origin, request.headers.get(hdrs.HOST, "")):
            return refusal(403, "foreign_origin", "Requests from other web origins are not accepted.")
        if is_open or self.digest is None:
            return None
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() == "bearer" and self.accepts(token):
            return None
        denied = refusal(401, "invalid_token", "The admin token is missing or not valid.")
        denied.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
        return denied


def host_name(header: str) -> str | None:
    """The name in a Host header, without its port; None if it is no plain host[:port]."""
    if not header or any(c in header for c in "/?#@\\ \t"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname


def is_same_site(origin: str, host: str) -> bool:
    """Whether a browser's Origin is the very host and port it asks; `null` and other schemes are not."""
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
