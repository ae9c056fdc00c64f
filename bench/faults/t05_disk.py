"""T5: the journal's disk is full. A small tmpfs where one may be mounted, else a quota through `max_size`."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Final

import psutil
from tests.support.killing import roles
from tests.support.killing_load import Caller, FailedError
from tests.support.ledger import Ledger, Request

from bench.faults.figure import Figure, at_most, none_of
from bench.faults.stage import Rig, Setting, Stage, stage

TITLE: Final = "the journal's disk is full"
REFUSAL_S: Final = 0.001
HEAL_S: Final = 2.0
SIZE: Final = "64m"
_JOURNAL: Final = 'reserve = "1MiB"\nsegment = "1MiB"\n'


@dataclass
class Disk:
    """A folder that can be made full. `mounted`: a disk of its own; else the store stands still and a quota fills."""

    folder: Path
    mounted: bool

    @property
    def setting(self) -> Setting:
        quota = "" if self.mounted else 'max_size = "4MiB"\n'
        return Setting(data=str(self.folder), journal=_JOURNAL + quota)

    def fill(self, played: Stage) -> None:
        if not self.mounted:
            _suspend(played, True)
            return
        with open(self.folder / "filler", "ab", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(65_536))

    def free(self, played: Stage) -> None:
        if self.mounted:
            (self.folder / "filler").unlink()
        else:
            _suspend(played, False)


async def run(rig: Rig) -> list[Figure]:
    """Whoever was admitted is logged, whoever cannot be is told at once, and it heals by itself."""
    with _disk(rig.folder / "disk") as disk:
        ledger = Ledger(prefix="t5")
        async with stage(rig, disk.setting) as played:
            async with played.load(ledger, callers=4, pause_s=0.01) as load:
                await load.progress(50)
                rig.say("filling the disk")
                await asyncio.to_thread(disk.fill, played)
                refused = await _until(played, 503)
                await asyncio.sleep(rig.pick(10.0, 2.0))
                times = await _refusals(played, rig.pick(500, 100))
                rig.say("making space")
                disk.free(played)
                healed = await _until(played, 200)
                await load.progress(20)
            books = await played.books(ledger)
    odd = [text for text in books.failures if "503" not in text or "log_store_full" not in text]
    kind = "tmpfs" if disk.mounted else "a quota: no tmpfs may be mounted here"
    return [
        none_of(f"failures other than 503 log_store_full ({kind})", odd),
        at_most("seconds until new requests are refused", refused, 30.0, "s"),
        *books.figures(),
        at_most("a refusal, median", median(times) * 1000, REFUSAL_S * 1000, "ms"),
        at_most("serves again after space is back", healed, HEAL_S, "s"),
    ]


async def _ask(played: Stage, caller: Caller) -> int:
    request = Request("probe-0", is_stream=False)
    with suppress(FailedError, OSError):
        await caller.ask(request, keep=True)
    return request.status or 0


async def _until(played: Stage, status: int) -> float | None:
    """The seconds until eight answers in a row have that status: more than one worker's; None: never."""
    began, caller, row = monotonic(), Caller(played.gateway.port), 0
    while row < 8:
        if monotonic() - began > 40:
            return None
        caller.close()
        row = row + 1 if await _ask(played, caller) == status else 0
    caller.close()
    return monotonic() - began


async def _refusals(played: Stage, count: int) -> list[float]:
    """What refusals take on a connection that is kept."""
    caller, found = Caller(played.gateway.port), []
    for _ in range(count):
        began = monotonic()
        if await _ask(played, caller) == 503:
            found.append(monotonic() - began)
    caller.close()
    return found or [float("inf")]


@contextmanager
def _disk(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield Disk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def _suspend(played: Stage, is_still: bool) -> None:
    """Let control stand still, so that the journal grows. After 10 s the supervisor replaces it: a healing, too."""
    control = roles(played.gateway).control
    with suppress(psutil.Error):
        if control is not None:
            control.suspend() if is_still else control.resume()
