"""OpenAI's API as a backend."""

from typing import Final, cast

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.operation import Operation
from llmgateway.ports.provider import Headers
from llmgateway.ports.reader import ReplyReader
from llmgateway.ports.shape import StreamShape
from llmgateway.providers.openai.chat import ChatReader
from llmgateway.providers.openai.completions import CompletionsReader
from llmgateway.providers.openai.realtime import RealtimeReader
from llmgateway.providers.openai.responses import ResponsesReader
from llmgateway.providers.openai.sessions import RealtimeShape
from llmgateway.providers.openai.shapes import ChoicesShape, ResponsesShape
from llmgateway.providers.openai.usage import read_usage
from llmgateway.wire.replies import BaseReader, GenericReader, OpaqueReader
from llmgateway.wire.upstream_status import fault_code

_READERS: Final[dict[str, type[BaseReader]]] = {
    "chat.completions": ChatReader,
    "completions": CompletionsReader,
    "responses": ResponsesReader,
    "realtime": RealtimeReader,
}
_SHAPES: Final[dict[str, StreamShape]] = {
    "chat.completions": ChoicesShape(),
    "completions": ChoicesShape(),
    "responses": ResponsesShape(),
    "realtime": cast(StreamShape, RealtimeShape()),  # a session has no `ending`: what is blocked in it is cut
}
_JSON: Final = frozenset({"embeddings", "moderations", "rerank", "responses.compact", "responses.input_tokens"})
_IMAGES: Final = frozenset({"images.generations", "images.edits", "images.variations"})
_TEXT: Final = frozenset({"audio.speech", "audio.transcriptions", "audio.translations", "threads.runs"})
_DEFAULTS: Final = ((b"user-agent", b"llmgateway"),)


class OpenAIProvider:
    """Ask an OpenAI-compatible backend. Its base_url ends where the SDK's does: `http://host/v1`."""

    name = "openai"
    dialect = "openai"
    # Not organization, project or user agent: what is billed where is the operator's choice, and callers stay unnamed.
    forwarded = frozenset({b"content-type", b"accept", b"openai-beta", b"idempotency-key"})
    forwarded_prefixes: tuple[bytes, ...] = ()
    returned = frozenset(
        {
            b"content-type",
            b"content-disposition",
            b"retry-after",
            b"retry-after-ms",
            b"openai-processing-ms",
            b"openai-version",
        }
    )
    returned_prefixes: tuple[bytes, ...] = (b"x-ratelimit-",)
    request_id_header = b"x-request-id"

    def target(self, base_path: str, path: str) -> str:
        """Put the path below /v1 behind the base path, which has the version (or whatever the server wants) itself."""
        return base_path.rstrip("/") + (path[3:] if path.startswith("/v1/") else path)

    def credential(self, api_key: str) -> Headers:
        return [(b"authorization", b"Bearer " + api_key.encode())]

    def defaults(self) -> Headers:
        return _DEFAULTS

    def fault(self, status: int, body: bytes) -> GatewayError | None:
        if status == 429 and b"insufficient_quota" in body:  # the account is out of money: waiting does not help
            return GatewayError("upstream_auth", "The backend's account has no quota left.")
        code = fault_code(status)
        return None if code is None else GatewayError(code)

    def reader(self, operation: Operation) -> ReplyReader:
        """Readers count usage where it arises: looking at a stored response again must not bill it again."""
        name = operation.name
        known = _READERS.get(name)
        if known is not None:
            return known()
        if name in _JSON or name in _IMAGES:
            return GenericReader(read_usage)
        if name in _TEXT or (name == "other" and not operation.is_repeatable):
            return GenericReader(read_usage, is_text=True)
        return OpaqueReader()

    def shape(self, operation: Operation) -> StreamShape | None:
        return _SHAPES.get(operation.name)
