"""Bind the listeners once; every worker inherits the same ones, so that no queued connection is lost with a worker."""

import errno
import socket
import time
from typing import Final

from llmgateway.config.snapshot import Address

BACKLOG: Final = 4096
_BUSY_WAIT_S: Final = 3.0
_BUSY_STEP_S: Final = 0.05


class BindError(Exception):
    """The address can't be listened on; the text says which and why."""


def bind(address: Address, *, patience_s: float = _BUSY_WAIT_S) -> socket.socket:
    """Listen on `address`. Waits a moment while a predecessor lets go of it; raises BindError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    attempts = max(1, int(patience_s / _BUSY_STEP_S))
    for left in range(attempts, 0, -1):
        try:
            listener.bind((address.host, address.port))
            listener.listen(BACKLOG)
            break
        except OSError as error:
            if error.errno != errno.EADDRINUSE or left == 1:
                listener.close()
                raise BindError(_reason(address, error)) from None
            time.sleep(_BUSY_STEP_S)
    listener.setblocking(False)
    return listener


def _reason(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use by another program; change `listen` or stop it"
    if error.errno == errno.EACCES:
        return f"no permission to listen on {address}; ports below 1024 need a privilege"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine"
    return f"can't listen on {address}: {error.strerror}"
