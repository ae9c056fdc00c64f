"""Callers who use up the room: of the journal, and of the folder for temporary files."""

import asyncio

import pytest
from tests.support import rows
from tests.support.plane import plane
from tests.support.rows import OK, assert_idle, chat, facing
from tests.support.wire_backend import WireBackend, expect, forever, send, tell, wait_for

FORM = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * 100_000
TIGHT = rows.CONFIG.replace("[journal]\n", '[journal]\nmax_size = "1MiB"\nreserve = "16KiB"\n')
PAD = "x" * 50_000


async def test_refused_requests_do_not_use_up_what_is_kept_for_running_exchanges(tmp_path):
    """The reserve is 16 KiB. A hundred refusals, small and large, would take it three times over."""
    is_asked, go = asyncio.Event(), asyncio.Event()
    held = [expect(), tell(is_asked), wait_for(go), send(OK)]
    script = [forever(expect(), send(OK))]
    async with (
        WireBackend(held, script) as backend,
        plane(tmp_path, backend.url, config=TIGHT) as running,
    ):
        first = asyncio.create_task(chat(running))
        await is_asked.wait()
        while (await chat(running, user_pad=PAD)).status == 200:
            pass
        for _ in range(50):
            assert (await chat(running, user_pad=PAD)).status == 503
            assert (await chat(running, "nobody")).status == 404
        asked = len(backend.requests)
        go.set()
        assert (await first).status == 200
        assert asked == len(running.of_kind("settled"))
        assert_idle(running)


async def test_an_upload_for_which_there_is_no_room_is_our_fault_and_said_so(tmp_path, monkeypatch):
    def full(**_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llmgateway.dataplane.upload.IN_MEMORY", 1024)
    monkeypatch.setattr("llmgateway.dataplane.upload.tempfile.TemporaryFile", full)
    async with facing(tmp_path) as (running, backend):
        body = FORM + b"\r\n--b--\r\n"
        answer = await running.ask(
            "POST", "/v1/audio/transcriptions", body, {"content-type": "multipart/form-data; boundary=b"}
        )
        assert answer.status == 503
        assert answer.json()["error"]["code"] == "overloaded"
        (record,) = running.records()
        assert (record.meta["end"], record.meta["status"]) == ("refused", 503)
        assert backend.connections == []


@pytest.mark.parametrize("broken", [b"\r\n--b\r\n\r\n", b"\r\n--b--x", b"\n--b\r\n"])
async def test_an_upload_that_stops_making_sense_lets_go_of_its_backend(tmp_path, broken):
    model = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nonce\r\n'
    async with facing(tmp_path, [expect()]) as (running, backend):
        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = await running.ask("POST", "/v1/audio/transcriptions", model + FORM + broken, headers)
        assert (answer.status, answer.json()["error"]["code"]) == (400, "invalid_multipart")
        await backend.until(lambda: all(wire.left_at is not None for wire in backend.connections))
        assert backend.requests == []
        assert_idle(running)
