"""What readers of replies have in common: parse guarded, keep what was said within bounds, notice a fault in a 200.

Provider plug-ins build on `BaseReader`; a plug-in from outside may too. No provider's field names beyond `usage` and
`error` enter here.
"""

from collections.abc import Callable
from io import StringIO
from typing import Any, Final

from llmgateway.domain.usage import Usage
from llmgateway.wire.jsoncodec import JsonError, decode

MAX_TEXT: Final = 8 * 1024 * 1024  # what a reader keeps of one reply, about in bytes
MAX_PARSED: Final = 4 * 1024 * 1024  # a larger reply would hold the event loop for too long
MAX_BRACKETS: Final = 100_000  # so would one of nothing but empty objects
PART_COST: Final = 1024  # what a choice, a call or a block takes beside its text
_TAIL: Final = 4096
_LONGEST_ERROR: Final = 4096
SHAPE_ERRORS: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)  # JSON, but not as documented

UsageSource = Callable[[Usage, Any], None]
"""Copy what a provider's usage object says into ours: known counts only, so that the last sensible one wins."""


class BaseReader:
    """A ReplyReader that lacks only its provider's knowledge: override `take`, `take_whole` and `message`.

    The overridden methods may stumble over values of the wrong shape: it is counted, and the stream goes on.
    `is_truncated`: more was said than is kept, so that `message` has only the beginning.
    """

    __slots__ = (
        "_room",
        "error",
        "event_bytes",
        "fingerprint",
        "finish_reason",
        "has_content",
        "is_complete",
        "is_finished",
        "is_truncated",
        "parse_errors",
        "response_id",
        "response_model",
        "usage",
    )

    def __init__(self) -> None:
        self.usage = Usage()
        self.finish_reason: str | None = None
        self.response_model: str | None = None
        self.response_id: str | None = None
        self.fingerprint: str | None = None
        self.parse_errors = 0
        self.error: str | None = None
        self.has_content = False
        self.is_finished = False
        self.is_complete = False
        self.is_truncated = False
        self.event_bytes = 0  # size of the event that `take` is looking at
        self._room = MAX_TEXT

    def event(self, name: bytes, data: bytes) -> None:
        """Take one event of a stream; what follows the event that ends it is ignored."""
        if self.is_finished or not data:
            return
        if is_crowded(data):
            self.parse_errors += 1
            return
        try:
            value = decode(data)
        except JsonError:
            self.parse_errors += 1
            return
        self.event_bytes = len(data)
        try:
            self.take(name, value)
        except SHAPE_ERRORS:
            self.parse_errors += 1

    def whole(self, body: bytes) -> None:
        """Take a reply in one piece. It is complete if it is JSON to its end and reports no fault."""
        self.is_finished = True
        if len(body) > MAX_PARSED or is_crowded(body):
            self._whole_unparsed(body)
            return
        try:
            value = decode(body)
        except JsonError:
            self.parse_errors += 1
            return
        self._whole_parsed(value)
        self.has_content = self.is_complete = self.error is None

    def message(self) -> bytes | None:
        """See ReplyReader. Nothing is known here."""
        return None

    def take(self, name: bytes, value: Any) -> None:
        """Read one parsed event."""

    def take_whole(self, value: dict[str, Any]) -> None:
        """Read a parsed reply."""

    def keep(self, text: StringIO, piece: str) -> None:
        """Add `piece` to `text`, unless the reader's room is used up."""
        size = len(piece) if piece.isascii() else 3 * len(piece)
        if size <= self._room:
            self._room -= size
            text.write(piece)
        else:
            self._room = 0  # no later, smaller piece may slip in: a text with holes would pass for whole
            self.is_truncated = True

    def has_room(self, size: int) -> bool:
        """Take room for something other than text; False if there is none left."""
        if size > self._room:
            self._room = 0
            self.is_truncated = True
            return False
        self._room -= size
        return True

    def _whole_parsed(self, value: Any) -> None:
        if not isinstance(value, dict):
            return
        try:
            self.take_whole(value)
        except SHAPE_ERRORS:
            self.parse_errors += 1

    def _whole_unparsed(self, body: bytes) -> None:
        """Look at the end of a very large reply: there the usage is, and whether it is whole."""
        tail = body[-_TAIL:].rstrip()
        self.is_complete = tail.endswith((b"}", b"]"))
        self.has_content = True
        at = tail.rfind(b'"usage"')
        if at >= 0:
            try:
                self._whole_parsed(decode(b"{" + tail[at:]))
            except JsonError:
                self.parse_errors += 1


class GenericReader(BaseReader):
    """For operations of which only `usage` and `error` at the top level are read, be the reply JSON or a stream.

    Whether a stream is whole is left to its framing. Replies that need not be JSON (audio, subtitles) set `is_text`.
    """

    __slots__ = ("_is_text", "_read_usage")

    def __init__(self, read_usage: UsageSource, *, is_text: bool = False) -> None:
        super().__init__()
        self.is_complete = True
        self._read_usage = read_usage
        self._is_text = is_text

    def event(self, name: bytes, data: bytes) -> None:
        if data.startswith(b"[DONE]"):
            self.is_finished = True
        else:
            super().event(name, data)

    def whole(self, body: bytes) -> None:
        if self._is_text and body[:1] != b"{":
            self.is_finished = self.has_content = True
            return
        self.is_complete = False
        super().whole(body)
        if self._is_text and self.parse_errors:  # text that only looked like JSON
            self.is_complete = self.has_content = True
            self.parse_errors = 0

    def take(self, name: bytes, value: Any) -> None:  # noqa: ARG002  # the port's signature
        self.take_whole(value)
        self.has_content = self.has_content or self.error is None
        self.is_complete = self.error is None

    def take_whole(self, value: dict[str, Any]) -> None:
        self._read_usage(self.usage, value.get("usage"))
        self.error = error_words(value) or self.error
        self.response_model = text_of(value, "model") or self.response_model
        self.response_id = text_of(value, "id") or self.response_id


class OpaqueReader(BaseReader):
    """For replies that are passed on unread: files, lists, and things that were counted when they were made."""

    __slots__ = ()

    def event(self, name: bytes, data: bytes) -> None:  # noqa: ARG002  # the port's signature
        self.has_content = self.is_complete = True

    def whole(self, body: bytes) -> None:  # noqa: ARG002  # the port's signature
        self.has_content = self.is_complete = self.is_finished = True


def is_crowded(text: bytes) -> bool:
    """Whether parsing would take long for the number of objects and arrays in it."""
    return len(text) > MAX_BRACKETS and text.count(b"{") + text.count(b"[") > MAX_BRACKETS


def text_of(value: dict[str, Any], name: str) -> str | None:
    """The string under `name`, or None where there is none or it is empty."""
    found = value.get(name)
    return found if isinstance(found, str) and found else None


def error_words(value: dict[str, Any]) -> str | None:
    """What a reply or an event says went wrong; None where it reports no fault."""
    error = value.get("error")
    if not error and (value.get("object") == "error" or value.get("type") == "error"):
        error = value
    if not error:
        return None
    if isinstance(error, dict):
        error = text_of(error, "message") or text_of(error, "code") or text_of(error, "type")
    return error[:_LONGEST_ERROR] if isinstance(error, str) else "The backend reported a fault without words."
