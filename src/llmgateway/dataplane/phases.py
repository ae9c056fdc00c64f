"""The phases that decide: who calls, whether they may, what they ask, and where it goes.

Each returns what the next one needs. A refusal is a GatewayError, raised before any backend has heard of the request.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

from llmgateway.auth.keys import check_nearby, identify, presented, presented_by_browser
from llmgateway.config.snapshot import Key, Route
from llmgateway.dataplane.bodies import LARGE, read_large, understand
from llmgateway.dataplane.call import Call, Request
from llmgateway.dataplane.upgrade import admit_tunnel
from llmgateway.dataplane.upload import Upload
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.exchange import REPLAY_TAG, Phase
from llmgateway.domain.ids import is_exchange_id
from llmgateway.domain.operation import BodyKind, Operation
from llmgateway.http.messages import every
from llmgateway.ports.dialect import Declared, Dialect
from llmgateway.routing.facts import Facts
from llmgateway.routing.plan import Plan
from llmgateway.routing.select import Choice, home, pinned, sticky_key
from llmgateway.routing.table import MAX_MODEL, REPLAY_HEADER, VERSION_HEADER, model_of
from llmgateway.wire.jsonscan import parse_object
from llmgateway.wire.multipart import FieldScanner, boundary
from llmgateway.wire.prefix import Place, refuse_unfit

HOP_HEADER: Final = b"x-llmgateway-hop"
MAX_HOPS: Final = 3
_JSON: Final = frozenset({b"application/json", b"text/json", b""})
_OPAQUE: Final = (b"application/octet-stream", b"audio/", b"image/")
# Where such a body may go. Elsewhere it could be JSON by another name, with a model nobody has looked at.
_TAKE_FILES: Final = ("files", "uploads", "audio.", "images.", "containers", "videos")
_SESSIONS: Final = "/v1/realtime/"  # endpoints that make sessions without carrying them
_TAKES: Final = "This endpoint does not accept that content type. It takes"
_UTF8: Final = re.compile(rb"[^;]*;[ \t]*charset=(?:utf-?8|us-ascii|\"utf-?8\")[ \t]*", re.IGNORECASE)


def authenticate(call: Call) -> Key:
    """Find the caller's key; GatewayError invalid_api_key, conflicting_credentials or operation_not_allowed."""
    call.exchange.phase = Phase.AUTHENTICATE
    snapshot, header = call.in_force.snapshot, call.incoming.header
    if not snapshot.keys:
        check_nearby(header, snapshot.server.cors.origins)
    credential = presented(header)
    if call.exchange.operation.is_tunnel:
        credential = presented_by_browser(call.incoming.headers, credential)
    key = identify(credential, snapshot.keys, call.exchange.received_at)
    call.key = key
    call.exchange.key = key.name
    if key.operations is not None:
        call.in_force.permits.check(key, call.exchange.operation.name)
    return key


async def admit(call: Call) -> Request:
    """Let the request in: there is room for it, it is not in a circle, its body is whole and understood."""
    call.exchange.phase = Phase.ADMIT
    if call.gateway.overload.shed and call.key is not None:
        call.gateway.overload.check(call.key, call.gateway.draw())
    if _hops(call) >= MAX_HOPS:
        raise GatewayError("loop_detected")
    if call.exchange.operation.is_tunnel:
        return admit_tunnel(call)
    kind = body_kind(call)
    if kind is BodyKind.JSON:
        request = await _json(call)
    elif kind is BodyKind.STREAM:
        request = await _upload(call)
    else:
        request = Request(kind)
    call.exchange.body_received = call.now
    call.request = request
    return request


def route(call: Call, key: Key, request: Request) -> Plan:
    """Choose the version and the ordered attempts; GatewayError model_not_found, route_required, about a pin, or about
    the operator's prompt.
    """
    exchange = call.exchange
    exchange.phase = Phase.ROUTE
    found = call.route or find_route(call, request)
    if found.name in call.in_force.prompted:
        _check_place(call, request)
    choice = _choice(call, key, request, found)
    exchange.assigned_version = choice.version.name
    exchange.probability = choice.probability
    exchange.assigned_by = choice.assigned_by
    return call.in_force.plans(found, choice, may_fall_back=not exchange.operation.is_stateful)


def _check_place(call: Call, request: Request) -> None:
    """Refuse what the operator's prompt could not be put in front of, before any version is to answer for it.

    GatewayError invalid_value, or prompt_unsupported for sessions: what configures them goes through as it is, and may
    come again and again.
    """
    if call.exchange.operation.is_tunnel or call.incoming.path.lower().startswith(_SESSIONS):
        raise GatewayError("prompt_unsupported")
    place = system_place(call.dialect, call.exchange.operation)
    if place is not None and request.document is not None:
        refuse_unfit(request.document, place)


def system_place(dialect: Dialect, operation: Operation) -> Place | None:
    """Where this operation has its first system text; None where it has none."""
    places: Mapping[str, Place] = getattr(dialect, "system_places", {})
    return places.get(operation.name)


def _hops(call: Call) -> int:
    value = call.incoming.header(HOP_HEADER)
    return int(value) if value is not None and value.isdigit() and len(value) < 4 else 0


def body_kind(call: Call) -> BodyKind:
    """How the body is to be read, by what it says to be; GatewayError where this endpoint takes none such."""
    incoming = call.incoming
    if not incoming.has_body:
        if incoming.method == "POST" and not call.exchange.operation.is_stateful:
            raise GatewayError("invalid_json", "The request has no body.")
        return BodyKind.NONE
    content_type = _content_type(call)
    media = content_type.partition(b";")[0].strip().lower()
    if media in _JSON or media.endswith(b"+json"):
        if b"charset" in content_type.lower() and _UTF8.fullmatch(content_type) is None:
            raise GatewayError(
                "unsupported_media_type", "JSON is accepted in UTF-8 only: leave the charset out, or say utf-8."
            )
        return BodyKind.JSON
    operation = call.exchange.operation
    if not operation.is_json and media == b"multipart/form-data":
        return BodyKind.STREAM
    if not operation.is_json and media.startswith(_OPAQUE) and operation.name.startswith(_TAKE_FILES):
        return BodyKind.STREAM
    raise GatewayError("unsupported_media_type", _taken_by(operation))


def _taken_by(operation: Operation) -> str:
    """What to send instead. What was sent is the caller's, and not repeated."""
    if operation.is_json:
        return f"{_TAKES} application/json: send the body with `Content-Type: application/json`."
    if operation.name.startswith(_TAKE_FILES):
        return f"{_TAKES} application/json, multipart/form-data, application/octet-stream, audio/* or image/*."
    return f"{_TAKES} application/json or multipart/form-data."


def _content_type(call: Call) -> bytes:
    """The one Content-Type: of two, the backend might believe the other."""
    values = every(call.incoming.headers, b"content-type")
    if len(values) > 1:
        raise GatewayError("bad_request", "Content-Type is there twice.")
    return values[0] if values else b""


async def _json(call: Call) -> Request:
    limits, incoming = call.in_force.snapshot.server, call.incoming
    size = incoming.content_length
    if size is not None and size <= limits.max_body_bytes:
        call.gateway.bodies.claim(size)
        call.held = size
    if size is not None and size <= LARGE:
        body = await incoming.read(limits.max_body_bytes)
    else:
        body = await read_large(call, limits.max_body_bytes)
    exchange = call.exchange
    exchange.request_bytes = len(body)
    request = Request(BodyKind.JSON, body)
    call.request = request  # a refusal from here on is recorded with the body
    if not body:
        if exchange.operation.is_stateful:
            return Request(BodyKind.NONE)
        raise GatewayError("invalid_json", "The request has no body.")
    if len(body) > LARGE:
        await understand(request, call.in_force.snapshot)
        document = request.document or {}
    else:
        document = parse_object(body, max_depth=limits.max_json_depth, max_tokens=limits.max_json_tokens)
        request.document = document
    request.model = model_of(document)
    request.declared = declared = call.dialect.declared(document)
    note_declared(call, declared)
    return request


def note_declared(call: Call, declared: Declared) -> None:
    """Put what a body says of itself into the record."""
    exchange = call.exchange
    exchange.is_stream = declared.is_stream
    exchange.user = declared.user
    exchange.session = declared.session
    if declared.tags:
        exchange.tags = {**exchange.tags, **declared.tags}


async def _upload(call: Call) -> Request:
    incoming = call.incoming
    media = _content_type(call)
    is_form = media.strip().lower().startswith(b"multipart/form-data")
    bodies = call.gateway.bodies
    bodies.claim(0)  # where there is no room, nothing is read
    upload = Upload(incoming, bodies, FieldScanner(boundary(media), b"model") if is_form else None)
    request = Request(BodyKind.STREAM, upload=upload)
    call.request = request
    incoming.stream(call.in_force.snapshot.server.max_upload_bytes, upload)
    await _decided(upload)
    if upload.error is not None:
        raise upload.error
    request.model = upload.model
    return request


async def _decided(upload: Upload) -> None:
    """Wait until the form's model is known, or can't be."""
    if upload.is_decided:
        return
    decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def look() -> None:
        if upload.is_decided and not decided.done():
            decided.set_result(None)

    upload.on_change = look
    try:
        await decided
    finally:
        upload.on_change = None


def find_route(call: Call, request: Request) -> Route:
    """The route that is asked for, whichever phase asks first; GatewayError model_not_found or route_required."""
    if request.model is not None:
        call.exchange.request_model = request.model[:MAX_MODEL]
    assert call.key is not None
    call.route = call.in_force.table.asked_for(request.model, call.incoming.header, call.key)
    call.exchange.route = call.route.name
    return call.route


def _choice(call: Call, key: Key, request: Request, found: Route) -> Choice:
    """The caller's pin, else the home of what has an id, else the rules, else the split."""
    exchange, header = call.exchange, call.incoming.header
    named = header(VERSION_HEADER)
    if named is not None:
        choice = pinned(found, key, named.decode("ascii", "replace"))
        _note_replay(call)
        return choice
    if exchange.operation.is_stateful:
        return home(found)
    chooser = call.in_force.choosers[found.name]
    split = chooser.split_for(_facts(call, key, request)) if chooser.rules else chooser.split
    sticks_to = sticky_key(found.sticky, exchange.user, exchange.session, exchange.key, header)
    if call.gateway.staged.is_any and split is chooser.split:
        split = call.gateway.staged.split(found, sticks_to, exchange) or split
    return split.choose(sticks_to, call.gateway.draw())


def _note_replay(call: Call) -> None:
    """Mark what a replay asks, so that nobody takes it for traffic. Only who may pin gets here."""
    replay = (call.incoming.header(REPLAY_HEADER) or b"").decode("ascii", "replace")
    if is_exchange_id(replay):
        call.exchange.tags = {**call.exchange.tags, REPLAY_TAG: replay}


def _facts(call: Call, key: Key, request: Request) -> Facts:
    exchange = call.exchange
    return Facts(
        key=key,
        header=call.incoming.header,
        document=request.document,
        size=len(request.body),
        dialect=exchange.dialect,
        is_stream=exchange.is_stream,
        at=exchange.received_at,
    )
