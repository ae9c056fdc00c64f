"""What a peer has not taken is known, whether it waits here or in the system."""

import asyncio
import contextlib
import socket

from llmgateway.controlplane.unread import unread


async def test_what_is_read_is_taken_and_what_is_not_is_not():
    here, there = socket.socketpair(socket.AF_UNIX)
    there.setblocking(False)
    _, writer = await asyncio.open_connection(sock=here)
    assert unread(writer.transport) == 0
    writer.write(b"x" * 1_000)
    assert unread(writer.transport) >= 1_000
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        while unread(writer.transport):
            await loop.sock_recv(there, 4_096)
    writer.write(b"x" * 10_000_000)
    assert unread(writer.transport) >= 9_000_000  # most of it waits here
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    for each in (here, there):
        each.close()


async def test_where_there_is_no_connection_nothing_waits():
    assert unread(None) == 0


async def test_of_a_connection_that_is_closed_nothing_waits():
    here, there = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=here)
    writer.close()
    await writer.wait_closed()
    assert unread(writer.transport) == 0
    for each in (here, there):
        each.close()
