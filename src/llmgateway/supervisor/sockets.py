"""Bind the listeners once; every worker inherits the same ones, so that no queued connection is lost with a worker."""

import errno
import socket
import time
from typing import Final

from llmgateway.config.snapshot import Address

BACKLOG: Final = 4096
# Left alone, the kernel takes megabytes of a stream for a caller that reads nothing, and the backend is paid for them.
SEND_BUFFER_BYTES: Final = 64 * 1024
ORPHANS_S: Final = 3.0  # how long the children of a killed gateway may take to let go of its addresses
_STEP_S: Final = 0.02


class BindError(Exception):
    """The address can't be listened on; the text says which and why."""


def bind(address: Address, *, patience_s: float = 0.0) -> socket.socket:
    """Listen on `address`, waiting up to `patience_s` for it to become free. Raises BindError."""
    until = time.monotonic() + patience_s
    while True:
        try:
            return _listen(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= until:
                raise BindError(_reason(address, error, was_patient=patience_s > 0)) from None
        time.sleep(_STEP_S)


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # accepted sockets inherit it
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _reason(address: Address, error: OSError, *, was_patient: bool) -> str:
    if error.errno == errno.EADDRINUSE and was_patient:
        return f"{address} is in use: processes of a gateway that was killed still run on this data folder; stop them"
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use by another program; change `listen` or stop it"
    if error.errno == errno.EACCES:
        return f"no permission to listen on {address}; ports below 1024 need a privilege"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine"
    return f"can't listen on {address}: {error.strerror}"
