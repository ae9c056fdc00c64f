"""What real processes do by themselves is written down, shown in the terminal, and taken back by one command."""

import asyncio
import json
import sqlite3
from contextlib import closing, suppress

import aiohttp
from aiohttp import web
from tests.e2e.test_backends import CONFIG as BACKENDS
from tests.e2e.test_backends import ask, command, live, until
from tests.e2e.test_rollouts_kill import insist, kill_at_each_move
from tests.support.gateway import Gateway, Starter, start_gateway
from tests.support.rows import OK, answering
from tests.support.staging import CONFIG, staged
from tests.support.wire_backend import WireBackend

__all__ = ["start_gateway"]  # a fixture
PATIENT = CONFIG.replace('min_time = "300ms"', 'min_time = "60s"')  # no step follows: the candidate has time to go bad


async def run(gateway: Gateway, *words: str) -> tuple[int, str]:
    return await asyncio.to_thread(command, gateway, *words)


async def listed(gateway: Gateway, *words: str) -> list[dict]:
    code, told = await run(gateway, "events", "list", "--json", *words)
    assert code == 0, told
    return json.loads(told)["events"]


async def filed(it) -> None:
    """Wait until the file says what came of the rollout."""
    async with asyncio.timeout(60):
        while (await it.until("rolled_back"))["running"]:
            await asyncio.sleep(0.05)


async def test_a_candidate_that_goes_bad_is_an_event_with_its_reason_and_may_be_tried_again(tmp_path):
    told, app = [], web.Application()

    async def hear(request):
        told.append(await request.json())
        return web.Response()

    app.router.add_post("/hook", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook = f'\n[webhooks.ops]\nurl = "http://127.0.0.1:{runner.addresses[0][1]}/hook"\n'
    try:
        async with staged(tmp_path, config=PATIENT + hook) as it:
            await it.start()
            async with it.traffic(callers=8):
                it.turn(it.two, error=500)
                await it.until("rolling_back", "rolled_back")
            await filed(it)
            events = await listed(it.gateway, "--route", "chat", "--kind", "rollout")
            assert [each["action"] for each in events] == ["in_force", "roll_back", "start"]
            bad = events[1]
            assert "is rolled back: the candidate does harm. Bad so far: error" in bad["text"]
            assert bad["figures"]["metrics"]["error"]["bad"]["candidate"] > 0
            code, shown = await run(it.gateway, "events")
            assert (code, bad["id"] in shown, "rollout: roll_back" in shown) == (0, True, True), shown

            it.turn(it.two)
            code, done = await run(it.gateway, "events", "undo", bad["id"], "--reason", "it was the network")
            assert (code, "taken back by ada" in done) == (0, True), done
            again = await it.status()
            assert (again["state"], again["creator"]) == ("canary", "ada")
            assert (await it.history())[0]["reason"] == "it was the network"
            code, refused = await run(it.gateway, "events", "undo", bad["id"], "--reason", "once more")
            assert (code, "(undone_already)" in refused) == (1, True), refused
        moves = [each["event"] for each in told if each["type"] == "rollout.transition"]
        assert moves.count("harm") == 1, "each move is told once, by the rollouts' own message"
    finally:
        await runner.cleanup()


async def test_a_backend_that_fails_is_an_alarm_until_it_is_healed(start_gateway: Starter) -> None:
    async with WireBackend(answering(OK)) as there:
        gateway = await asyncio.to_thread(start_gateway, BACKENDS.replace("BACKEND", str(there.port)))
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(lambda: live(gateway)["out"]):
                assert set(await ask(gateway, 1)) == {200}

        async with asyncio.timeout(30):
            while not (found := await listed(gateway, "--open", "--kind", "backend")):
                await asyncio.sleep(0.1)
        ((event),) = found
        assert (event["backend"], event["action"], event["figures"]["reason"]) == ("bad", "ejected", "consecutive")
        code, shown = await run(gateway, "events", "show", event["id"])
        assert (code, "faults in a row" in shown, "backends.heal" in shown) == (0, True, True), shown

        code, done = await run(gateway, "events", "undo", event["id"], "--reason", "the cable is in again")
        assert (code, "taken back: backends.heal" in done) == (0, True), done
        await until(lambda: not live(gateway)["out"])
        assert "backend bad healed by ada: the cable is in again" in gateway.log.read_text()
        async with asyncio.timeout(60):  # after a start, an alarm has to wait until every worker has said who is out
            while await listed(gateway, "--open"):
                await asyncio.sleep(0.2)


async def test_control_killed_right_after_each_move_loses_no_event(tmp_path):
    async with staged(tmp_path, config=PATIENT) as it:
        killed: list = []
        killer = asyncio.ensure_future(kill_at_each_move(it, killed))
        with suppress(aiohttp.ClientError, AssertionError):
            await it.start()
        if not await insist(it.status):
            await insist(it.start)
        async with it.traffic(callers=8):
            await it.until("canary")
            it.turn(it.two, error=500)
            await it.until("rolled_back")
        await filed(it)
        killer.cancel()
        assert len(killed) >= 3
        with closing(sqlite3.connect(f"file:{it.gateway.store}?mode=ro", uri=True)) as store:
            moves = store.execute("SELECT rollout, revision FROM transition WHERE actor = ''").fetchall()
            events = store.execute("SELECT id FROM event WHERE kind = 'rollout'").fetchall()
        assert len(moves) >= 3
        assert sorted(name for (name,) in events) == sorted(f"rollout-{rollout}-{number}" for rollout, number in moves)


async def test_the_only_backend_that_fails_is_an_alarm_though_nothing_can_be_done(start_gateway: Starter) -> None:
    config = (
        BACKENDS.replace('["bad", "good", "spare"]', '["bad"]')
        .replace("BACKEND", "1")
        .replace('probe = "models", ', "")
    )
    gateway = await asyncio.to_thread(start_gateway, config)
    async with asyncio.timeout(60):
        while not (found := await listed(gateway, "--open", "--kind", "backend")):
            assert set(await ask(gateway, 2)) == {502}
    ((event),) = found
    assert (event["backend"], event["action"], event["undo"]) == ("bad", "sick", None)
    code, refused = await run(gateway, "events", "undo", event["id"], "--reason", "please")
    assert (code, "(nothing_to_undo)" in refused) == (1, True), refused
