"""What a worker's /readyz answers while it would turn new exchanges away."""

import pytest
from tests.support.plane import CONFIG, plane
from tests.support.rows import OK, answering
from tests.support.wire_backend import WireBackend

TIGHT = CONFIG + '[journal]\nmax_size = "1MiB"\nreserve = "16KiB"\n'
CHAT = {"model": "assistant", "messages": [], "pad": "x" * 50_000}


@pytest.mark.parametrize(("unlogged", "ready"), [(False, 503), (True, 200)])
async def test_a_full_journal_turns_readiness_off_unless_the_operator_serves_unlogged(tmp_path, unlogged, ready):
    config = TIGHT + f"serve_unlogged = {str(unlogged).lower()}\n"
    async with WireBackend(answering(OK)) as backend, plane(tmp_path, backend.url, config=config) as running:
        assert (await running.ask("GET", "/readyz")).body == b"ok\n"
        while not running.worker.gateway.journal.is_full:
            await running.post("/v1/chat/completions", CHAT)
        answer = await running.ask("GET", "/readyz")
        assert answer.status == ready
        assert answer.body.startswith(b"ok" if unlogged else b"log_store_full: ")
        assert (await running.post("/v1/chat/completions", CHAT)).status == ready
        assert (await running.ask("GET", "/livez")).status == 200
        assert (await running.ask("HEAD", "/readyz")).status == ready
