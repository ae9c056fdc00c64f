"""Records lost after kill -9: the long crash test of `bench.kill`, in a process of its own."""

import importlib.util
import subprocess
import sys
from typing import Any, Final

from bench.process import ROOT
from bench.run import Bench

NAME: Final = "kill"
TITLE: Final = "Killed under load"
TIMEOUT_S: Final = 1800


def run(bench: Bench) -> dict[str, Any]:
    """`passed` and what it printed last."""
    if importlib.util.find_spec("bench.kill") is None:
        return {"skipped": "bench.kill is not there"}
    bench.say("kill -9 under load")
    done = subprocess.run(
        [sys.executable, "-m", "bench.kill"], cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return {"passed": done.returncode == 0, "said": (done.stdout + done.stderr).strip().splitlines()[-12:]}
