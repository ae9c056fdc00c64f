"""A worker process: the data plane joined to its journal, its link to control and its supervisor."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import Mapping
from typing import Any

from llmgateway import plugins
from llmgateway.app.cores import worker_count
from llmgateway.app.parts import CLOCK, CONTROL_SOCKET, Leave, Started, latest, read_snapshot, run_loop
from llmgateway.app.tokensecret import kept_secret
from llmgateway.config.problems import ConfigError
from llmgateway.dataplane.call import Gateway
from llmgateway.dataplane.link import Link, News
from llmgateway.dataplane.live import Live, Sources
from llmgateway.dataplane.readiness import unready
from llmgateway.dataplane.worker import Worker, prepare
from llmgateway.domain.ids import IdMint
from llmgateway.guarding.guards import Plugin
from llmgateway.http.deadlines import Sweeper
from llmgateway.journal.layout import journal_folder
from llmgateway.journal.writer import JournalWriter
from llmgateway.ports.provider import Provider
from llmgateway.routing.places import Share
from llmgateway.supervisor.tether import Tether
from llmgateway.telemetry.keptweights import WEIGHTS, kept


class Installed:
    """The installed plug-ins, as a data plane asks for them (dataplane.worker.Installed)."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}

    def provider(self, name: str) -> Provider:
        if name not in self._providers:
            self._providers[name] = plugins.load("provider", name)()
        return self._providers[name]

    def guardrail(self, name: str, options: Mapping[str, Any]) -> Plugin:
        made: Plugin = plugins.guardrails()[name](options)
        return made


def build_worker(started: Started, listener: socket.socket, slot: int = 0) -> tuple[Worker, JournalWriter]:
    """Make a worker for the running event loop; `start` it, and `close` it at the end (the journal with it)."""
    snapshot = started.snapshot
    sweeper = Sweeper(CLOCK)
    installed = Installed()
    journal = JournalWriter.open(journal_folder(started.data), snapshot.journal, CLOCK)
    gateway = Gateway(
        in_force=prepare(snapshot, None, installed, CLOCK, sweeper, share=Share(slot, worker_count(snapshot))),
        journal=journal,
        sweeper=sweeper,
        clock=CLOCK,
        mint=IdMint(CLOCK.time),
        draw=random.random,  # noqa: S311 - splits traffic, keeps no secret
        dialects=plugins.load_all("dialect"),
        token_secret=kept_secret(started.data),
    )
    return Worker(gateway, journal, listener, installed), journal


def worker_main(started: Started, listener: socket.socket, slot: int, line: socket.socket) -> None:
    """The life of a worker process."""
    run_loop(lambda: _work(latest(started), listener, slot, line), role="worker", slot=slot)


async def _work(started: Started, listener: socket.socket, slot: int, line: socket.socket) -> None:
    leave = Leave()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave.now)
    tether = Tether(line, leave.at_once)
    worker, journal = build_worker(started, listener, slot)
    standings = worker.gateway.in_force.standings  # the same ones for all generations
    link = Link(
        started.data / CONTROL_SOCKET,
        _live(worker, journal, slot).status,
        lambda generation, text, document: take_snapshot(worker, generation, text, document),
        held=started.text,
        news=News(
            lambda view: standings.take(view, CLOCK.monotonic()),
            standings.greet,
            worker.pressure.hear,
            worker.gateway.staged.take,
        ),
    )
    standings.tell = link.tell
    worker.gateway.staged.take(kept(started.data / WEIGHTS))  # until control is heard, which may be away
    await worker.start()
    tether.start()
    link.start()
    tether.ready()
    await leave.asked()
    parting = asyncio.ensure_future(_part(link, leave))
    await worker.drain(leave.orphaned)
    parting.cancel()
    await link.close()
    await worker.close()
    tether.close()


async def _part(link: Link, leave: Leave) -> None:
    """Once orphaned, tell no control of us: the next one has a worker of its own in our slot."""
    await leave.orphaned.wait()
    await link.close()


async def take_snapshot(
    worker: Worker, generation: int, text: str, document: Mapping[str, Any] | None = None
) -> str | None:
    """Put a configuration from control in force; the reason if it can't be.

    Thousands of routes and keys take half a second to read. A thread does that, and the interpreter lets the event
    loop have its turn every few milliseconds.
    """
    try:
        worker.put_in_force(await asyncio.to_thread(read_snapshot, text, generation, document))
    except ConfigError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the old snapshot stays and control hears what it was
        return type(error).__name__  # its text might quote a secret
    return None


def _live(worker: Worker, journal: JournalWriter, slot: int) -> Live:
    gateway = worker.gateway
    sources = Sources(
        generation=lambda: worker.generation,
        connections=lambda: worker.http.connections,
        pools=lambda: {
            name: {"open": upstream.pool.open} | gateway.in_force.standings[name].figures(gateway.clock.monotonic())
            for name, upstream in gateway.in_force.upstreams.items()
        },
        journal=lambda: journal.stats,
        sheds=lambda: gateway.in_force.standings.sheds,
        unlogged=lambda: gateway.gauges.unlogged,
        is_full=lambda: journal.is_full,
        unready=lambda: unready(gateway),
        memory=worker.pressure.own,
        overload=gateway.overload,
        bodies=gateway.bodies,
    )
    return Live(slot, os.getpid(), journal.incarnation or "", gateway.gauges, sources)
