"""Port for dialects: what a caller speaks.

To add one: write `dialects/<name>.py` with a class that has these members, name it in `plugins.py` (or in the
entry-point group `llmgateway.dialect`). A dialect does no I/O and keeps no state between requests.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.operation import Operation


@dataclass(slots=True)
class Declared:
    """What the request's body says of itself, as far as routing and logging care. Strings are cut to 512 characters."""

    is_stream: bool = False
    user: str | None = None
    session: str | None = None
    tags: Mapping[str, str] | None = None


class Wanted(NamedTuple):
    """What was asked for, as far as an answer that is no model's has to fit it. `document`: the request's JSON body."""

    operation: str
    model: str
    exchange_id: str
    created: int  # Unix time
    is_stream: bool
    document: Mapping[str, Any]


class Refusal(NamedTuple):
    """An answer in words that are no model's. `events`: the same as a whole stream, where one was asked for.

    `reason`: what it says itself of why it ended.
    """

    document: bytes
    events: bytes | None
    reason: str


class Dialect(Protocol):
    """How to understand a caller and how to answer in its terms."""

    name: str
    operations: Collection[str]  # every name that `operation` can give

    def operation(self, method: str, path: str) -> Operation:
        """Name the operation of a path below /v1. Unknown paths of the same API get the operation `other`."""
        ...

    def declared(self, body: Mapping[str, Any]) -> Declared:
        """Read what a JSON body declares; GatewayError `invalid_value` where a routing field has the wrong type."""
        ...

    def error_body(self, error: GatewayError, exchange_id: str) -> bytes:
        """The reply's body for a refusal or failure, as this dialect's SDKs expect it."""
        ...

    def error_event(self, error: GatewayError, exchange_id: str) -> bytes:
        """The server-sent event that tells of a failure after the stream began; ends with a blank line."""
        ...

    def session_error(self, error: GatewayError, exchange_id: str, about: str | None = None) -> bytes:
        """The event that tells of an error in a session that goes on, as JSON; `about`: the caller's name of the event
        that it is about.

        A dialect without operations that are tunnels need not have this member.
        """
        ...

    def refusal(self, text: str, wanted: Wanted) -> Refusal | None:
        """The answer that says `text`, and that a model's words were kept back; None where the operation has no words.

        A dialect need not have this member: its callers get errors then.
        """
        ...

    def again(self, operation: str, document: Mapping[str, Any], answer: str, complaint: str) -> dict[str, Any] | None:
        """The request that follows `document` once it was answered so, and somebody complains of it; None where the
        operation knows no conversation.

        A dialect need not have this member: no answers to its callers are repaired then.
        """
        ...

    # system_places: Mapping[str, Place], by operation: where its first system text stands (wire.prefix). A dialect need
    # not have this member: no version's prompt goes in front of what its callers ask then.

    def models_body(self, names: Sequence[str], created: int) -> bytes:
        """The list of models, which are the routes this key may use."""
        ...

    def model_body(self, name: str, created: int) -> bytes:
        """One model of that list."""
        ...
