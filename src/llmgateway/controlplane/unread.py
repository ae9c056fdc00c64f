"""How much of what was written a peer has not taken: while it reads nothing its system takes a little, and no more."""

import asyncio
import fcntl
import struct
import sys
from typing import Final

_OUTQ: Final = 0x5411  # Linux's SIOCOUTQ: bytes in a socket's send queue that the other side has not acknowledged
_COUNT: Final = struct.Struct("i")


def unread(transport: asyncio.BaseTransport | None) -> int:
    """Bytes that wait here or in the system for the peer; where the system can't tell, those that wait here."""
    if transport is None or not isinstance(transport, asyncio.WriteTransport):
        return 0
    return transport.get_write_buffer_size() + _queued(transport)


def _queued(transport: asyncio.BaseTransport) -> int:
    connected = transport.get_extra_info("socket")
    if connected is None or sys.platform != "linux":
        return 0
    try:
        answer = fcntl.ioctl(connected.fileno(), _OUTQ, _COUNT.pack(0))
    except (OSError, ValueError):  # it is closed
        return 0
    return int(_COUNT.unpack(answer)[0])
