"""Start the whole gateway: take the data folder, bind the listeners, keep the processes running."""

import gc
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from llmgateway import __version__, plugins
from llmgateway.app.cores import worker_count
from llmgateway.app.parts import CLOCK, STORE, Started, examine_file, latest
from llmgateway.app.room import too_little
from llmgateway.app.tokensecret import kept_secret
from llmgateway.app.worker import worker_main
from llmgateway.config import lastgood
from llmgateway.config.snapshot import Address, Bodies, Snapshot
from llmgateway.guarding.guards import REDACTORS
from llmgateway.supervisor import locks
from llmgateway.supervisor.child import Child
from llmgateway.supervisor.sockets import ORPHANS_S, BindError, bind
from llmgateway.supervisor.standin import StandIn
from llmgateway.supervisor.supervisor import Supervisor
from llmgateway.telemetry.logs import setup_logging

logger = logging.getLogger(__name__)


class StartError(Exception):
    """The gateway can't start; the text says why and what to do."""


def run(config: Path, announce: Callable[[dict[str, Any]], None]) -> int:
    """Run the whole gateway in this process and its children until told to stop; the exit status.

    Raises ConfigError or StartError before anything is started.
    """
    setup_logging(role="supervisor")
    os.umask(0o077)  # what callers and models say is nobody else's business: every file is made for this user alone
    first = examine_file(config, 0)
    data = Path(first.snapshot.data.dir)
    try:
        lock, has_orphans = _own(data)
        started = Started(
            config.absolute(), first.whole, replace(first.snapshot, generation=_generation(data, first.whole))
        )
        _examine_store(data)
        listeners = _bind(first.snapshot, ORPHANS_S if has_orphans else 0.0)
        lastgood.save(data, started.text, started.snapshot.generation)
        kept_secret(data)  # while there is room: what workers keep back may take the last of the disk
    except OSError as error:
        raise StartError(
            f"the data folder {data} can't be used: {error.strerror}: {error.filename or data}. "
            f"It has to be a folder that user {os.geteuid()} may write to; [data] dir names another"
        ) from None
    scarce = too_little(data, worker_count(first.snapshot), first.snapshot.journal)
    for warning in (*first.warnings, *([scarce] if scarce else [])):
        logger.warning("%s", warning)
    return _supervise(started, listeners, lock, announce)


def _supervise(
    started: Started,
    listeners: tuple[socket.socket, socket.socket],
    lock: int,
    announce: Callable[[dict[str, Any]], None],
) -> int:
    snapshot = started.snapshot
    callers, admin = listeners
    count = worker_count(snapshot)
    workers = [Child(f"worker-{slot}", partial(_worker, started, listeners, slot)) for slot in range(count)]
    control = Child("control", partial(_control, started, listeners))
    supervisor = Supervisor(
        workers,
        control,
        [callers],
        clock=CLOCK,
        drain_s=lambda: _drain_s(started),
        on_ready=lambda: announce(_facts(started, callers, admin, count)),
        in_child=lambda: os.close(lock),
    )
    supervisor.stand_in = StandIn(admin)
    _load(snapshot)
    return supervisor.run()


def _load(snapshot: Snapshot) -> None:
    """Have here, once, what all workers need, and keep the collector from it: its marks would be writes to memory that
    the processes share until one of them writes.
    """
    for backend in snapshot.backends.values():
        plugins.import_built_in("provider", backend.provider)
    guardrails = {each.plugin for route in snapshot.routes.values() for each in route.guardrails}
    if guardrails or Bodies.REDACTED in {
        snapshot.journal.bodies,
        *(route.bodies for route in snapshot.routes.values()),
    }:
        guardrails.update(REDACTORS)
    for name in guardrails:
        plugins.import_built_in("guardrail", name)
    gc.collect()
    gc.freeze()


def _drain_s(started: Started) -> float:
    """How long the workers may take to drain, by the configuration in force now."""
    server = latest(started).snapshot.server
    return server.drain_s + server.pre_stop_s


def _examine_store(data: Path) -> None:
    """Raise StartError for a store that takes nothing and will not: starting would look as if all were well."""
    from llmgateway.app.storecheck import refusal

    if reason := refusal(data / STORE):
        raise StartError(reason)


def _bind(snapshot: Snapshot, patience_s: float) -> tuple[socket.socket, socket.socket]:
    callers = _bound("server", snapshot.server.listen, patience_s)
    try:
        return callers, _bound("admin", snapshot.admin.listen, patience_s)
    except StartError:
        callers.close()
        raise


def _bound(table: str, address: Address, patience_s: float) -> socket.socket:
    try:
        return bind(address, patience_s=patience_s)
    except BindError as error:
        raise StartError(f"[{table}] listen: {error}") from None


def _worker(started: Started, listeners: tuple[socket.socket, socket.socket], slot: int, line: socket.socket) -> None:
    callers, admin = listeners
    admin.close()
    worker_main(started, callers, slot, line)


def _control(started: Started, listeners: tuple[socket.socket, socket.socket], line: socket.socket) -> None:
    from llmgateway.app.control import control_main  # aiohttp and the store are loaded in this process alone

    callers, admin = listeners
    callers.close()
    control_main(started, admin, line)


def _facts(started: Started, callers: socket.socket, admin: socket.socket, workers: int) -> dict[str, Any]:
    scheme = "https" if started.snapshot.server.tls is not None else "http"
    return {
        "version": __version__,
        "url": f"{scheme}://{_address(callers)}",
        "admin_url": f"http://{_address(admin)}",
        "workers": workers,
        "data": str(started.data.absolute()),
        "config": str(started.config),
        "generation": started.snapshot.generation,
        "pid": os.getpid(),
    }


def _address(listener: socket.socket) -> Address:
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def _own(data: Path) -> tuple[int, bool]:
    """Take the data folder for this gateway alone. Returns the lock, which goes with this process however it ends
    and must be closed in children, and whether children of a gateway that was killed still live.
    """
    lock = locks.take(data / locks.OWNER)
    if lock is None:
        pid = locks.holder(data / locks.OWNER)
        raise StartError(f"another gateway (process {pid}) is running on the data folder {data}")
    _, has_orphans = locks.join(data / locks.PROCESSES)  # stays open here and in every child
    return lock, has_orphans


def _generation(data: Path, text: str) -> int:
    """The number of this configuration: the last one's if the text is the same, else the next."""
    kept = lastgood.load(data)
    if kept is None:
        return 1
    return kept.generation if kept.text == text else kept.generation + 1
