"""One data plane: listener, gateway and journal in one event loop. A plain object, so that tests run it in theirs."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, Protocol

from llmgateway.config.snapshot import Backend, Snapshot
from llmgateway.dataplane.call import Gateway
from llmgateway.dataplane.consulting import Consultants
from llmgateway.dataplane.door import handle, refuse_unparsed
from llmgateway.dataplane.inforce import InForce, put_in_force, retired
from llmgateway.dataplane.pressure import Pressure
from llmgateway.dataplane.shadow import Shadows
from llmgateway.dataplane.tunnel import PARTING_S
from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.guarding.guards import Plugin
from llmgateway.http.client import Origin
from llmgateway.http.deadlines import Sweeper
from llmgateway.http.limits import Limits
from llmgateway.http.pool import Pool
from llmgateway.http.server import HttpServer
from llmgateway.journal.writer import JournalWriter
from llmgateway.ports.provider import Provider
from llmgateway.routing.places import Share

logger = logging.getLogger(__name__)

BACKLOG: Final = 4096
ACCEPTED: Final = 8  # connections a turn of the loop: libuv takes in one for each listening handle
HOUSEKEEPING_S: Final = 1.0
LAST_REQUESTS_S: Final = 0.25  # for callers who have connected and whose request is on its way
KEPT_S: Final = 2.0  # for the last request on connections that were kept: who used one lately will use it again
LOOK_S: Final = 0.02
PARTED_S: Final = PARTING_S + 0.2  # for tunnels, once they are told to end
HANDSHAKE_S: Final = 2.0  # for those who were queued when the listener closed


class Installed(Protocol):
    """The plug-ins that a configuration may name."""

    def provider(self, name: str) -> Provider:
        """The provider of that name, made once."""
        ...

    def guardrail(self, name: str, options: Mapping[str, Any]) -> Plugin:
        """A guardrail of that name with these settings."""
        ...


def prepare(
    snapshot: Snapshot,
    before: InForce | None,
    installed: Installed,
    clock: Clock,
    sweeper: Sweeper,
    *,
    share: Share | None = None,
) -> InForce:
    """Make a snapshot ready for traffic, with pools that dial from this event loop. `share`: see `put_in_force`."""

    def pool(backend: Backend) -> Pool:
        return Pool(Origin.of(backend), clock=clock, sweeper=sweeper)

    return put_in_force(
        snapshot,
        before,
        provider=installed.provider,
        guardrail=installed.guardrail,
        pool=pool,
        clock=clock,
        share=share,
    )


class Worker:
    """Serves callers on `listener` until drained. `start` and `drain` need the running loop; `close` ends all of it."""

    def __init__(self, gateway: Gateway, journal: JournalWriter, listener: socket.socket, installed: Installed) -> None:
        self.gateway = gateway
        self._journal = journal
        self._listener = listener
        self._installed = installed
        self._shadows = gateway.shadowing = Shadows(gateway)
        self._consultants = gateway.consulting = Consultants(gateway)
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.http = HttpServer(
            partial(handle, gateway),
            Limits.of(gateway.in_force.snapshot.server),
            sweeper=gateway.sweeper,
            clock=gateway.clock,
            refuse=self._refuse,
        )
        self.pressure = Pressure(gateway, self.http)

    @property
    def generation(self) -> int:
        return self.gateway.in_force.snapshot.generation

    async def start(self) -> None:
        """Accept callers."""
        loop = asyncio.get_running_loop()
        self._consultants.prepare(self.gateway.in_force.guards)
        self.gateway.sweeper.on_tick = self.gateway.gauges.lag
        context = tls_context(self.gateway.in_force.snapshot)
        for listener in (self._listener, *(self._listener.dup() for _ in range(ACCEPTED - 1))):
            server = await loop.create_server(self.http.protocol, sock=listener, backlog=BACKLOG, ssl=context)
            self._servers.append(server)
        self._tasks = [loop.create_task(self._keep_house()), loop.create_task(self.pressure.run())]

    def put_in_force(self, snapshot: Snapshot) -> None:
        """Serve new exchanges by `snapshot`; the ones under way keep theirs, but for sessions that it guards more
        strictly: these end.
        """
        before = self.gateway.in_force
        after = prepare(snapshot, before, self._installed, self.gateway.clock, self.gateway.sweeper)
        self.gateway.in_force = after
        self.gateway.tunnels.reguard(snapshot)
        self._consultants.prepare(after.guards)
        self.pressure.configure(snapshot.server)
        for pool in retired(before, after):
            pool.close()
        logger.info("generation in force", extra={"generation": snapshot.generation})

    async def drain(self, is_urgent: asyncio.Event | None = None) -> None:
        """Say so in /readyz, keep listening for `pre_stop_s`, then finish what runs within `drain_s`.

        Once `is_urgent` is set the listener closes without waiting: somebody else wants the address.
        """
        server = self.gateway.in_force.snapshot.server
        self.gateway.is_draining = True
        await self._shadows.close()
        if server.pre_stop_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for((is_urgent or asyncio.Event()).wait(), server.pre_stop_s)
        await self._stop_listening()
        self.http.finish()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.http.wait_closed(), LAST_REQUESTS_S)
        await self._kept_connections()
        self.http.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.http.wait_closed(), server.drain_s)
        if self.gateway.tunnels.open:
            self.gateway.tunnels.go_away()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.http.wait_closed(), PARTED_S)

    async def close(self) -> None:
        """Let go of the listener, the pools and the journal. What still runs is cut."""
        for task in self._tasks:
            task.cancel()
        self.pressure.close()
        self._close_servers()
        await self._shadows.close()
        self._consultants.close()
        for upstream in self.gateway.in_force.upstreams.values():
            upstream.pool.close()
        self.gateway.sweeper.close()
        self._journal.close()

    async def _kept_connections(self) -> None:
        """Wait for what comes on idle connections, for a while: each is closed behind the answer to that."""
        until = self.gateway.clock.monotonic() + KEPT_S
        while self.http.idle and self.gateway.clock.monotonic() < until:  # noqa: ASYNC110 - none tells that it is used
            await asyncio.sleep(LOOK_S)

    async def _stop_listening(self) -> None:
        """Close the listener, and take in whoever is queued on it: the last worker to close it would reset them."""
        if not self._servers:
            return
        loop, context = asyncio.get_running_loop(), tls_context(self.gateway.in_force.snapshot)
        with self._listener.dup() as listener:
            self._close_servers()
            callers = list(queued(listener))
        joining = [loop.connect_accepted_socket(self.http.protocol, caller, ssl=context) for caller in callers]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*joining, return_exceptions=True), HANDSHAKE_S)

    def _close_servers(self) -> None:
        while self._servers:
            self._servers.pop().close()

    def _refuse(self, error: GatewayError, target: bytes) -> tuple[bytes, bytes]:
        return refuse_unparsed(self.gateway, error, target)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self._journal.tick()
            self.gateway.in_force.standings.tick(self.gateway.clock.monotonic())


def queued(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept those who are queued on a listener, without waiting for more."""
    for _ in range(BACKLOG):
        try:
            caller, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError:  # this one has left while queued
            continue
        caller.setblocking(False)
        yield caller


def tls_context(snapshot: Snapshot) -> ssl.SSLContext | None:
    """The listener's TLS settings, if it has a certificate: TLS 1.2 and up, HTTP/1.1 only."""
    tls = snapshot.server.tls
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.cert, tls.key)
    context.set_alpn_protocols(["http/1.1"])
    return context
