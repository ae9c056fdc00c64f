"""What a caller asks for: the API operations, as the logs and metrics name them."""

from dataclasses import dataclass
from enum import StrEnum


class BodyKind(StrEnum):
    """How the request's body reaches the backend."""

    NONE = "none"  # GET, DELETE: no body is read
    JSON = "json"  # held whole, checked, spliced
    STREAM = "stream"  # multipart or binary: passed on piece by piece


@dataclass(frozen=True, slots=True)
class Operation:
    """One API operation. `is_repeatable`: a second attempt does no harm but cost. `is_stateful`: it names things by
    id that live at one backend (files, batches), so it is never split over versions. `is_json`: its body is JSON and
    nothing else, so one that says to be a form or a file is refused instead of passed on unread. `is_tunnel`: it is
    a WebSocket, opened by a request that has no body.
    """

    name: str
    is_repeatable: bool = True
    is_stateful: bool = False
    is_json: bool = True
    is_tunnel: bool = False
