"""What every process of one gateway begins with, and how it runs its event loop."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from llmgateway import plugins
from llmgateway.config import lastgood
from llmgateway.config.loader import load
from llmgateway.config.snapshot import Snapshot
from llmgateway.domain.clock import SystemClock
from llmgateway.telemetry.logs import setup_logging

logger = logging.getLogger(__name__)

CLOCK: Final = SystemClock()
CONTROL_SOCKET: Final = Path("run", "control.sock")  # below the data folder
STORE: Final = "store.sqlite3"


@dataclass(frozen=True, slots=True)
class Started:
    """The configuration of a start. `text` is the file's, references unresolved."""

    config: Path
    text: str
    snapshot: Snapshot

    @property
    def data(self) -> Path:
        return Path(self.snapshot.data.dir)


def read_snapshot(text: str, generation: int) -> Snapshot:
    """Load a configuration with what is installed here; raises ConfigError."""
    return load(text, providers=plugins.names("provider"), generation=generation, environ=os.environ)


def latest(started: Started) -> Started:
    """A child that is started again begins with the configuration in force now, not with the one at the start."""
    kept = lastgood.load(started.data)
    if kept is None or kept.generation <= started.snapshot.generation:
        return started
    try:
        return Started(started.config, kept.text, read_snapshot(kept.text, kept.generation))
    except Exception:
        logger.exception("the last configuration can't be loaded; starting with the first")
        return started


class Leave:
    """The wish to end this process, from a signal or because the supervisor is gone."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGQUIT):
            loop.add_signal_handler(number, self.now)

    def now(self) -> None:
        self._event.set()

    async def asked(self) -> None:
        await self._event.wait()


def run_loop(main: Callable[[], Awaitable[Any]], *, role: str, slot: int | None = None) -> None:
    """Run a child's main coroutine on uvloop, with what has been loaded so far out of the collector's way."""
    gc.collect()
    gc.freeze()
    setup_logging(role=role, slot=slot)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
