"""The opening of a tunnel: the caller's offer is admitted, put to a backend, and judged by the backend's answer.

Until the backend has answered 101 it is a request like any other: refusals lead to the next target of the plan. What
the caller sends meanwhile waits unread behind its head.
"""

from collections.abc import Callable
from typing import Final

from llmgateway.dataplane.call import Call, Errand, Request
from llmgateway.dataplane.guardedreply import GuardedReply
from llmgateway.dataplane.reply import Reply, Way, resolve
from llmgateway.dataplane.tunnels import Upgrade
from llmgateway.domain.errors import GatewayError
from llmgateway.domain.operation import BodyKind
from llmgateway.http.client import SWITCH
from llmgateway.http.connection import Connection
from llmgateway.http.messages import Headers
from llmgateway.routing.plan import Target
from llmgateway.wire.handshake import Offer, read_offer
from llmgateway.wire.jsoncodec import encode
from llmgateway.wire.query import read_query

_TUNNEL: Final = Way.TUNNEL
_SHUT: Final = "The backend answered without opening a WebSocket."


def admit_tunnel(call: Call) -> Request:
    """Read the offer and take a place for the tunnel.

    GatewayError upgrade_required, bad_request, invalid_value (the model's name in the query) or overloaded.
    """
    incoming, exchange = call.incoming, call.exchange
    offer = read_offer(
        incoming.method, incoming.headers, is_http11=incoming.head.line.is_http11, has_body=incoming.has_body
    )
    query = read_query(incoming.query)
    place = call.gateway.tunnels.take(call.in_force.snapshot.server.max_tunnels)
    exchange.is_stream = True
    exchange.body_received = call.now
    call.request = Request(BodyKind.NONE, model=query.model, upgrade=Upgrade(offer, query, place))
    return call.request


class Tunnelled(Reply):
    """A backend's answer to an offer: a refusal, taken in like every other, or the beginning of a tunnel.

    After a 101 the connection rests until `release`; then each piece goes to the outlet as it comes, and `on_over`
    hears of the end.
    """

    # No slots: with some of its own it could not stand beside GuardedReply, which has some, too.
    _offer: Offer
    _hold: Callable[[], None]
    closed: str | None
    messages_in: int  # the caller's
    messages_out: int  # the backend's; both are told once the tunnel is over
    on_over: Callable[[], None] | None
    protocol: bytes | None

    def expect(self, offer: Offer, hold: Callable[[], None]) -> None:
        """Say what was offered; `hold` stops the backend's bytes."""
        self._offer = offer
        self._hold = hold
        self.protocol = self.on_over = self.closed = None
        self.messages_in = self.messages_out = 0

    @property
    def is_ok(self) -> bool:
        return self.status == 101

    def on_head(self, status: int, headers: Headers) -> None:
        if status != 101:
            super().on_head(status, headers)
            if 200 <= status < 300:
                self.fail(GatewayError("upstream_protocol", _SHUT))
            return
        self.attempt.first_byte = self._clock.monotonic()
        self.attempt.status = self.status = status
        self.headers = headers
        self.way = _TUNNEL
        self._hold()
        try:
            self.protocol = self._offer.granted(headers)
        except GatewayError as error:
            self.fail(error)
        else:
            resolve(self.ready)

    def _take(self, piece: bytes) -> None:
        if self.way is not _TUNNEL:
            super()._take(piece)
            return
        self.size += len(piece)
        if self._outlet is not None:
            self._outlet.write(piece)
        else:
            self._held.append(piece)

    def on_end(self, *, is_delimited: bool) -> None:
        if self.way is _TUNNEL:
            self._over(None)
        else:
            super().on_end(is_delimited=is_delimited)

    def on_fault(self, error: GatewayError, *, reusable_retry: bool) -> None:
        if self.way is _TUNNEL:
            self._over(error)
        else:
            super().on_fault(error, reusable_retry=reusable_retry)

    def _over(self, error: GatewayError | None) -> None:
        self.is_over = True
        if self.on_over is None:  # it has not begun: another backend may do better
            self.fail(error or GatewayError("upstream_truncated"))
        else:
            self.on_over()

    def session(self) -> bytes:
        """What is kept of a session: how many messages went each way, who closed it, and what the reader tells."""
        told = {
            "object": "session",
            "messages_in": self.messages_in,
            "messages_out": self.messages_out,
            "closed": self.closed,
        }
        said = self.reader.message()
        return encode(told) if said is None else encode(told)[:-1] + b',"responses":' + said + b"}"


class Opening(Tunnelled):
    """See Tunnelled; nothing has to be judged."""


class GuardedOpening(Tunnelled, GuardedReply):
    """See Tunnelled; a refusal is judged as any reply is, and the session's messages by `guardedtunnel`."""

    def on_head(self, status: int, headers: Headers) -> None:
        super().on_head(status, headers)
        if status == 101 and not hasattr(self.guard.shape, "cancel"):  # nobody knows where the texts are
            self.fail(GatewayError("guardrail_unsupported"))


def offer_tunnel(call: Errand, target: Target, connection: Connection, hop: bytes) -> None:
    """Put the caller's offer to a backend, with the version's model in the query; `hop` is one more header line."""
    reply, upgrade = call.reply, call.request.upgrade if call.request is not None else None
    assert isinstance(reply, Tunnelled)
    assert upgrade is not None
    upstream, incoming = call.in_force.upstreams[target.backend.name], call.incoming
    offer = upgrade.offer.anew() if isinstance(reply, GuardedOpening) else upgrade.offer
    reply.expect(offer, connection.pause)
    path = upstream.provider.target(upstream.base_path, incoming.path) + upgrade.query.naming(target.version.model)
    head = upstream.template.render("GET", path, incoming.headers, None, hop + offer.lines())
    connection.send(head, SWITCH, reply, upstream.origin.timeouts)
