"""The control process: the control plane joined to the journal, the store and its supervisor."""

import asyncio
import logging
import os
import signal
import socket
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmgateway import plugins
from llmgateway.app.cores import worker_count
from llmgateway.app.parts import CLOCK, STORE, Leave, Started, examine_file, latest, run_loop
from llmgateway.app.tokensecret import kept_secret
from llmgateway.config import lastgood
from llmgateway.config.loader import Examined, examine
from llmgateway.config.snapshot import Server, Snapshot
from llmgateway.controlplane.configfile import ConfigFile
from llmgateway.controlplane.control import Control
from llmgateway.controlplane.drift.watch import DriftWatch
from llmgateway.controlplane.erasing import Erasing
from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.controlplane.evaluation.http import OwnListener
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.fingerprints import Fingerprints
from llmgateway.controlplane.golden.lazily import LazyGolden
from llmgateway.controlplane.ingest import Ingester
from llmgateway.controlplane.ledger import Ledger
from llmgateway.controlplane.live import Recent
from llmgateway.controlplane.parts import Parts, in_turn, on_rows
from llmgateway.controlplane.pricing import Prices
from llmgateway.controlplane.registry import Registry
from llmgateway.controlplane.retention import Retention
from llmgateway.controlplane.reviewfeed import ReviewFeed
from llmgateway.controlplane.scoring import Scoring
from llmgateway.journal import reclaim
from llmgateway.journal.layout import journal_folder
from llmgateway.store.sqlite import SqliteStore
from llmgateway.supervisor import locks
from llmgateway.supervisor.child import DRAIN, LEAVE, RELOAD
from llmgateway.supervisor.tether import Tether

if TYPE_CHECKING:
    from llmgateway.controlplane.golden.watch import GoldenWatch

LAST_INGEST_S: Final = 20.0
LAST_TRY_S: Final = 2.0  # where the store takes nothing: it would have to come back just now
QUERY_S: Final = 5.0  # for one question of the admin API to the store
TURN_POLL_S: Final = 0.02
WARN_S: Final = 5.0
WARN_EVERY_S: Final = 60.0

logger = logging.getLogger(__name__)


def control_main(started: Started, listener: socket.socket, line: socket.socket) -> None:
    """The life of the control process.

    It leaves when the supervisor says so, after the workers. A SIGTERM that goes to all processes of the gateway at
    once would end it before them, with their last exchanges not in the store yet.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    run_loop(lambda: _control(started, listener, line), role="control")


def build_control(  # noqa: PLR0914 - one for each part
    started: Started, listener: socket.socket
) -> tuple[Control, Ingester, SqliteStore]:
    """Make the control plane for the running event loop; `start` and `stop` it, then close the store."""
    snapshot = started.snapshot
    ledger, recent, prices = Ledger(), Recent(CLOCK), Prices(snapshot)
    store = SqliteStore(started.data / STORE, snapshot.journal.durability, query_s=QUERY_S)
    feed = ReviewFeed(CLOCK)
    registry = Registry(store, snapshot, CLOCK, prices)
    scoring = Scoring(store, snapshot, CLOCK, on_placed=feed.placed)
    asks = OwnListener(lambda: snapshot.server)
    evaluation = Evaluation(store, snapshot, plugins.classes("evaluator"), asks, CLOCK)
    events = Events(store)
    fingerprints = Fingerprints(store, events, snapshot)
    drift = DriftWatch(store, snapshot, events, CLOCK, offer=feed.drifted)
    heard = on_rows(ledger, recent, scoring, evaluation, feed, fingerprints, drift, registry)
    folder = journal_folder(started.data)
    ingester = Ingester(folder, store, prices, ledger, CLOCK, on_rows=heard, on_scores=scoring.wake)
    golden = LazyGolden(snapshot, lambda now: _golden(now, snapshot.server, store, events, ingester))
    retention, erasing = Retention(store, snapshot.data, CLOCK), Erasing(store, folder, CLOCK)
    parts = Parts(
        snapshot=snapshot,
        text=started.text,
        data_dir=started.data,
        listener=listener,
        workers=worker_count(snapshot),
        clock=CLOCK,
        ledger=ledger,
        recent=recent,
        examine=lambda generation: examine_file(started.config, generation),
        dialects=plugins.load_all("dialect"),
        classes=plugins.classes,
        provider=cache(lambda name: plugins.load("provider", name)()),
        save=lambda text, generation: lastgood.save(started.data, text, generation),
        ingest=ingester,
        services={"retention": retention.run, "fingerprints": fingerprints.run, "erasures": erasing.run},
        on_snapshot=in_turn(prices, retention, evaluation, fingerprints, drift, golden, registry),
        file=ConfigFile(started.config, lambda text, generation: _judge(text, started.config, generation)),
        store=store,
        scoring=scoring,
        review=feed,
        evaluation=evaluation,
        events=events,
        drift=drift,
        golden=golden,
        registry=registry,
        erasing=erasing,
        token_secret=kept_secret(started.data),
    )
    return _joined(Control(parts), asks), ingester, store


def _joined(control: Control, asks: OwnListener) -> Control:
    """Have judges know which versions are on trial."""
    if control.rollouts is not None:
        asks.candidate = control.rollouts.candidate
    return control


def _golden(
    snapshot: Snapshot, server: Server, store: SqliteStore, events: Events, ingester: Ingester
) -> "GoldenWatch":
    """Who asks golden questions. `server`: how the listener was bound at the start, whatever a reload says."""
    from llmgateway.controlplane.golden.asking import Asker
    from llmgateway.controlplane.golden.watch import GoldenWatch

    return GoldenWatch(store, snapshot, events, Asker(lambda: server, store, ingester.drained), CLOCK)


def _judge(text: str, config: Path, generation: int) -> Examined:
    """What a text would mean as the configuration's file."""
    return examine(
        text,
        providers=plugins.names("provider"),
        operations=plugins.operations(),
        guardrails=plugins.guardrails(),
        evaluators=plugins.classes("evaluator"),
        generation=generation,
        environ=os.environ,
        name=str(config),
    )


async def _control(started: Started, listener: socket.socket, line: socket.socket) -> None:
    leave = Leave()
    tether = Tether(line, leave.at_once)
    tether.heed(LEAVE, leave.now)
    tether.start()
    lock = await _turn(started.data / locks.CONTROL, leave)
    if lock is not None:
        await _rule(latest(started), listener, tether, leave)
    tether.close()  # the lock goes with the process


async def _turn(path: Path, leave: Leave) -> int | None:
    """Wait until no other control process lives on this data folder; None if we are told to leave before.

    The one before us ends as soon as it notices that its supervisor is gone: the store has one writer at any moment.
    """
    warned = CLOCK.monotonic() + WARN_S
    while not leave.is_asked:
        lock = locks.take(path)
        if lock is not None:
            return lock
        if CLOCK.monotonic() >= warned:
            warned = CLOCK.monotonic() + WARN_EVERY_S
            logger.error("waiting for process %s, control of a gateway that was killed, to end", locks.holder(path))
        await asyncio.sleep(TURN_POLL_S)
    return None


async def _rule(started: Started, listener: socket.socket, tether: Tether, leave: Leave) -> None:
    reclaim.bury_unborn(journal_folder(started.data), CLOCK.time())
    control, ingester, store = build_control(started, listener)
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = loop.create_task(control.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    await control.start()
    tether.heed(RELOAD, reload)
    tether.heed(DRAIN, control.drain)
    tether.ready()
    await leave.asked()
    control.drain()
    if not leave.orphaned.is_set():
        await _finish(ingester, leave)
    await control.stop()
    await store.close()


async def _finish(ingester: Ingester, leave: Leave) -> None:
    """Ingest what the workers left behind; what doesn't get through in time waits in the journal for the next start."""
    waits = [asyncio.ensure_future(ingester.drained()), asyncio.ensure_future(leave.orphaned.wait())]
    patience_s = LAST_INGEST_S if ingester.error is None else LAST_TRY_S
    await asyncio.wait(waits, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
