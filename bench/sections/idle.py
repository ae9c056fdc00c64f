"""What the gateway takes when nothing happens, how soon it is ready, and how it ends: with streams running, which must
all come to their proper end.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, Final

from bench.contenders import Gateway
from bench.load import Spec
from bench.run import Bench

NAME: Final = "idle"
TITLE: Final = "Idle, start and end"
STREAMS: Final = 100


def run(bench: Bench) -> dict[str, Any]:
    """A gateway of its own, started anew for each of the figures."""
    return {
        "idle": _idle(bench),
        "ready_s": [_ready(bench) for _ in range(bench.settings.starts)],
        "drain": _drain(bench),
    }


@contextmanager
def _fresh(bench: Bench) -> Iterator[Gateway]:
    with Gateway(bench.backend_port) as gateway:
        yield gateway


def _idle(bench: Bench) -> dict[str, Any]:
    bench.say("idle")
    with _fresh(bench) as gateway:
        sleep(5)
        before, began = gateway.cpu(), monotonic()
        sleep(bench.settings.idle_seconds)
        used, seconds = gateway.cpu().since(before), monotonic() - began
        split = {pid: part / seconds for pid, part in used.items()}
        roles: dict[str, float] = {}
        for pid, share in split.items():
            roles[gateway.role(pid)] = roles.get(gateway.role(pid), 0.0) + share
        return {"core_share": sum(split.values()), "split": roles, "pss": gateway.pss(), "seconds": seconds}


def _ready(bench: Bench) -> float:
    bench.say("start")
    with _fresh(bench) as gateway:
        return gateway.ready_s


def _drain(bench: Bench) -> dict[str, Any]:
    bench.say("end with streams running")
    with _fresh(bench) as gateway:
        spec = Spec(0, mode="closed", seconds=0.5, connections=STREAMS, chunks=100, chunk_rate=50)
        with bench.loading(gateway, spec) as generator:
            sleep(1.2)
            assert gateway.process is not None
            began = monotonic()
            gateway.process.popen.send_signal(signal.SIGTERM)
            gateway.process.popen.wait(60)
            took = monotonic() - began
            report = generator.line()
        return {
            "streams": STREAMS,
            "whole": report["done"],
            "broken": report["errors"],
            "seconds": took,
            "stored": gateway.stored(),
        }
