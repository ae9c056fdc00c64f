"""Room for thousands of connections from one address: the gateway's settings, and this process's descriptors."""

import resource
from contextlib import suppress
from typing import Final

DESCRIPTORS: Final = 30_000
WIDE: Final = """
[server.limits]
connections = 20_000
connections_per_peer = 20_000
"""


def raise_descriptors(wanted: int = DESCRIPTORS) -> int:
    """Allow this process and those it starts so many descriptors, or as many as can be had; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
