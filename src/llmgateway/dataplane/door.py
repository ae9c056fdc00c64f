"""Where a request enters the data plane: it gets its id and its dialect, and is sent on its way."""

from typing import Final

from llmgateway.dataplane import local
from llmgateway.dataplane.answers import error_head
from llmgateway.dataplane.call import Call, Gateway
from llmgateway.dataplane.pipeline import refuse, serve
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Exchange
from llmgateway.http.incoming import Incoming
from llmgateway.ports.dialect import Dialect

MAX_SHOWN: Final = 128
_SAFE: Final = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in range(256))  # anything else becomes "?"


async def handle(gateway: Gateway, incoming: Incoming) -> None:
    """Take one request; the handler of http.server.HttpServer."""
    if local.probe(gateway, incoming) or local.preflight(gateway, incoming):
        return
    call = open_call(gateway, incoming)
    try:
        local.check_method(incoming.method)
        local.check_path(incoming.path)
        if local.is_models(incoming):
            local.models(call)
            return
    except GatewayError as error:
        call.exchange.key = None  # nothing was asked of a model: counted, not recorded
        await refuse(call, error)
        return
    await serve(call)


def dialect_of(gateway: Gateway, incoming: Incoming) -> Dialect:
    """Anthropic's SDKs send anthropic-version with everything; /v1/messages is theirs in any case."""
    path = incoming.path
    is_anthropic = (
        path == "/v1/messages" or path.startswith("/v1/messages/") or incoming.header(b"anthropic-version") is not None
    )
    return gateway.dialects["anthropic" if is_anthropic else "openai"]


def open_call(gateway: Gateway, incoming: Incoming) -> Call:
    dialect = dialect_of(gateway, incoming)
    clock = gateway.clock
    exchange = Exchange(
        id=gateway.mint(),
        received_at=clock.time(),
        started=clock.monotonic(),
        generation=gateway.in_force.snapshot.generation,
        dialect=dialect.name,
        operation=dialect.operation(incoming.method, incoming.path),
        method=incoming.method,
        path=incoming.path,
        peer=incoming.peer,
        user_agent=_shown(incoming.header(b"user-agent")),
        caller_request_id=_shown(incoming.header(b"x-request-id")),
        idempotency_key=_shown(incoming.header(b"idempotency-key")),
    )
    return Call(gateway, gateway.in_force, incoming, dialect, exchange)


def _shown(value: bytes | None) -> str | None:
    """A caller's header as it may stand in a log: short, printable (row C42)."""
    return value[:MAX_SHOWN].translate(_SAFE).decode("ascii") if value else None


def refuse_unparsed(gateway: Gateway, error: GatewayError, target: bytes) -> tuple[bytes, bytes]:
    """Render the refusal of bytes that never became a request: header lines and body, in the likeliest dialect."""
    gateway.gauges.refused[error.code] += 1
    dialect = gateway.dialects["anthropic" if target.startswith(b"/v1/messages") else "openai"]
    exchange_id = gateway.mint()
    head = b"x-request-id: %b\r\n" % exchange_id.encode() + error_head(error)
    return head, dialect.error_body(error, exchange_id)
