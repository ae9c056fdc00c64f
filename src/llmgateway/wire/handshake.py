"""The opening of a WebSocket (RFC 6455, section 4) as a gateway in the middle sees it. Headers in, lines out.

Browsers can set no header, so OpenAI's API lets them send the key among the subprotocols; what starts with one of
`_PRIVATE` is such a thing, is read here alone, and goes nowhere.
"""

import os
import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from llmgateway.domain.errors import GatewayError
from llmgateway.wire.websocket import accept

Headers = Sequence[tuple[bytes, bytes]]

KEY_PROTOCOL: Final = b"openai-insecure-api-key."
VERSION: Final = b"13"
NONCE: Final = 16  # bytes that a key stands for
UPGRADE_WANTED: Final = b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
_PRIVATE: Final = (KEY_PROTOCOL, b"openai-organization.", b"openai-project.", b"openai-ephemeral-user-token.")
_MAX_PROTOCOLS: Final = 16
_PROTOCOL: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,512}")  # a token of RFC 9110


@dataclass(frozen=True, slots=True)
class Offer:
    """A caller's wish to open a WebSocket: its Sec-WebSocket-Key, and the subprotocols that are nobody's secret."""

    key: bytes
    protocols: tuple[bytes, ...]

    def anew(self) -> "Offer":
        """The same wish with a key of its own: nothing is in it that the caller has chosen."""
        return replace(self, key=b64encode(os.urandom(NONCE)))

    def lines(self) -> bytes:
        """The header lines that put the wish to a backend. Extensions are not offered: frames must stay readable."""
        asked = UPGRADE_WANTED + b"sec-websocket-key: " + self.key + b"\r\n"
        return asked + (b"sec-websocket-protocol: " + b", ".join(self.protocols) + b"\r\n" if self.protocols else b"")

    def answer(self, protocol: bytes | None) -> bytes:
        """The header lines that grant it to the caller."""
        granted = b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: " + accept(self.key) + b"\r\n"
        return granted + (b"sec-websocket-protocol: " + protocol + b"\r\n" if protocol is not None else b"")

    def granted(self, headers: Headers) -> bytes | None:
        """Check a backend's 101, and return the subprotocol it chose. GatewayError upstream_protocol."""
        upgrade, chosen = _members(headers, b"upgrade"), _values(headers, b"sec-websocket-protocol")
        if [each.lower() for each in upgrade] != [b"websocket"] or _values(headers, b"sec-websocket-extensions"):
            raise _unasked()
        if _values(headers, b"sec-websocket-accept") != [accept(self.key)]:
            raise _unasked()
        if len(chosen) > 1 or (chosen and chosen[0] not in self.protocols):
            raise _unasked()
        return chosen[0] if chosen else None


def read_offer(method: str, headers: Headers, *, is_http11: bool, has_body: bool) -> Offer:
    """Read the wish. GatewayError upgrade_required where there is none, bad_request where it is malformed."""
    upgrade = [each.lower() for each in _members(headers, b"upgrade")]
    connection = [each.lower() for each in _members(headers, b"connection")]
    if method != "GET" or not is_http11 or upgrade != [b"websocket"] or b"upgrade" not in connection:
        raise GatewayError("upgrade_required")
    if _values(headers, b"sec-websocket-version") != [VERSION]:
        raise GatewayError("upgrade_required", "Only version 13 of the WebSocket protocol is spoken here.")
    keys = _values(headers, b"sec-websocket-key")
    if has_body or len(keys) != 1 or not _is_nonce(keys[0]):
        raise GatewayError("bad_request", "The WebSocket handshake is malformed.")
    offered = protocols(headers)
    return Offer(keys[0], tuple(each for each in offered if not each.lower().startswith(_PRIVATE)))


def protocols(headers: Headers) -> list[bytes]:
    """The subprotocols a caller offers, credentials among them. GatewayError bad_request if they are malformed."""
    offered = _members(headers, b"sec-websocket-protocol")
    if len(offered) > _MAX_PROTOCOLS or not all(map(_PROTOCOL.fullmatch, offered)) or len(set(offered)) < len(offered):
        raise GatewayError("bad_request", "The WebSocket subprotocols are malformed.")
    return offered


def protocol_keys(headers: Headers) -> list[bytes]:
    """The API keys among the subprotocols. GatewayError as `protocols` raises it."""
    return [each[len(KEY_PROTOCOL) :] for each in protocols(headers) if each.startswith(KEY_PROTOCOL)]


def _values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for known, value in headers if known == name]


def _members(headers: Headers, name: bytes) -> list[bytes]:
    return list(_stripped(b",".join(_values(headers, name)).split(b",")))


def _stripped(parts: Iterable[bytes]) -> Iterable[bytes]:
    return (member for part in parts if (member := part.strip(b" \t")))


def _is_nonce(key: bytes) -> bool:
    try:
        return len(key) == 24 and len(a2b_base64(key, strict_mode=True)) == NONCE
    except Base64Error:
        return False


def _unasked() -> GatewayError:
    return GatewayError("upstream_protocol", "The backend opened another WebSocket than the one asked for.")
