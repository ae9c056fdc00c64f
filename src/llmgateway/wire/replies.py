"""What readers of replies have in common: parse guarded, keep what was said within bounds, notice a fault in a 200.

Provider plug-ins build on `BaseReader`; a plug-in from outside may too. No provider's field names beyond `usage` and
`error` enter here.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

from llmgateway.domain.usage import Usage
from llmgateway.wire.jsoncodec import JsonError, decode

MAX_TEXT: Final = 8 * 1024 * 1024  # bytes that a reader keeps of one reply
MAX_PARSED: Final = 4 * 1024 * 1024  # a larger reply would hold the event loop for too long
MAX_BRACKETS: Final = 100_000  # so would one of nothing but empty objects
PART_COST: Final = 1024  # what a choice, a call or a block takes beside its text
DONE: Final = b"[DONE]"  # how many an API ends its streams; no JSON begins so
_TAIL: Final = 4096
_LONGEST_ERROR: Final = 4096
MAX_DIGITS: Final = 9  # of a place in a list
SHAPE_ERRORS: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)  # JSON, but not as documented


def place(value: Any) -> Any:
    """Read a place in a list as any client may: "1" and 1.0 are 1, and none is 0."""
    if value is None:
        return 0
    return int(value) if isinstance(value, str) and len(value) <= MAX_DIGITS and value.strip().isdecimal() else value


UsageSource = Callable[[Usage, Any], None]
"""Copy what a provider's usage object says into ours: known counts only, so that the last sensible one wins."""


class Text(BytesIO):
    """What was said of one thing so far. In UTF-8: kept token by token, it would take eight times as much memory."""

    __slots__ = ()

    def whole(self) -> str:
        """All of it, in one piece."""
        return self.getvalue().decode()


class BaseReader:
    """A ReplyReader that lacks only its provider's knowledge: override `take`, `take_whole` and `message`.

    The overridden methods may stumble over values of the wrong shape: it is counted, and the stream goes on.
    `is_truncated`: more was said than is kept, so that `message` has only the beginning.
    """

    # A reader is made for each reply: what most leave as it is stands in the class, which slots would not allow.
    # What every event looks at is set in `__init__`, since an instance's own attributes are quicker to read.
    finish_reason: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    fingerprint: str | None = None
    parse_errors = 0
    error: str | None = None
    is_complete = False
    is_truncated = False
    urgent: tuple[bytes, ...] = ()
    event_bytes = 0  # size of the event that `take` is looking at

    def __init__(self) -> None:
        self.usage = Usage()
        self.has_content = False
        self.is_finished = False
        self._room = MAX_TEXT

    @property
    def said(self) -> int:
        """About how many bytes of text have come so far, as far as they are kept."""
        return MAX_TEXT - self._room

    def event(self, name: bytes, data: bytes) -> None:
        """Take one event of a stream; what follows the event that ends it is ignored."""
        if self.is_finished or not data:
            return
        if len(data) > MAX_BRACKETS and is_crowded(data):  # a short one needs no asking
            self.take_unreadable(data)
            return
        try:
            value = decode(data)
        except JsonError:
            self.take_unreadable(data)
            return
        self.event_bytes = len(data)
        try:
            self.take(name, value)
        except SHAPE_ERRORS:
            self.parse_errors += 1

    def whole(self, body: bytes) -> None:
        """Take a reply in one piece. It is complete if it is JSON to its end and reports no fault."""
        self.is_finished = True
        if len(body) > MAX_BRACKETS and (len(body) > MAX_PARSED or is_crowded(body)):
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

    def take_unreadable(self, data: bytes) -> None:  # noqa: ARG002  # for those whose streams end like this
        """Take an event that is no JSON."""
        self.parse_errors += 1

    def take_whole(self, value: dict[str, Any]) -> None:
        """Read a parsed reply."""

    def keep(self, text: Text, piece: str) -> None:
        """Add `piece` to `text`, unless the reader's room is used up."""
        raw = piece.encode()
        size = len(raw)
        if size <= self._room:
            self._room -= size
            text.write(raw)
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

    def __init__(self, read_usage: UsageSource, *, is_text: bool = False) -> None:
        super().__init__()
        self.is_complete = True
        self._read_usage = read_usage
        self._is_text = is_text

    def take_unreadable(self, data: bytes) -> None:
        if data.startswith(DONE):
            self.is_finished = True
        else:
            super().take_unreadable(data)

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
    if not error:
        if value.get("object") != "error" and value.get("type") != "error":
            return None
        error = value
    if isinstance(error, dict):
        error = text_of(error, "message") or text_of(error, "code") or text_of(error, "type")
    return error[:_LONGEST_ERROR] if isinstance(error, str) else "The backend reported a fault without words."
