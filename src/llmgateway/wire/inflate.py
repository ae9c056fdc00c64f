"""Decode a compressed body in pieces, within bounds: what a backend sends although it was asked for plain text."""

import zlib
from typing import Final

from llmgateway.domain.errors import GatewayError

MAX_RATIO: Final = 50
SLACK: Final = 64 * 1024  # small bodies may be as repetitive as they like
# A socket may hand over 256 KiB at once; a bomb is known for one before all is made that so much would allow.
STEP: Final = 16 * 1024
_WINDOW: Final = {b"gzip": 31, b"x-gzip": 31, b"deflate": 47}


class Inflater:
    """Undo one Content-Encoding; GatewayError upstream_encoding for an unknown one, damage, or a bomb."""

    __slots__ = ("_decoder", "_read", "_written")

    def __init__(self, encoding: bytes) -> None:
        window = _WINDOW.get(encoding.strip().lower())
        if window is None:
            raise GatewayError("upstream_encoding")
        self._decoder = zlib.decompressobj(window)
        self._read = 0
        self._written = 0

    def feed(self, piece: bytes) -> bytes:
        if len(piece) <= STEP:
            return self._fed(piece)
        return b"".join([self._fed(piece[at : at + STEP]) for at in range(0, len(piece), STEP)])

    def _fed(self, piece: bytes) -> bytes:
        if self._decoder.eof and piece:  # zlib would keep it all, and copy what it has at every further piece
            raise GatewayError("upstream_encoding", "The backend's answer goes on behind its end.")
        self._read += len(piece)
        allowed = SLACK + MAX_RATIO * self._read - self._written
        try:
            plain = self._decoder.decompress(piece, allowed)
        except zlib.error:
            raise GatewayError("upstream_encoding") from None
        self._written += len(plain)
        if self._decoder.unconsumed_tail:
            raise GatewayError("upstream_encoding", "The backend's answer expands beyond all measure.")
        return plain

    @property
    def is_complete(self) -> bool:
        """Whether the compressed stream came to its own end: a cut one may still have a matching Content-Length."""
        return self._decoder.eof
