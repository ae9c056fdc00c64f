"""The part of a provider that reads replies: bytes of one answer in, usage, finish reason and message out."""

from typing import Protocol

from llmgateway.domain.usage import Usage


class ReplyReader(Protocol):
    """Reads one reply of one operation; made afresh for each attempt. No I/O, and no exception ever leaves it:
    what it can't read it counts in `parse_errors`, and the bytes pass on untouched.

    A stream calls `event` for each server-sent event, in order; a whole reply calls `whole` once. A realtime session
    calls `event` for each text message of the backend, without a name; its counts are those of the session so far.
    """

    usage: Usage
    finish_reason: str | None
    response_model: str | None
    response_id: str | None
    fingerprint: str | None
    parse_errors: int
    error: str | None  # the backend reported a fault inside a 200; its words, unredacted
    has_content: bool  # something a person would see has come: no other attempt may follow
    is_finished: bool  # the event that ends this dialect's streams has come ([DONE], message_stop, …)
    is_complete: bool  # the answer is whole: a clean end may follow even if the last event never comes
    is_truncated: bool  # more was said than is kept: `message` has only the beginning
    urgent: tuple[bytes, ...]  # bytes in an event that ends the stream or tells of a fault: such are read before they
    # go on, others may be read a little later, in batches. Empty: each event is read at once.

    @property
    def said(self) -> int:
        """About how many bytes of text have come so far, as far as they are kept."""
        ...

    def event(self, name: bytes, data: bytes) -> None:
        """Take one event. `name` is b"" where the stream gives none; `data` is the joined data lines."""
        ...

    def whole(self, body: bytes) -> None:
        """Take a reply that came in one piece."""
        ...

    def message(self) -> bytes | None:
        """The JSON that the stream so far adds up to, shaped like a reply without streaming; None if unknown."""
        ...
