"""Find the key a caller presents.

One extractor for every endpoint and dialect: two ways to read a credential are how limits get skipped.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from llmgateway.config.snapshot import Key
from llmgateway.domain.errors import GatewayError

MAX_KEY_BYTES: Final = 512
ANONYMOUS: Final = Key(name="anonymous", digest=b"")  # a gateway on loopback without keys: everyone is let in

HeaderOf = Callable[[bytes], bytes | None]


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
