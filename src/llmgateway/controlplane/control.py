"""The control plane as one object in one event loop: what the process of that name runs, and what tests start.

It wires and keeps alive; what each part does is its own file. Nothing in here is on a request's path, and nothing in
here can end the process: a part that fails is logged, counted and started again.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from llmgateway import __version__
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.admin import Admin
from llmgateway.controlplane.api.gateway import Answers, NotYetError
from llmgateway.controlplane.api.table import Sources, endpoints
from llmgateway.controlplane.backends import Backends
from llmgateway.controlplane.byhand import ByHand
from llmgateway.controlplane.changes import Changes
from llmgateway.controlplane.endpoints import Endpoint
from llmgateway.controlplane.feed import Feed
from llmgateway.controlplane.gate import Gate
from llmgateway.controlplane.history import History
from llmgateway.controlplane.ingest import damage
from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.link import Links
from llmgateway.controlplane.memory import watch_memory
from llmgateway.controlplane.metrics import Exposition, Reading
from llmgateway.controlplane.outages import look_after
from llmgateway.controlplane.overview import Status, overview
from llmgateway.controlplane.parts import Parts, Run, first_tasks
from llmgateway.controlplane.probes import Probes
from llmgateway.controlplane.readiness import Facts, unready, unstarted
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.replies import whose_headers
from llmgateway.controlplane.reviewing import Reviewing
from llmgateway.controlplane.rollouts.service import RolloutService, Surroundings
from llmgateway.controlplane.tally import Tally
from llmgateway.controlplane.tasks import Tasks
from llmgateway.controlplane.watch import watch
from llmgateway.controlplane.webhooks import Webhooks
from llmgateway.domain.clock import Clock
from llmgateway.ports.store import Store
from llmgateway.telemetry.keptweights import WEIGHTS

SOCKET: Final = "run/control.sock"
TALLY: Final = "run/tally.json"
SAVE_EVERY_S: Final = 10.0

log = logging.getLogger(__name__)


class Control:
    """Build it on the loop it will run on; `start` returns when its sockets listen, `stop` when all is quiet."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._started_at = parts.clock.time()
        self._started = parts.clock.monotonic()
        self._is_draining = False
        self.tally = Tally()
        self._merged = Backends(parts.snapshot, f"{os.getpid()}-{self._started_at}")
        self.links = Links(
            parts.data_dir / SOCKET, clock=parts.clock, tally=self.tally, backends=self._merged, workers=parts.workers
        )
        self.backends = ByHand(self._merged, self.links, parts.clock)
        self._probes = Probes(self._merged, self.links.share, parts.provider, parts.clock)
        self._history = _history(parts)
        self.reloader = Reloader(
            self.links,
            parts.snapshot,
            examine=parts.examine,
            save=parts.save,
            put_in_force=self._put_in_force,
            on_taken=self._note,
        )
        self._tasks = Tasks(parts.clock.monotonic)
        self._feed = Feed(self._live)
        self.changes = self._changes()
        self._webhooks = Webhooks(lambda: self.reloader.snapshot, parts.clock)
        if parts.events is not None:
            parts.events.tell = self._webhooks.tell
        self._reviewing = _reviewing(parts, self.reloader, self._clock)
        self.rollouts = self._staged(parts.store)
        whose = whose_headers(parts.file.path if parts.file is not None else None, parts.data_dir)
        self._admin = Admin(parts.listener, self._endpoints(), self._gate(parts.snapshot), whose)
        self._configure(parts.snapshot)

    async def start(self) -> None:
        """Start every part. A part that can't start now is tried again; that too is no reason to end."""
        self.tally.load(self._tally_path)
        self.links.hold(self._parts.snapshot.generation, self._parts.text)
        listening = [self._listen("link", self.links.start, self.links.stop)]
        listening.append(self._listen("admin", self._admin.start, self._admin.stop))
        for name, run in first_tasks(self._parts).items():
            self._tasks.start(name, run)
        if self.changes is not None:
            self._note(self._parts.snapshot, self._parts.text)
            self._tasks.start("history", self.changes.run)
        for name, run in (self.rollouts.tasks() if self.rollouts is not None else {}).items():
            self._tasks.start(name, run)
        self._tasks.start("webhooks", self._webhooks.run)
        self._tasks.start("tally", self._save_now_and_then)
        self._tasks.start("watch", partial(watch, self.tally.totals, self._clock))
        self._tasks.start("backends", partial(look_after, self._merged, self.links, self._parts.events, self._clock))
        self._tasks.start("probes", self._probes.run)
        self._tasks.start("memory", partial(watch_memory, self.links, self._clock))
        await asyncio.gather(*(event.wait() for event in listening))

    async def stop(self) -> None:
        self._feed.close()
        if self.changes is not None:
            await self.changes.finish()
        await self._tasks.stop()
        if self._parts.events is not None:
            await self._parts.events.finish()
        self._save_tally()

    def drain(self) -> None:
        """Turn readiness off: the gateway is about to stop."""
        self._is_draining = True

    async def reload(self) -> tuple[bool, Mapping[str, Any]]:
        """Take the configuration file as it is now (SIGHUP, POST /admin/v1/reload): (is it in force, the report)."""
        report = await self.reloader.reload()
        return report.is_taken, report.shown()

    @property
    def failures(self) -> Mapping[str, int]:
        """Failures of the parts since the start, by name."""
        return self._tasks.failures

    def unready(self) -> list[str]:
        """Why no traffic should come; empty when it may."""
        return unready(self._facts())

    def _listen(self, name: str, start: Run, stop: Run) -> asyncio.Event:
        """Keep a listener up. The event is set after the first attempt, however it went."""
        tried = asyncio.Event()

        async def run() -> None:
            try:
                await start()
                tried.set()
                await asyncio.get_running_loop().create_future()
            finally:
                tried.set()
                await stop()

        self._tasks.start(name, run)
        return tried

    def _put_in_force(self, snapshot: Snapshot) -> None:
        self._configure(snapshot)
        self._merged.configure(snapshot)
        self._probes.configure()
        gate = self._gate(snapshot)
        if not gate.is_same(self._admin.gate):
            self._feed.close()  # who watches has the token of yesterday
        self._admin.gate = gate
        self._parts.on_snapshot(snapshot)

    def _configure(self, snapshot: Snapshot) -> None:
        self._labels = Labels.of(snapshot)
        self._parts.ledger.configure(self._labels)
        self._parts.recent.configure(self._labels)
        if self._parts.scoring is not None:
            self._parts.scoring.configure(snapshot, self._labels)

    def _gate(self, snapshot: Snapshot) -> Gate:
        """The token may change with a reload; what is bound stays what it was at the start."""
        return Gate(self._parts.snapshot.admin.listen, snapshot.admin.token)

    def _note(self, snapshot: Snapshot, text: str) -> None:
        """Have the history take down what came into force by the file."""
        if self._history is not None:
            self._history.note(snapshot, text)

    def _changes(self) -> Changes | None:
        if self._history is None or self._parts.file is None:
            return None
        return Changes(self.reloader, self._history, self._parts.file, self._clock)

    def _staged(self, store: Store | None) -> RolloutService | None:
        """Rollouts, where there is a store and something that is counted into it."""
        parts, ingest = self._parts, self._parts.ingest
        if store is None or ingest is None or self._reviewing is None:
            with suppress(OSError):
                (parts.data_dir / WEIGHTS).unlink()  # of a time when there were rollouts
            return None
        around = Surroundings(
            self.links,
            self.reloader,
            self.changes,
            self._clock,
            parts.data_dir,
            self._webhooks,
            ingest.drained,
            parts.events,
            lambda: parts.evaluation.judges if parts.evaluation is not None else {},
        )
        made = RolloutService(store, around, self._reviewing)
        ingest.count_for(made.conductor)
        return made

    def _endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        sources = Sources(
            answers=self._answers(),
            view=self._live,
            feed=self._feed,
            reloader=self.reloader,
            backends=self.backends,
            clock=self._clock,
            dialects=self._parts.dialects,
            store=self._parts.store,
            changes=self.changes,
            classes=self._parts.classes,
            evaluation=self._parts.evaluation,
            drift=self._parts.drift,
            golden=self._parts.golden,
            token_secret=self._parts.token_secret,
            reviewing=self._reviewing,
            gate=lambda: self._admin.gate,
            registry=self._parts.registry,
            erasing=self._parts.erasing,
            rollouts=self.rollouts,
        )
        return endpoints(sources, self._parts.endpoints)

    def _answers(self) -> Answers:
        return Answers(
            metrics=Exposition(self._read, self._clock).render,
            ready=self.unready,
            started=lambda: unstarted(self._facts()),
            reload=self.reload,
        )

    def _facts(self) -> Facts:
        return Facts(self.links.generation, self.links.live(), self._clock.monotonic(), self._is_draining)

    def _read(self) -> Reading:
        """Everything /metrics shows. What is about to be seen is saved first: see `tally`."""
        now, ingest = self._clock.monotonic(), self._parts.ingest
        if ingest is not None and not self._parts.ledger.is_restored:
            raise NotYetError
        self._save_tally()
        return Reading(
            ledger=self._parts.ledger.view(),
            labels=self._labels,
            totals=self.tally.totals(),
            starts=self.tally.starts(),
            workers=[worker for worker in self.links.live() if not worker.is_stale(now)],
            version=__version__,
            generation=self.links.generation,
            started_at=self._started_at,
            reloads=dict(self.reloader.counts),
            task_failures=dict(self.failures),
            lag=ingest.lag() if ingest is not None else None,
            damage=damage(ingest) if ingest is not None else {},
            backends=self.backends.shown(),
            ejections=dict(self._merged.ejections),
            review=self._parts.review.figures if self._parts.review is not None else None,
            rollouts=self.rollouts.figures(self._labels) if self.rollouts is not None else {},
            feedback=self._parts.scoring.figures if self._parts.scoring is not None else None,
            evaluators=self._parts.evaluation.reading() if self._parts.evaluation is not None else None,
            events=self._parts.events.figures() if self._parts.events is not None else None,
            drift=self._parts.drift.figures(self._labels) if self._parts.drift is not None else None,
            webhooks=dict(self._webhooks.counts),
        )

    def _live(self) -> dict[str, Any]:
        now, ingest = self._clock.monotonic(), self._parts.ingest
        status = Status(
            version=__version__,
            generation=self.links.generation,
            uptime_s=now - self._started,
            unready=self.unready(),
            starts=self.tally.starts(),
            task_failures=self.failures,
            lag=ingest.lag() if ingest is not None else None,
            store_error=ingest.error if ingest is not None else None,
            backends=self.backends.shown(),
            alarms=self._parts.events.lasting() if self._parts.events is not None else (),
        )
        return overview(self._parts.recent, self.links.live(), status, now)

    @property
    def _tally_path(self) -> Path:
        return self._parts.data_dir / TALLY

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            self._save_tally()

    def _save_tally(self) -> None:
        """A small file, not synced: it must survive this process, not the machine."""
        try:
            self.tally.save(self._tally_path)
        except OSError as error:
            log.warning("the workers' counters could not be saved: %s", error.strerror or type(error).__name__)


def _history(parts: Parts) -> History | None:
    if parts.store is None:
        return None
    if parts.registry is None:
        return History(parts.store, parts.clock)
    return History(parts.store, parts.clock, parts.registry.note)


def _reviewing(parts: Parts, reloader: Reloader, clock: Clock) -> Reviewing | None:
    """What people decide, where there is a store; what comes by itself hears of it."""
    if parts.store is None:
        return None
    feed, scoring = parts.review, parts.scoring
    reviewing = Reviewing(
        parts.store,
        lambda: reloader.snapshot.review,
        clock,
        changed=feed.changed if feed is not None else lambda: None,
        scored=scoring.wake if scoring is not None else lambda: None,
    )
    if feed is not None:
        feed.serve(reviewing)
    return reviewing
