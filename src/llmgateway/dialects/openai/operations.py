"""OpenAI's endpoints and what the logs and metrics call them. A new endpoint needs a row only to get a name."""

from typing import Final

from llmgateway.domain.operation import Operation
from llmgateway.wire.paths import PathTable, kept, made

_MADE: Final = (
    ("chat/completions", "chat.completions"),
    ("completions", "completions"),
    ("responses", "responses"),
    ("responses/compact", "responses.compact"),
    ("responses/input_tokens", "responses.input_tokens"),
    ("embeddings", "embeddings"),
    ("moderations", "moderations"),
    ("rerank", "rerank"),
    ("reranking", "rerank"),  # llama.cpp's other name for it
    ("images/generations", "images.generations"),
    ("audio/speech", "audio.speech"),
    ("feedback", "feedback"),  # of the gateway itself
)

_MADE_OF_FILES: Final = (
    ("images/edits", "images.edits"),
    ("images/variations", "images.variations"),
    ("audio/transcriptions", "audio.transcriptions"),
    ("audio/translations", "audio.translations"),
)

_READ: Final = (
    ("GET", "models", "models.list"),
    ("GET", "models/*", "models.retrieve"),
    ("GET", "chat/completions", "chat.completions.stored"),
    ("GET", "chat/completions/*", "chat.completions.stored"),
    ("GET", "chat/completions/*/messages", "chat.completions.stored"),
    ("DELETE", "chat/completions/*", "chat.completions.delete"),
    ("POST", "chat/completions/*", "chat.completions.stored"),
    ("GET", "responses/*", "responses.retrieve"),
    ("DELETE", "responses/*", "responses.delete"),
    ("POST", "responses/*/cancel", "responses.cancel"),
    ("GET", "responses/*/input_items", "responses.input_items"),
    ("GET", "files", "files.list"),
    ("GET", "files/*", "files.retrieve"),
    ("DELETE", "files/*", "files.delete"),
    ("GET", "files/*/content", "files.content"),
    ("GET", "batches", "batches.list"),
    ("GET", "batches/*", "batches.retrieve"),
    ("POST", "batches/*/cancel", "batches.cancel"),
    ("POST", "uploads/*/cancel", "uploads.cancel"),
    ("POST", "vector_stores/*/search", "vector_stores.search"),
)

_WRITE: Final = (
    ("POST", "files", "files.create"),
    ("POST", "batches", "batches.create"),
    ("POST", "uploads", "uploads.create"),
    ("POST", "uploads/*/parts", "uploads.parts"),
    ("POST", "uploads/*/complete", "uploads.complete"),
    ("POST", "threads/runs", "threads.runs"),
    ("POST", "threads/*/runs", "threads.runs"),
    ("POST", "threads/*/runs/*/submit_tool_outputs", "threads.runs"),
)

_FAMILIES: Final = (
    *("models", "files", "batches", "uploads", "vector_stores", "assistants", "threads", "fine_tuning"),
    *("conversations", "containers", "evals", "videos"),
)

OPERATIONS: Final = PathTable(
    [
        *(("POST", shape, made(name)) for shape, name in _MADE),
        *(("POST", shape, made(name, is_json=False)) for shape, name in _MADE_OF_FILES),
        ("GET", "realtime", Operation("realtime", is_tunnel=True)),
        *((method, shape, kept(name)) for method, shape, name in _READ),
        *((method, shape, kept(name, is_repeatable=False)) for method, shape, name in _WRITE),
    ],
    _FAMILIES,
)
