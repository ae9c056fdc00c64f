"""What every process of one gateway begins with, how it runs its event loop, and how it learns that it is to end."""

import asyncio
import gc
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import uvloop

from llmgateway import plugins
from llmgateway.config import lastgood
from llmgateway.config.loader import Examined, examine, load
from llmgateway.config.prompts import parted
from llmgateway.config.snapshot import Snapshot
from llmgateway.domain.clock import SystemClock
from llmgateway.telemetry.logs import setup_logging

logger = logging.getLogger(__name__)

CLOCK: Final = SystemClock()
# Traffic leaves no cycles: passes come while the number of connections grows, and hold up the loop by half a
# millisecond each. One every 700 objects, as by default, costs a few per cent.
GC_THRESHOLDS: Final = (5_000, 10, 50)
CONTROL_SOCKET: Final = Path("run", "control.sock")  # below the data folder
STORE: Final = "store.sqlite3"


@dataclass(frozen=True, slots=True)
class Started:
    """The configuration of a start. `text` is the file's, references unresolved, with its prompts behind it."""

    config: Path
    text: str
    snapshot: Snapshot

    @property
    def data(self) -> Path:
        return Path(self.snapshot.data.dir)


def read_snapshot(text: str, generation: int, document: Mapping[str, Any] | None = None) -> Snapshot:
    """Load a configuration with what is installed here; raises ConfigError. `document`: the text parsed before.

    The texts of prompts' files are those that stand behind `text`: the files may be others by now.
    """
    text, prompts = parted(text)
    return load(
        text,
        prompts=prompts,
        providers=plugins.names("provider"),
        guardrails=plugins.guardrails(),
        evaluators=plugins.classes("evaluator"),
        generation=generation,
        environ=os.environ,
        document=document,
    )


def examine_file(config: Path, generation: int) -> Examined:
    """Read and judge a configuration file with what is installed here; raises ConfigError."""
    return examine(
        config,
        providers=plugins.names("provider"),
        operations=plugins.operations(),
        guardrails=plugins.guardrails(),
        evaluators=plugins.classes("evaluator"),
        generation=generation,
        environ=os.environ,
    )


def latest(started: Started) -> Started:
    """A child that is started again begins with the configuration in force now, not with the one at the start.

    What is bound or opened once stays as it was at the start: a worker alone in a new data folder, or with TLS on a
    listener where its siblings have none, would be worse than an old setting.
    """
    kept = lastgood.load(started.data)
    if kept is None or kept.generation <= started.snapshot.generation:
        return started
    try:
        snapshot = read_snapshot(kept.text, kept.generation)
    except Exception:
        logger.exception("the last configuration can't be loaded; starting with the first")
        return started
    return Started(started.config, kept.text, pinned(snapshot, started.snapshot))


def pinned(snapshot: Snapshot, first: Snapshot) -> Snapshot:
    """`snapshot` with what only a restart of the gateway changes (`reload.needs_restart`) as it is in `first`."""
    server = replace(snapshot.server, listen=first.server.listen, workers=first.server.workers, tls=first.server.tls)
    return replace(
        snapshot,
        server=server,
        admin=replace(snapshot.admin, listen=first.admin.listen),
        data=replace(snapshot.data, dir=first.data.dir),
        journal=first.journal,
    )


class Leave:
    """The wish to end this process: somebody told it to, or the supervisor is gone."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.orphaned = asyncio.Event()

    def now(self) -> None:
        """End in good order."""
        self._asked.set()

    def at_once(self) -> None:
        """The supervisor is gone: make room for whoever comes after it, and end."""
        self.orphaned.set()
        self._asked.set()

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    async def asked(self) -> None:
        """Wait for the wish."""
        await self._asked.wait()


def run_loop(main: Callable[[], Awaitable[Any]], *, role: str, slot: int | None = None) -> None:
    """Run a child's main coroutine on uvloop, with what has been loaded so far out of the collector's way."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    setup_logging(role=role, slot=slot)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
