"""Write one attempt's request: the caller's own bytes, with what the version changes, to the backend's connection."""

from collections.abc import Sequence
from typing import Final

from llmgateway.dataplane.call import Errand, Request
from llmgateway.dataplane.phases import HOP_HEADER, MAX_HOPS, system_place
from llmgateway.dataplane.reply import Reply
from llmgateway.dataplane.upgrade import offer_tunnel
from llmgateway.dataplane.upload import Upload
from llmgateway.http.client import Parts
from llmgateway.http.client import Upload as Pieces
from llmgateway.http.connection import Connection
from llmgateway.http.messages import block
from llmgateway.routing.plan import Target
from llmgateway.wire.jsonscan import Edit, splice, splice_large

_HOPS: Final = tuple(block([(HOP_HEADER, b"%d" % hop)]) for hop in range(MAX_HOPS + 1))


def send(call: Errand, target: Target, request: Request, connection: Connection, reply: Reply) -> None:
    upstream = call.in_force.upstreams[target.backend.name]
    if request.upgrade is not None:
        offer_tunnel(call, target, connection, _hop(call))
        return
    method, incoming = call.incoming.method, call.incoming
    origin = upstream.origin
    path = upstream.provider.target(upstream.base_path, incoming.path) + incoming.query.decode("ascii", "replace")
    render, headers, hop = upstream.template.render, incoming.headers, _hop(call)
    if request.upload is not None:
        model = _form_model(target, request)
        pieces = Pieces(request.upload.length(incoming.content_length, model))
        head = render(method, path, headers, pieces, hop)
        connection.send(head, pieces, reply, origin.timeouts)
        _attach(request.upload, connection, reply, model)
        return
    body = _body(call, target, request) or None
    head = render(method, path, headers, body, hop)
    connection.send(head, body, reply, origin.timeouts)


def _attach(upload: Upload, connection: Connection, reply: Reply, model: bytes | None) -> None:
    """Let the caller's pieces flow to the backend. If they stop making sense, the attempt is over."""

    def look() -> None:
        if upload.error is not None:
            connection.cancel()
            reply.on_fault(upload.error, reusable_retry=False)

    upload.on_change = look
    reply.on_upload = upload.writable
    upload.attach(connection.send_piece, connection.finish_upload, model=model)
    look()  # it may have failed while it waited


def _form_model(target: Target, request: Request) -> bytes | None:
    model = target.version.model
    return model.encode() if model is not None and request.model is not None else None


def _body(call: Errand, target: Target, request: Request) -> bytes | Parts:
    """The caller's own bytes, with the version's model, parameters and prompt spliced in."""
    if request.form is not None:
        return request.form.naming(_form_model(target, request))
    if request.document is None:
        return request.body
    version = (call.exchange.route or "", target.version.name)
    changes = call.in_force.changes[version]
    if call.exchange.operation.is_stateful:  # such bodies take no parameters, and a model only where one stands
        changes = {name: value for name, value in changes.items() if name == "model" and request.model is not None}
    others: Sequence[Edit] = ()
    if call.in_force.prefixes and (prefix := call.in_force.prefixes.get(version)) is not None:
        place = system_place(call.dialect, call.exchange.operation)
        if place is not None:
            added, others = prefix.edits(request.body, request.document, place, request.members)
            changes = {**changes, **added}
    if not changes and not others:
        return request.body
    if request.members is not None:
        return Parts(splice_large(request.body, request.document, changes, request.members, others))
    return splice(request.body, request.document, changes, others)


def _hop(call: Errand) -> bytes:
    """The line that tells the next gateway how many there were before it."""
    value = call.incoming.header(HOP_HEADER)
    hops = int(value) if value is not None and value.isdigit() and len(value) < 4 else 0
    return _HOPS[min(hops + 1, MAX_HOPS)]
