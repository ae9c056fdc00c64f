"""The names of everything the pretend model can do wrong on the wire, in one table; `delivery` does it."""

from enum import Enum, auto
from typing import Final


class Moment(Enum):
    """When a fault strikes."""

    HEAD = auto()  # instead of an answer
    MIDDLE = auto()  # after a part of the answer
    DRESS = auto()  # in how the whole answer is written


FAULTS: Final[dict[str, Moment]] = {
    "no-reply": Moment.HEAD,  # closes the connection without a byte
    "hang": Moment.HEAD,  # takes the request and never answers
    "garbage": Moment.HEAD,  # bytes that are not HTTP
    "html": Moment.HEAD,  # 200 with a web page, as a proxy in between would
    "empty": Moment.HEAD,  # 200 without a body
    "redirect": Moment.HEAD,
    "gzip": Moment.HEAD,  # compressed, though nobody asked for it
    "cut": Moment.MIDDLE,  # closes the connection early
    "reset": Moment.MIDDLE,  # the same with a TCP reset
    "stall": Moment.MIDDLE,  # keeps the connection open and says no more
    "malformed": Moment.MIDDLE,  # an event, or a body, that is not JSON
    "error-event": Moment.MIDDLE,  # an error in the middle of a stream, and its end
    "no-finish": Moment.MIDDLE,  # a clean end before the answer is whole
    "endless": Moment.MIDDLE,  # repeats itself until the caller leaves
    "no-done": Moment.DRESS,  # all but the event that ends the stream
    "no-usage": Moment.DRESS,
    "crlf": Moment.DRESS,  # CRLF line ends in events
    "no-space": Moment.DRESS,  # `data:` without a blank after it
    "comments": Moment.DRESS,  # heartbeat comments between events
    "split": Moment.DRESS,  # every byte in a write of its own
}
