"""The control process: the control plane joined to the journal, the store and its supervisor."""

import asyncio
import os
import signal
import socket
from pathlib import Path

from llmgateway import plugins
from llmgateway.app.parts import CLOCK, STORE, Leave, Started, latest, run_loop
from llmgateway.config import lastgood
from llmgateway.config.loader import Examined, examine
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.control import Control, Parts, on_rows
from llmgateway.controlplane.ingest import Ingester
from llmgateway.controlplane.ledger import Ledger
from llmgateway.controlplane.live import Recent
from llmgateway.controlplane.pricing import Prices
from llmgateway.controlplane.retention import Retention
from llmgateway.journal.layout import journal_folder
from llmgateway.store.sqlite import SqliteStore
from llmgateway.supervisor.tether import Tether

LAST_INGEST_S = 20.0  # at the end: what the workers left behind goes into the store, or waits for the next start


def control_main(started: Started, listener: socket.socket, line: socket.socket) -> None:
    """The life of the control process."""
    run_loop(lambda: _control(latest(started), listener, line), role="control")


def build_control(started: Started, listener: socket.socket) -> tuple[Control, Ingester, SqliteStore]:
    """Make the control plane for the running event loop; `start` and `stop` it, then close the store."""
    snapshot = started.snapshot
    ledger, recent, prices = Ledger(), Recent(CLOCK), Prices(snapshot)
    store = SqliteStore(started.data / STORE, snapshot.journal.durability)
    ingester = Ingester(journal_folder(started.data), store, prices, ledger, CLOCK, on_rows=on_rows(ledger, recent))
    retention = Retention(store, snapshot.data, CLOCK)

    def on_snapshot(after: Snapshot) -> None:
        prices.configure(after)
        retention.configure(after.data)

    parts = Parts(
        snapshot=snapshot,
        text=started.text,
        data_dir=started.data,
        listener=listener,
        clock=CLOCK,
        ledger=ledger,
        recent=recent,
        examine=lambda generation: _examine(started.config, generation),
        save=lambda text, generation: lastgood.save(started.data, text, generation),
        ingest=ingester,
        services={"retention": retention.run},
        on_snapshot=on_snapshot,
    )
    return Control(parts), ingester, store


def _examine(config: Path, generation: int) -> Examined:
    return examine(config, providers=plugins.names("provider"), generation=generation, environ=os.environ)


async def _control(started: Started, listener: socket.socket, line: socket.socket) -> None:
    control, ingester, store = build_control(started, listener)
    leave = Leave()
    tether = Tether(line, leave.now)
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = loop.create_task(control.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    await control.start()
    tether.start()
    tether.ready()
    await leave.asked()
    control.drain()
    try:
        await asyncio.wait_for(ingester.drained(), LAST_INGEST_S)
    except TimeoutError:
        pass
    await control.stop()
    await store.close()
    tether.close()
