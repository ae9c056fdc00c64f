"""Find the key a caller presents.

One extractor for every endpoint and dialect: two ways to read a credential are how limits get skipped.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from urllib.parse import urlsplit

from llmgateway.config.snapshot import ANONYMOUS, Address, Key
from llmgateway.domain.errors import GatewayError
from llmgateway.wire.handshake import protocol_keys

MAX_KEY_BYTES: Final = 512

HeaderOf = Callable[[bytes], bytes | None]
_FOREIGN: Final = "Without keys only programs on this machine are served, and web pages only from it."


def presented(header: HeaderOf) -> bytes | None:
    """The key as sent in `Authorization: Bearer …` or `x-api-key`; None if there is none.

    Raises GatewayError conflicting_credentials when both are there and differ, invalid_api_key for another scheme.
    """
    api_key = header(b"x-api-key") or None
    authorization = header(b"authorization") or None
    if authorization is None:
        return api_key
    scheme, _, token = authorization.partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token:
        raise GatewayError("invalid_api_key", "The Authorization header must read: Bearer <key>.")
    if api_key is not None and not compare_digest(api_key, token):
        raise GatewayError("conflicting_credentials")
    return token


def presented_by_browser(headers: Sequence[tuple[bytes, bytes]], credential: bytes | None) -> bytes | None:
    """The key where a WebSocket is asked for: `credential` (see `presented`), or the one among the subprotocols.

    Raises GatewayError conflicting_credentials when several are there and differ, bad_request for bad subprotocols.
    """
    for key in protocol_keys(headers):
        if credential is not None and not compare_digest(credential, key):
            raise GatewayError("conflicting_credentials")
        credential = key
    return credential


def identify(credential: bytes | None, keys: Mapping[bytes, Key], now: float) -> Key:
    """The key that `credential` is; `now` is Unix time. Raises GatewayError invalid_api_key.

    With no keys configured everyone is `ANONYMOUS` (the loader allows that on loopback only).
    """
    if not keys:
        return ANONYMOUS
    if credential is None or len(credential) > MAX_KEY_BYTES:
        raise GatewayError("invalid_api_key")
    digest = sha256(credential).digest()
    key = keys.get(digest)
    if key is None or not compare_digest(key.digest, digest):
        raise GatewayError("invalid_api_key")
    if not key.is_enabled or (key.expires_at is not None and key.expires_at <= now):
        raise GatewayError("invalid_api_key", "The API key has expired or was switched off.")
    return key


def check_nearby(header: HeaderOf, origins: Collection[str]) -> None:
    """Where no keys are configured: refuse what a web page from elsewhere sends through a browser on this machine.

    Such a page has an Origin or, once its own name leads to 127.0.0.1 (DNS rebinding), a Host that gives it away.
    `origins`: those that CORS allows. Raises GatewayError invalid_api_key.
    """
    host, origin = header(b"host"), header(b"origin")
    if host is not None and not _is_nearby(b"//" + host):
        raise GatewayError("invalid_api_key", _FOREIGN)
    if origin is not None and not ({"*", origin.decode("ascii", "replace")} & set(origins) or _is_nearby(origin)):
        raise GatewayError("invalid_api_key", _FOREIGN)


def _is_nearby(url: bytes) -> bool:
    try:
        host = urlsplit(url.decode("ascii", "replace")).hostname
    except ValueError:
        return False
    return Address(host or "", 0).is_loopback
