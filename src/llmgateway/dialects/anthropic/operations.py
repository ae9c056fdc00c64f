"""Anthropic's endpoints and what the logs and metrics call them. A new endpoint needs a row only to get a name."""

from typing import Final

from llmgateway.wire.paths import PathTable, kept, made

_MADE: Final = (
    ("messages", "messages"),
    ("messages/count_tokens", "messages.count_tokens"),
    ("complete", "complete"),
)

_READ: Final = (
    ("GET", "models", "models.list"),
    ("GET", "models/*", "models.retrieve"),
    ("GET", "messages/batches", "messages.batches.list"),
    ("GET", "messages/batches/*", "messages.batches.retrieve"),
    ("DELETE", "messages/batches/*", "messages.batches.delete"),
    ("POST", "messages/batches/*/cancel", "messages.batches.cancel"),
    ("GET", "messages/batches/*/results", "messages.batches.results"),
    ("GET", "files", "files.list"),
    ("GET", "files/*", "files.retrieve"),
    ("DELETE", "files/*", "files.delete"),
    ("GET", "files/*/content", "files.content"),
)

_WRITE: Final = (
    ("POST", "messages/batches", "messages.batches.create"),
    ("POST", "files", "files.create"),
)

OPERATIONS: Final = PathTable(
    [
        *(("POST", shape, made(name)) for shape, name in _MADE),
        *((method, shape, kept(name)) for method, shape, name in _READ),
        *((method, shape, kept(name, is_repeatable=False)) for method, shape, name in _WRITE),
    ],
    ("models", "files"),
)
