"""Which dialect a request speaks, by its endpoint and one header. Asked by the door, and by whoever explains it."""

from collections.abc import Mapping
from typing import Final

from llmgateway.domain.operation import Operation
from llmgateway.ports.dialect import Dialect
from llmgateway.wire.paths import OTHER

MESSAGES: Final = "/v1/messages"
ANTHROPIC_HEADER: Final = b"anthropic-version"


def is_messages(path: str) -> bool:
    """Whether a path is of Anthropic's API whatever the headers say."""
    return path == MESSAGES or path.startswith(f"{MESSAGES}/")


def spoken(dialects: Mapping[str, Dialect], method: str, path: str, *, is_anthropic: bool) -> tuple[Dialect, Operation]:
    """The dialect and operation of an endpoint. Anthropic's SDKs send anthropic-version with everything; /v1/messages
    is theirs in any case.

    What only the other dialect knows is the other's: a header must not change what an endpoint is.
    """
    dialect = dialects["anthropic" if is_anthropic else "openai"]
    operation = dialect.operation(method, path)
    if is_anthropic and operation.name == OTHER:
        openai = dialects["openai"]
        theirs = openai.operation(method, path)
        if theirs.name != OTHER:
            return openai, theirs
    return dialect, operation
