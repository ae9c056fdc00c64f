"""Port for providers: what a backend speaks.

To add one: write `providers/<name>.py` with a class that has these members, name it in `plugins.py` (or in the
entry-point group `llmgateway.provider` of your own package), and add a fixture folder `tests/fixtures/wire/<name>/`;
the contract suite then runs over it. A provider does no I/O and keeps no state between requests.
"""

from collections.abc import Sequence
from typing import Protocol

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.operation import Operation
from llmgateway.ports.reader import ReplyReader
from llmgateway.ports.shape import StreamShape

Headers = Sequence[tuple[bytes, bytes]]


class Provider(Protocol):
    """How to ask a backend and how to read its answers."""

    name: str
    dialect: str  # the dialect it speaks without translation
    forwarded: frozenset[bytes]  # the caller's headers (lower case) that may go to the backend
    forwarded_prefixes: tuple[bytes, ...]  # the same for families of headers: `name.startswith(prefixes)`
    returned: frozenset[bytes]  # the backend's headers (lower case) that may go to the caller
    returned_prefixes: tuple[bytes, ...]
    request_id_header: bytes  # where the backend puts its own id of the request; never returned under that name

    def target(self, base_path: str, path: str) -> str:
        """The path to ask for: `base_path` from the backend's base_url, `path` as the caller sent it (`/v1/…`)."""
        ...

    def credential(self, api_key: str) -> Headers:
        """The headers that carry the backend's key."""
        ...

    def defaults(self) -> Headers:
        """Headers the backend needs, set where the caller sent none of that name."""
        ...

    def fault(self, status: int, body: bytes) -> GatewayError | None:
        """What a reply that is not 2xx means. None: it is the caller's own fault and goes through as it is."""
        ...

    def reader(self, operation: Operation) -> ReplyReader:
        """A fresh reader for one reply to `operation`."""
        ...

    def shape(self, operation: Operation) -> StreamShape | None:
        """Where the texts are in this operation's streams; None: unknown, so guardrails let no such stream pass.

        Of an operation that is a tunnel it is a `ports.session.SessionShape`.
        """
        ...
