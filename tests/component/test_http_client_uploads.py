"""Bodies sent in pieces: framing, back-pressure, and backends that answer or leave too early."""

import asyncio

import pytest
from tests.support.http_client import RecordingReceiver, make_pool, start
from tests.support.wire_backend import (
    WireBackend,
    expect,
    expect_head,
    finish,
    pause_reading,
    reply,
    reset,
    resume_reading,
    send,
    until_closed,
    wait_for,
)

from llmgateway.http.client import Upload

OK = reply(b"hi")
PIECE = b"x" * 64 * 1024


@pytest.mark.parametrize("length", [None, 6], ids=["chunked", "sized"])
async def test_an_upload_arrives_whole_and_its_connection_can_be_used_again(length):
    async with WireBackend([expect(), send(OK), expect(), send(OK), until_closed()]) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()
        for _ in range(2):
            receiver = start(pool, connection, body=Upload(length))
            for piece in (b"abc", b"", b"def"):
                connection.send_piece(piece)
                await asyncio.sleep(0)
            connection.finish_upload()
            await receiver.until_over()
            assert receiver.body == b"hi"
            assert pool.idle() is connection
        assert [request.body for request in backend.requests] == [b"abcdef"] * 2
        connection.cancel()


async def test_a_backend_that_does_not_read_holds_the_upload_back_and_lets_it_go_on_later():
    go = asyncio.Event()
    script = [expect_head(), pause_reading(), wait_for(go), resume_reading(), until_closed()]
    async with WireBackend(script, receive_buffer=8192) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()
        receiver = start(pool, connection, body=Upload(None))
        await backend.until(lambda: bool(backend.connections[0].received))
        sent = 0
        while receiver.writable != [False]:
            connection.send_piece(PIECE)
            sent += 1
            assert sent < 500
            await asyncio.sleep(0)
        receiver.progress.clear()
        go.set()
        async with asyncio.timeout(5):
            await receiver.progress.wait()
        assert receiver.writable == [False, True]
        connection.cancel()


async def test_an_answer_before_the_upload_is_over_is_heard_and_the_connection_closed():
    async with WireBackend([expect_head(), send(reply(status="413 Content Too Large")), until_closed()]) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()
        receiver = start(pool, connection, body=Upload(10**9))
        connection.send_piece(PIECE)
        await receiver.until_over()
        assert (receiver.status, receiver.is_delimited) == (413, True)
        assert pool.open == 0
        connection.send_piece(PIECE)
        connection.finish_upload()
        await backend.until(lambda: backend.connections[0].left_at is not None)


async def test_an_answer_before_a_large_body_is_written_is_heard_and_the_connection_closed():
    script = [expect_head(), pause_reading(), send(reply(status="413 Content Too Large")), until_closed()]
    async with WireBackend(script, receive_buffer=8192) as backend:
        pool = make_pool(backend.url)
        receiver = start(pool, await pool.dial(), body=b"x" * 30_000_000)
        await receiver.until_over()
        assert (receiver.status, receiver.is_delimited) == (413, True)
        assert pool.open == 0


@pytest.mark.parametrize("leave", [finish(), reset()], ids=["FIN", "RST"])
async def test_a_backend_that_leaves_in_the_middle_of_an_upload_is_an_error(leave):
    async with WireBackend([expect_head(), leave]) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()
        receiver = start(pool, connection, body=Upload(None))
        async with asyncio.timeout(5):
            while not receiver.over.is_set():
                connection.send_piece(b"abc")
                await asyncio.sleep(0)
        assert (receiver.code, receiver.reusable_retry) == ("upstream_error", False)
        assert pool.open == 0


async def test_an_upload_that_breaks_off_never_looks_complete():
    async with WireBackend([expect()]) as backend:
        pool = make_pool(backend.url)
        connection = await pool.dial()
        receiver = RecordingReceiver()
        start(pool, connection, body=Upload(None), receiver=receiver)
        connection.send_piece(b"abc")
        await backend.until(lambda: b"abc" in bytes(backend.connections[0].received))
        connection.cancel()
        await backend.until(lambda: backend.connections[0].lost_at is not None)
        assert not backend.requests
        assert not backend.connections[0].received.endswith(b"0\r\n\r\n")
