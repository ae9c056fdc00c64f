"""Ports for programs that can't choose one themselves, but must be told theirs before they start."""

import random
import socket
from collections.abc import Iterator

_RANGE = range(10_000, 32_768)  # below Linux's ip_local_port_range: no connection's own end takes one meanwhile


def _bag() -> Iterator[int]:
    while True:
        yield from random.sample(_RANGE, len(_RANGE))


_BAG = _bag()


def free_port() -> int:
    """A port that nobody listens on, and that nobody who asked here before was told (until all 22,768 were)."""
    return next(port for port in _BAG if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections are no listeners
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
