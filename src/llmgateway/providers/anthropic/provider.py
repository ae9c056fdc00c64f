"""Anthropic's API as a backend."""

from typing import Final

from llmgateway.domain.errors import GatewayError
from llmgateway.domain.operation import Operation
from llmgateway.ports.provider import Headers
from llmgateway.ports.reader import ReplyReader
from llmgateway.ports.shape import StreamShape
from llmgateway.providers.anthropic.messages import MessagesReader
from llmgateway.providers.anthropic.shape import MessagesShape
from llmgateway.providers.anthropic.usage import read_usage
from llmgateway.wire.replies import GenericReader, OpaqueReader
from llmgateway.wire.upstream_status import fault_code

_MESSAGES: Final = MessagesShape()
_JSON: Final = frozenset({"messages.count_tokens", "complete"})
_DEFAULTS: Final = ((b"anthropic-version", b"2023-06-01"), (b"user-agent", b"llmgateway"))


class AnthropicProvider:
    """Ask Anthropic, or a server that speaks like it. Its base_url ends before `/v1`, as the SDK's does."""

    name = "anthropic"
    dialect = "anthropic"
    forwarded = frozenset({b"content-type", b"accept", b"anthropic-version", b"anthropic-beta", b"idempotency-key"})
    forwarded_prefixes: tuple[bytes, ...] = ()
    returned = frozenset({b"content-type", b"content-disposition", b"retry-after", b"retry-after-ms"})
    returned_prefixes: tuple[bytes, ...] = (b"anthropic-ratelimit-",)
    request_id_header = b"request-id"

    def target(self, base_path: str, path: str) -> str:
        """Put the whole path behind the base path; a base_url that ends in /v1 all the same means no second one."""
        return base_path.rstrip("/").removesuffix("/v1") + path

    def credential(self, api_key: str) -> Headers:
        return [(b"x-api-key", api_key.encode())]

    def defaults(self) -> Headers:
        return _DEFAULTS

    def fault(self, status: int, body: bytes) -> GatewayError | None:
        if status == 400 and b"credit balance is too low" in body:  # the operator's account, told as the caller's fault
            return GatewayError("upstream_auth", "The backend's account has no credit left.")
        code = fault_code(status)
        return None if code is None else GatewayError(code)

    def reader(self, operation: Operation) -> ReplyReader:
        """Readers count usage where it arises: looking at a batch's results must not bill them again."""
        if operation.name == "messages":
            return MessagesReader()
        if operation.name in _JSON:
            return GenericReader(read_usage)
        if operation.name == "other" and not operation.is_repeatable:
            return GenericReader(read_usage, is_text=True)
        return OpaqueReader()

    def shape(self, operation: Operation) -> StreamShape | None:
        return _MESSAGES if operation.name == "messages" else None
