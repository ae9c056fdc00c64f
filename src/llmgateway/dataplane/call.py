"""What travels through the phases: one caller's request, the exchange it becomes, and who works on it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from llmgateway.config.snapshot import Key, Route, Server
from llmgateway.dataplane.gauges import Gauges
from llmgateway.dataplane.inforce import InForce
from llmgateway.dataplane.overload import Overload
from llmgateway.dataplane.reply import Reply
from llmgateway.dataplane.staged import Staged
from llmgateway.dataplane.tunnels import Tunnels, Upgrade
from llmgateway.dataplane.upload import Upload
from llmgateway.domain.clock import Clock
from llmgateway.domain.exchange import Exchange
from llmgateway.domain.operation import BodyKind
from llmgateway.domain.verdict import Stage
from llmgateway.guarding.guards import Guard
from llmgateway.guarding.judging import JudgeLink
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import NO_PLACEHOLDERS, Placeholders
from llmgateway.guarding.places import Places
from llmgateway.http.deadlines import Sweeper
from llmgateway.http.incoming import Incoming
from llmgateway.http.messages import Headers
from llmgateway.limits.bodies import BodyMemory
from llmgateway.limits.rate import Buckets
from llmgateway.ports.dialect import Declared, Dialect, Refusal
from llmgateway.ports.judge import Piece
from llmgateway.wire.form import Form
from llmgateway.wire.jsonscan import Members


class Journal(Protocol):
    """Where exchanges are recorded; see llmgateway.journal.writer."""

    @property
    def is_full(self) -> bool: ...
    def append(self, buffers: list[bytes], *, may_use_reserve: bool) -> Awaitable[None] | None: ...


class Asked(Protocol):
    """What a backend is asked with: a caller's request (http.incoming.Incoming), or a copy of its head."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> bytes: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def header(self) -> Callable[[bytes], bytes | None]: ...
    @property
    def content_length(self) -> int | None: ...


class Shadowing(Protocol):
    """Who copies exchanges (dataplane.shadow)."""

    def sent(self, errand: "Errand", request: "Request") -> None:
        """Hear that a request of a route with a shadow is on its way to a backend. Returns at once, raises nothing."""
        ...


class Subject(NamedTuple):
    """What judges are asked about, as they read it (guarding.pieces.as_read). `context`: of a reply, what the request
    said. `places`: takes what they find; None where nothing can be redacted.
    """

    stage: Stage
    pieces: Sequence[Piece]
    context: Sequence[Piece] = ()
    places: Places | None = None


class Consulting(Protocol):
    """Who asks judges that take their time (dataplane.consulting)."""

    async def consult(self, errand: "Errand", links: Sequence[JudgeLink], subject: Subject, notes: Notes) -> None:
        """Ask all of `links` at once. Raises Blocked, or GatewayError guardrail_unavailable."""
        ...


@dataclass(slots=True)
class Gateway:
    """One worker's collaborators. `in_force` is replaced on reload; a call keeps the one it began with."""

    in_force: InForce
    journal: Journal
    sweeper: Sweeper
    clock: Clock
    mint: Callable[[], str]
    draw: Callable[[], float]
    dialects: Mapping[str, Dialect]
    gauges: Gauges = field(default_factory=Gauges)
    shadowing: Shadowing | None = None
    consulting: Consulting | None = None
    tunnels: Tunnels = field(default_factory=Tunnels)
    bodies: BodyMemory = field(default_factory=lambda: BodyMemory(Server().overload.max_body_bytes))
    overload: Overload = field(default_factory=Overload)
    rates: Buckets = field(default_factory=Buckets)  # of feedback
    token_secret: bytes = b""  # signs browsers' tokens where the configuration names no secret; none: they are refused
    staged: Staged = field(default_factory=Staged)
    is_draining: bool = False


@dataclass(slots=True)
class Request:
    """The request as admitted. `document` is the parsed JSON body, `upload` the streamed one; never both."""

    kind: BodyKind
    body: bytes = b""
    document: Mapping[str, Any] | None = None
    upload: Upload | None = None
    form: Form | None = None  # in the place of `upload`, where guardrails have looked into it
    declared: Declared = field(default_factory=Declared)
    model: str | None = None
    upgrade: Upgrade | None = None  # the caller asks for a tunnel
    members: Members | None = None  # of a large JSON body: where its members are
    sha256: str | None = None  # of a large body that will not be stored whole
    is_judged: bool = False  # guardrails have seen it, and it may be stored as it is
    stored: bytes | None = None  # what the journal gets instead of the body

    def close(self) -> None:
        """Give back what was taken for it."""
        if self.upload is not None:
            self.upload.close()
        if self.upgrade is not None:
            self.upgrade.place.release()


@dataclass(slots=True)
class Errand:
    """One exchange on its way to a backend, a caller's or a copy's: what `dispatch` and `settle` need of it.

    The exchange is its record; this holds what the record must not: sockets and bodies.
    """

    gateway: Gateway
    in_force: InForce
    incoming: Asked
    dialect: Dialect
    exchange: Exchange
    key: Key | None = None
    route: Route | None = None
    request: Request | None = None
    reply: Reply | None = None  # of the attempt under way, or the one that is relayed
    is_shadowed: bool = False  # whether it is copied has been decided
    notes: Notes | None = None  # what guardrails found
    said: bytes | None = None  # the answer as it may be stored, where that was found out before the exchange ended
    verdict: "asyncio.Future[Any] | None" = None  # of those who look at the request while a backend is asked already
    bound: Guard | None = None  # the route's guard for this exchange alone, where it must know what was asked
    refusal: Refusal | None = None  # what the caller got instead of the answer
    placeholders: Placeholders = NO_PLACEHOLDERS  # the values that the reply may have to have again
    counted_for: str | None = None  # the route that this is in flight for
    held: int = 0  # bytes of the body that count against `gateway.bodies`

    @property
    def now(self) -> float:
        return self.gateway.clock.monotonic()

    @property
    def guard(self) -> Guard | None:
        """What guards its reply; None where nothing does."""
        return self.bound or self.in_force.guards.of_route(self.exchange.route)


@dataclass(slots=True)
class Call(Errand):
    """One caller's request on its way: an errand with somebody who waits for the answer."""

    incoming: Incoming
