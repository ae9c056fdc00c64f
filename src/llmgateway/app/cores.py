"""How many cores this process may use: fewer than the machine has, in a container or under an affinity mask."""

import os
from pathlib import Path
from typing import Final

from llmgateway.config.snapshot import Snapshot

_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2, as a container sees its own


def usable_cores(quota: Path = _QUOTA) -> int:
    """Count them, at least one. Half a core of quota is one worker: it waits for backends most of the time."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _share(quota)))


def worker_count(snapshot: Snapshot) -> int:
    """How many workers a gateway with this configuration has."""
    return snapshot.server.workers or usable_cores()


def _share(quota: Path) -> int:
    """The quota in whole cores, rounded up; more than any machine has where there is none, or none that is known."""
    try:
        runtime, period = quota.read_text("ascii").split()
        return -(-int(runtime) // int(period))
    except (OSError, ValueError, ZeroDivisionError):  # "max 100000": no quota
        return 1_000_000
