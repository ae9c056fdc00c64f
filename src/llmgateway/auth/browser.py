"""Tokens for browsers: whoever holds one may score one exchange until it expires, and do nothing else. Pure.

lgwf_ base64url( 1 | expires u32 | exchange id, 16 bytes | HMAC-SHA-256 of what stands before )
"""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final
from uuid import UUID

from llmgateway.config.snapshot import Scores
from llmgateway.domain.errors import GatewayError

PREFIX: Final = "lgwf_"
SECRET_BYTES: Final = 32
_FORM: Final = 1
_HEAD: Final = struct.Struct(">BI16s")
_LENGTH: Final = len(PREFIX) + (_HEAD.size + 32 + 2) // 3 * 4  # of every token, padding included
_EXPIRED: Final = "The feedback token is not valid, or has expired."


def is_token(credential: bytes | None) -> bool:
    """Whether a credential says that it is one of these."""
    return credential is not None and credential.startswith(PREFIX.encode())


def signing_key(scores: Scores, kept: bytes) -> bytes:
    """What tokens are signed with: the configured secret, else the `kept` one of the data folder. b"": nothing is."""
    secret = scores.token_secret.reveal().encode() if scores.token_secret is not None else kept
    return sha256(b"llmgateway feedback token\0" + secret).digest() if secret else b""


def issue(key: bytes, exchange_id: str, expires_at: float) -> str:
    """Make a token for one exchange, good until `expires_at` (Unix time, to the second)."""
    head = _HEAD.pack(_FORM, int(expires_at), UUID(exchange_id).bytes)
    return PREFIX + urlsafe_b64encode(head + _mac(key, head)).decode().rstrip("=")


def verify(key: bytes, token: bytes, now: float) -> str:
    """The id of the exchange that a token is for; GatewayError invalid_api_key."""
    text = token.decode("ascii", "replace").removeprefix(PREFIX)
    if not key or len(token) > _LENGTH:
        raise GatewayError("invalid_api_key", _EXPIRED)
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        form, expires, exchange = _HEAD.unpack(raw[: _HEAD.size])
    except (ValueError, struct.error):
        raise GatewayError("invalid_api_key", _EXPIRED) from None
    is_signed = hmac.compare_digest(raw[_HEAD.size :], _mac(key, raw[: _HEAD.size]))
    if form != _FORM or not is_signed or expires <= now:
        raise GatewayError("invalid_api_key", _EXPIRED)
    return str(UUID(bytes=exchange))


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.digest(key, head, "sha256")
