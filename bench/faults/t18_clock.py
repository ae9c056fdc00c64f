"""T18: the wall clock jumps under a running gateway, with libfaketime where it is installed."""

import asyncio
import itertools
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.support.killing_load import Caller, FailedError
from tests.support.ledger import Ledger, Request

from bench.faults.figure import Figure, none_of, unmeasured
from bench.faults.stage import Rig, Stage, stage

TITLE: Final = "the clock jumps"
STEPS: Final = ("+0", "+1h", "+0", "-1h", "-1d", "+0", "-30s", "+0")
ZONES: Final = ("UTC", "Europe/Berlin", "Australia/Lord_Howe")  # the last shifts by half an hour
PLACES: Final = ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime")
NAME: Final = "libfaketimeMT.so.1"


def library() -> Path | None:
    """The library that lies about the time; FAKETIME_LIB names it where it is elsewhere."""
    named = os.environ.get("FAKETIME_LIB")
    found = [Path(named)] if named else [Path(place) / NAME for place in PLACES]
    return next((each for each in found if each.exists()), None)


async def run(rig: Rig) -> list[Figure]:
    """Durations stay what they are, ids stay in order, and nobody's request fails."""
    lies = library()
    if lies is None:
        return [unmeasured("the clock jumps", f"left out: no {NAME} (apt install faketime, or set FAKETIME_LIB)")]
    stamp, ledger = rig.folder / "clock", Ledger(prefix="t18")
    _set(stamp, "+0")
    environ = {
        "LD_PRELOAD": str(lies),
        "FAKETIME_TIMESTAMP_FILE": str(stamp),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "TZ": ZONES[rig.seed % len(ZONES)],
    }
    async with stage(rig, environ=environ) as played:
        async with played.load(ledger, callers=4, pause_s=0.02):
            ids, errors = await _jump(played, stamp)
        books = await played.books(ledger)
        negative, jumped = _durations(played)
    return [
        none_of("failed requests", [*books.failures, *errors], books.requests),
        *books.figures(),
        none_of("negative durations in the store", negative),
        none_of("durations that a jump went into", jumped),
        none_of("ids out of order on one connection", _falls(ids), len(ids)),
    ]


async def _jump(played: Stage, stamp: Path) -> tuple[list[str], list[str]]:
    """Set the clock forth and back while one caller asks one request after another; its ids in that order."""
    caller, ids, errors = Caller(played.gateway.port), [], []
    for number, step in enumerate(STEPS):
        played.rig.say(f"the clock is at {step}")
        _set(stamp, step)
        for at in range(played.rig.pick(200, 30)):
            request = Request(f"clock-{number}-{at}", is_stream=at % 3 == 0)
            try:
                await caller.ask(request, keep=True)
            except (OSError, FailedError) as error:
                errors.append(f"{step}: {error}")
            ids += [request.exchange_id] if request.exchange_id else []
    caller.close()
    await asyncio.sleep(0.2)
    return ids, errors


def _set(stamp: Path, step: str) -> None:
    new = stamp.with_suffix(".new")
    new.write_text(step + "\n")
    new.replace(stamp)


def _falls(ids: list[str]) -> list[str]:
    return [f"{later} after {earlier}" for earlier, later in itertools.pairwise(ids) if later <= earlier]


def _durations(played: Stage) -> tuple[list[str], list[str]]:
    with closing(sqlite3.connect(f"file:{played.store}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT e.id, e.duration_s, e.first_token_s, e.overhead_s,"
            " a.offset_s, a.connect_s, a.first_byte_s, a.total_s"
            " FROM exchange e LEFT JOIN attempt a ON a.exchange_seq = e.seq"
        ).fetchall()
    negative = [str(row) for row in rows if any(value is not None and value < 0 for value in row[1:])]
    jumped = [str(row) for row in rows if any(value is not None and value > 25 for value in row[1:])]
    return negative, jumped
