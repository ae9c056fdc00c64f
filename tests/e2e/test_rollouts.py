"""Staged rollouts from end to end: real processes, a pretend model behind each version."""

import asyncio
import json
import os
import sys
import time

import pytest
from aiohttp import web
from tests.support.staging import CONFIG, TWO_S, staged

ALL_METRICS = """
[routes.chat.rollout.metrics.error]
ceiling = 0.2
[routes.chat.rollout.metrics.slow]
first_token = "200ms"
total = "250ms"
[routes.chat.rollout.metrics.refusal]
ceiling = 0.2
"""


async def promoted(it):
    """Do what people have to, once the rollout asks for it."""
    await it.until("awaiting_approval")
    await it.act("approve", author="ann")
    shown = await it.act("exemplars", author="ann")
    assert len(shown["exemplars"]) == 10
    await it.act("promote", author="ann", reason="as good as the old one, at half the price")


async def test_a_good_candidate_goes_through_every_step_and_becomes_the_routes_version(tmp_path):
    async with staged(tmp_path) as it:
        await it.start()
        async with it.traffic():
            await promoted(it)
            ended = await it.until("succeeded")
            while ended["running"]:
                ended = await it.status()
                await asyncio.sleep(0.05)
        moves = [(each["from"], each["event"], each["to"]) for each in await it.history()]
        text = it.gateway.config.read_text()
    assert moves == [
        ("draft", "submit", "pending_start"),
        ("pending_start", "start", "canary"),
        ("canary", "advance", "canary"),
        ("canary", "proven", "awaiting_approval"),
        ("awaiting_approval", "promote", "promoting"),
        ("promoting", "in_force", "bake"),
        ("bake", "baked", "succeeded"),
    ]
    assert set(it.statuses) == {200}
    assert "weight = 0\n[routes.chat.versions.v2]" in text
    assert 'backends = ["two"]\nweight = 1' in text


@pytest.mark.parametrize(
    ("knobs", "more", "metric"),
    [
        ({"error": 500}, {}, "error"),
        ({"latency": 0.3}, {}, "slow"),
        ({"ttft": 0.3}, {"stream": True}, "slow"),
        ({"refusal_rate": 1.0}, {}, "refusal"),
    ],
    ids=["failing", "slowing", "slow to begin", "refusing"],
)
async def test_a_candidate_that_goes_bad_is_rolled_back_and_nobody_gets_it_two_seconds_later(
    tmp_path, knobs, more, metric
):
    async with staged(tmp_path, ALL_METRICS, CONFIG.replace('min_time = "300ms"', 'min_time = "60s"')) as it:
        await it.start()
        async with it.traffic(callers=8, **more):
            await until_judged(it, 20)
            it.turn(it.two, **knobs)
            ended = await it.until("rolling_back", "rolled_back")
            decided = (await it.history())[-1 if ended["state"] == "rolling_back" else -2]
            await asyncio.sleep(max(0.0, decided["at"] + TWO_S - time.time()))
            before, asked = it.asked
            await asyncio.sleep(1.0)
            assert it.asked[1] == asked, "a worker still assigns to the candidate"
            assert it.asked[0] > before
            await it.until("rolled_back")
        moves = [each["event"] for each in await it.history()]
        assert moves[-2:] == ["harm", "in_force"]
        assert it.cut == 0
        assert set(it.statuses) == {200}  # what failed, the stable version rescued
        assert "weight = 0" in it.gateway.config.read_text().partition("[routes.chat.versions.v2]")[2]
        status, answer = await it.admin("GET", "rollouts/chat")
        assert status == 200
        assert answer["rollout"]["state"] == "rolled_back"


async def until_judged(it, units):
    """Wait until as many of the candidate's units have been judged."""
    async with asyncio.timeout(30):
        while (await it.status())["metrics"][0]["units"]["candidate"] < units:
            await asyncio.sleep(0.05)


async def test_a_stream_that_runs_on_the_candidate_is_not_cut_when_it_is_rolled_back(tmp_path):
    async with staged(tmp_path) as it:
        await it.start()
        await until_told(it)
        it.turn(it.two, rate=10, tokens=30)  # three seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(30):
                group.create_task(it.ask(stream=True))
            async with asyncio.timeout(20):
                while not it.two.service.tallies.active:
                    await asyncio.sleep(0.05)
            await it.act("rollback", author="bob", reason="a feeling")
            await it.until("rolled_back")
            assert it.two.service.tallies.active, "streams run on"
        assert it.cut == 0
        assert set(it.statuses) == {200}


async def test_the_commands_and_the_figures_tell_where_it_is(tmp_path):
    async with staged(tmp_path, config=CONFIG.replace('min_time = "1s"', 'min_time = "1h"')) as it:
        assert "no rollout yet on chat" in await command(it, "status", "chat", code=2)
        begun = json.loads(await command(it, "start", "chat", "--reason", "a newer model", "--json"))
        assert (begun["state"], begun["weight"]) == ("canary", 0.2)
        _, told = await it.admin("POST", "routes/chat/explain", body={})
        assert told["explanation"]["chances"] == {"v2": 0.2, "v1": 0.8}
        async with it.traffic():
            await it.until("awaiting_approval")
        shown = await command(it, "status", "chat")
        assert "steps 20% → [50%]" in shown
        assert "error (critical)" in shown
        assert "Approvals of this very version and evidence: 0 of 1." in shown
        assert "候補" in await command(it, "explain", "chat", "--language", "ja")
        await it.act("approve", author="ann")
        told = await command(it, "promote", "chat", "--rationale", "as good", "--yes")
        assert "10. " in told
        history = await command(it, "history", "chat")
        assert "as good" in history
        assert json.loads(await command(it, "history", "chat", "--json"))["transitions"][0]["from"] == "draft"
        await it.until("bake")
        await command(it, "rollback", "chat", "--reason", "on second thoughts")
        await it.until("rolled_back")
        assert "rolled_back" in await command(it, "status")
        while "running" not in (found := await it.status()) or found["running"]:
            await asyncio.sleep(0.05)
        assert "(on second thoughts)" in await command(it, "status", "chat")
        async with it.session.get(f"{it.gateway.admin_url}/metrics") as reply:
            metrics = await reply.text()
    assert 'llmgateway_rollout_transitions_total{cause="roll_back",route="chat",to="rolling_back"} 1.0' in metrics


async def until_told(it):
    """Ask until the candidate has answered some: by then all workers go by the rollout."""
    async with asyncio.timeout(30):
        while it.asked[1] < 10:
            await it.ask()


async def command(it, *words, code=0):
    """Run `llmgateway rollout …`; returns what it printed."""
    line = [sys.executable, "-m", "llmgateway", "rollout", *words, "--url", it.gateway.admin_url]
    process = await asyncio.create_subprocess_exec(*line, stdout=-1, stderr=-1, env={**os.environ, "COLUMNS": "200"})
    out, notes = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == code, out + notes
    return (out if code == 0 else notes).decode()


async def test_a_service_is_told_of_every_move(tmp_path):
    told = []

    async def take(request):
        told.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook = f'[webhooks.team]\nurl = "http://127.0.0.1:{runner.addresses[0][1]}/hook"\n'
    try:
        async with staged(tmp_path, config=CONFIG + hook) as it:
            await it.start()
            await it.act("rollback", author="bob", reason="a feeling")
            await it.until("rolled_back")
            async with asyncio.timeout(5):
                while len(told) < 4:
                    await asyncio.sleep(0.01)
    finally:
        await runner.cleanup()
    assert [each["to"] for each in told] == ["pending_start", "canary", "rolling_back", "rolled_back"]
    assert told[2]["text"].startswith("Rollout of v2 on chat: canary → rolling_back, roll_back by bob (a feeling).")


async def test_what_was_edited_and_not_reloaded_is_not_what_succeeds(tmp_path):
    prompt = tmp_path / "v2.txt"
    prompt.write_text("Be kind.")
    config = CONFIG.replace("weight = 0\n", 'weight = 0\nprompt_file = "v2.txt"\n')
    async with staged(tmp_path, config=config) as it:
        await it.start()
        async with it.traffic():
            await promoted(it)
            prompt.write_text("Be rude.")
            await it.until("succeeded")
            async with asyncio.timeout(20):
                while not (found := await it.status())["running"] or found["file_error"] is None:
                    assert found["running"], "the file says that another version has succeeded"
                    await asyncio.sleep(0.05)
            assert "chat/v2 is another version" in found["file_error"]
            assert it.gateway.config.read_text().count("weight = 0\n") == 1
            _, versions = await it.admin("GET", "versions")
            judged = next(each["id"] for each in versions["versions"] if each["name"] == "v2")
            assert judged == found["version_hash"]
            await it.admin("POST", "reload")  # somebody who wants it, and has it judged first
            async with asyncio.timeout(20):
                while (await it.status())["running"]:
                    await asyncio.sleep(0.05)
            before = it.asked
            for _ in range(20):
                await it.ask()
            assert it.asked[1] == before[1], "nobody has judged what it is now"
