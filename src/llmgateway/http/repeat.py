"""A caller's last head, kept because its next one is mostly the same: clients differ from request to request in the
digits of Content-Length and in nothing else.

Bytes that llhttp and `judge` have passed once on a connection pass again without being looked at, as their verdict
depends on nothing but the bytes. Only what is equal to the last byte is recognised; there is no parsing here.
"""

from typing import Final, Self

from llmgateway.http.heads import LENGTH_DIGITS, RequestHead

MAX_BYTES: Final = 2 * 1024  # of a head that is kept: an idle connection must not hold more for it
_LENGTH: Final = b"content-length"
_FIELD: Final = b"\r\ncontent-length:"


class RepeatedHead:
    """Recognises one head, whatever the number in its Content-Length."""

    __slots__ = ("_after", "_before", "_digits", "_place", "head")

    def __init__(self, raw: bytes, head: RequestHead) -> None:
        self.head = head
        self._before, self._after = raw, b""
        self._place = -1  # of Content-Length among the headers
        self._digits = head.fields.get(_LENGTH)
        if self._digits is not None:
            start = raw.index(self._digits, raw.lower().index(_FIELD) + len(_FIELD))
            self._before, self._after = raw[:start], raw[start + len(self._digits) :]
            self._place = [name for name, _ in head.headers].index(_LENGTH)

    @classmethod
    def of(cls, raw: bytes, head: RequestHead) -> Self | None:
        """Keep `raw`, found to mean `head`; None where another request like it would not be an ordinary one."""
        if len(raw) > MAX_BYTES or head.is_chunked or not head.is_persistent or b"upgrade" in head.fields:
            return None
        return cls(raw, head)

    def match(self, raw: bytes) -> RequestHead | None:
        """Return what `raw`, a whole head, means, if it is this one; otherwise None."""
        before, after = self._before, self._after
        if self._digits is None:
            return self.head if raw == before else None
        if not raw.startswith(before) or not raw.endswith(after):
            return None
        digits = raw[len(before) : len(raw) - len(after)]  # b"" where the two overlap
        if digits == self._digits:
            return self.head
        return self._with_length(digits) if digits.isdigit() and len(digits) <= LENGTH_DIGITS else None

    def _with_length(self, digits: bytes) -> RequestHead:
        line, headers, fields, is_persistent, _, is_chunked, _, expects_continue, encoding = self.head
        headers = headers.copy()
        headers[self._place] = (_LENGTH, digits)
        fields = fields.copy()
        fields[_LENGTH] = digits
        length = int(digits)
        return RequestHead(
            line, headers, fields, is_persistent, length, is_chunked, length > 0, expects_continue, encoding
        )
