"""Records lost after kill -9: the long crash test of `bench.kill`, in a process of its own."""

import importlib.util
import json
import subprocess
import sys
from typing import Any, Final

from bench.process import ROOT, BenchError
from bench.run import Bench

NAME: Final = "kill"
TITLE: Final = "Killed under load"
TIMEOUT_S: Final = 1800


def run(bench: Bench) -> dict[str, Any]:
    """The crash test's own report, or why it was left out."""
    if importlib.util.find_spec("bench.kill") is None:
        return {"skipped": "bench.kill is not there"}
    rounds = bench.settings.kills
    bench.say(f"kill -9 under load, {rounds} times of each kind")
    command = [sys.executable, "-m", "bench.kill", "--json", "--rounds", str(rounds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    try:
        report = dict(json.loads(done.stdout))
    except ValueError:
        raise BenchError(f"bench.kill ended with {done.returncode}: {done.stderr[-500:]}") from None
    report.pop("rounds", None)
    return report
