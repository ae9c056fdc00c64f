"""Does the store keep up with the workers? They write as fast as they can, all cores shared with the generator, and the
backlog is looked at meanwhile. Then the ingester alone, on a backlog that was let grow while control stood still.
"""

import os
import signal
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, Final

from bench.load import Spec
from bench.run import Bench

NAME: Final = "ingest"
TITLE: Final = "Ingestion"
CONNECTIONS: Final = 64
RECORDS: Final = 2  # an exchange
LOOK_S: Final = 0.5
STILL_S: Final = 5.0  # control stands still for less than the 10 s after which the supervisor ends it


def run(bench: Bench) -> dict[str, Any]:
    """`under_load`: rates of writing and ingesting, the backlog; `alone`: records a second."""
    return {"under_load": _under_load(bench), "alone": _alone(bench)}


def _under_load(bench: Bench) -> dict[str, Any]:
    gateway, seconds = bench.gateway, bench.settings.seconds * 2
    bench.say("ingestion under full load")
    bench.drained(gateway)
    before, backlog, over = gateway.stored(), [], Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            backlog.append(gateway.live()["journal"]["unread_bytes"] or 0)

    watcher = Thread(target=look)
    watcher.start()
    report = bench.load(gateway, Spec(0, mode="closed", seconds=seconds, connections=CONNECTIONS))
    there = gateway.stored() - before
    over.set()
    watcher.join()
    began = monotonic()
    bench.drained(gateway)
    return {
        "written_s": report["done"] * RECORDS / report["seconds"],
        "ingested_s": there * RECORDS / report["seconds"],
        "left": report["done"] - there,
        "drain_s": monotonic() - began,
        "backlog_bytes": backlog,
    }


def _alone(bench: Bench) -> dict[str, Any]:
    gateway = bench.gateway
    bench.say("ingestion of a backlog, alone")
    control = gateway.control_pid()
    bench.drained(gateway)
    sleep(0.5)
    os.kill(control, signal.SIGSTOP)
    try:
        report = bench.load(gateway, Spec(0, mode="closed", seconds=STILL_S - 1, connections=CONNECTIONS))
        grown = gateway.journal_bytes
    finally:
        os.kill(control, signal.SIGCONT)
    began = monotonic()
    bench.drained(gateway)
    took = monotonic() - began
    return {
        "records": report["done"] * RECORDS,
        "seconds": took,
        "records_s": report["done"] * RECORDS / took,
        "bytes": grown,
        "written_s": report["done"] * RECORDS / report["seconds"],
    }
