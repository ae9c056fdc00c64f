"""Where a request enters the data plane: it gets its id and its dialect, and is sent on its way."""

import logging
from typing import Final

from llmgateway.dataplane import local
from llmgateway.dataplane.answers import error_head
from llmgateway.dataplane.call import Call, Gateway
from llmgateway.dataplane.inforce import Endpoint, InForce
from llmgateway.dataplane.peer import caller_address
from llmgateway.dataplane.pipeline import refuse, serve
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import Exchange
from llmgateway.domain.operation import Operation
from llmgateway.http.incoming import Incoming
from llmgateway.routing.spoken import ANTHROPIC_HEADER, MESSAGES, is_messages, spoken
from llmgateway.wire.paths import OTHER

logger = logging.getLogger(__name__)

MAX_SHOWN: Final = 128
REMEMBERED: Final = 1024  # endpoints; paths with ids in them are many
_SAFE: Final = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in range(256))  # anything else becomes "?"


async def handle(gateway: Gateway, incoming: Incoming) -> None:
    """Take one request; the handler of http.server.HttpServer."""
    if local.probe(gateway, incoming) or local.preflight(gateway, incoming):
        return
    is_anthropic = incoming.header(ANTHROPIC_HEADER) is not None or is_messages(incoming.path)
    index = (incoming.method, incoming.path, is_anthropic)
    in_force = gateway.in_force
    endpoint = in_force.endpoints.get(index)
    if endpoint is None:
        endpoint = _endpoint(gateway, *index)
        try:
            local.check_method(incoming.method)
            local.check_path(incoming.path)
            _check_case(gateway, endpoint.operation, incoming)
        except GatewayError as error:
            await refuse(open_call(gateway, incoming, endpoint), error)
            return
        if len(in_force.endpoints) < REMEMBERED:
            in_force.endpoints[index] = endpoint
    call = open_call(gateway, incoming, endpoint)
    if endpoint.is_local:
        await _local(call)
    else:
        await serve(call)


async def _local(call: Call) -> None:
    try:
        await local.answer(call)
    except GatewayError as error:
        await _turn_away(call, error)
    except Exception:
        logger.exception("a request could not be answered", extra={"exchange": call.exchange.id})
        await _turn_away(call, GatewayError("internal_error"))


async def _turn_away(call: Call, error: GatewayError) -> None:
    call.exchange.key = None  # nothing was asked of a model: counted, not recorded
    await refuse(call, error)


def _check_case(gateway: Gateway, operation: Operation, incoming: Incoming) -> None:
    """Refuse an endpoint in other letters: to us it would be an unknown one, to the backend perhaps the same."""
    if operation.name == OTHER:
        for dialect in gateway.dialects.values():
            if not dialect.operation(incoming.method, incoming.path.lower()).is_stateful:
                raise GatewayError("not_found")


def _endpoint(gateway: Gateway, method: str, path: str, is_anthropic: bool) -> Endpoint:  # noqa: FBT001 - the index
    dialect, operation = spoken(gateway.dialects, method, path, is_anthropic=is_anthropic)
    return Endpoint(dialect, operation, local.is_local(method, path))


def open_call(gateway: Gateway, incoming: Incoming, endpoint: Endpoint) -> Call:
    clock, header = gateway.clock, incoming.header
    in_force, dialect = gateway.in_force, endpoint.dialect
    exchange = Exchange(
        id=gateway.mint(),
        received_at=clock.time(),
        started=clock.monotonic(),
        generation=in_force.snapshot.generation,
        dialect=dialect.name,
        operation=endpoint.operation,
        method=incoming.method,
        path=incoming.path,
        peer=_peer(in_force, incoming),
        user_agent=_shown(header(b"user-agent")),
        caller_request_id=_shown(header(b"x-request-id")),
        idempotency_key=_shown(header(b"idempotency-key")),
    )
    return Call(gateway, in_force, incoming, dialect, exchange)


def _peer(in_force: InForce, incoming: Incoming) -> str:
    if not in_force.trusted:
        return incoming.peer
    return caller_address(incoming.peer, incoming.header(b"x-forwarded-for"), in_force.trusted)


def _shown(value: bytes | None) -> str | None:
    """A caller's header as it may stand in a log: short, printable (row C42)."""
    return value[:MAX_SHOWN].translate(_SAFE).decode("ascii") if value else None


def refuse_unparsed(gateway: Gateway, error: GatewayError, target: bytes) -> tuple[bytes, bytes]:
    """Render the refusal of bytes that never became a request: header lines and body, in the likeliest dialect."""
    gateway.gauges.refused[error.code] += 1
    dialect = gateway.dialects["anthropic" if target.startswith(MESSAGES.encode()) else "openai"]
    exchange_id = gateway.mint()
    head = b"x-request-id: %b\r\n" % exchange_id.encode() + error_head(error)
    return head, dialect.error_body(error, exchange_id)
