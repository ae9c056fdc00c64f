"""A candidate that was rolled back comes again, and has to face first what it failed at: real processes and commands."""

import asyncio
import json
import os
import shlex
import sys

from tests.e2e.test_rollouts import command
from tests.e2e.test_rollouts_aftermath import SLOW_STEPS, followed, goes_bad
from tests.support.staging import staged

REQUIRED = SLOW_STEPS.replace('candidate = "v2"', 'candidate = "v2"\nreplay = "regression"')


async def run(it, line, code):
    """Run a command as it was told, against this gateway; returns what it said."""
    words = shlex.split(line)
    assert words[:2] == ["llmgateway", "replay"]
    line = [sys.executable, "-m", *words, "--yes", "--json", "--config", str(it.gateway.config)]
    process = await asyncio.create_subprocess_exec(*line, stdout=-1, stderr=-1, env={**os.environ, "COLUMNS": "200"})
    out, errors = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == code, (out, errors)
    return json.loads(out)


async def refused(it):
    status, answer = await it.admin("POST", "rollouts/chat/start", author="carol", reason="now it is mended")
    assert (status, answer["error"]["code"]) == (409, "replay_needed")
    (lack,) = answer["error"]["lacks"]
    return lack


async def test_it_starts_when_it_has_passed_what_it_failed_at(tmp_path):
    async with staged(tmp_path, config=REQUIRED) as it:
        await goes_bad(it)  # there was no regression dataset yet
        await followed(it)
        first = await refused(it)
        assert "no finished replay of v2 against v1" in first["reason"]
        assert first["command"].endswith("--gate 'errors<=1.5x'")  # the rollout's own
        assert (await run(it, first["command"], code=3))["verdict"] == "worse"
        assert "has not passed: the verdict is worse" in (await refused(it))["reason"]
        told = await command(it, "start", "chat", code=1)
        assert "need a replay that was passed" in told
        it.turn(it.two)
        await run(it, first["command"], code=0)
        begun = json.loads(await command(it, "start", "chat", "--reason", "now it is mended", "--json"))
        assert begun["state"] == "canary"
        (replay,) = begun["preflight"]["replays"]
        assert (replay["dataset"], replay["version"], replay["reason"]) == ("regression-chat", 1, None)
        await command(it, "rollback", "chat")
        await it.until("rolled_back")
        it.turn(it.two, error=500)
        await asyncio.wait_for(until_free(it), 30)
        waived = await command(it, "start", "chat", "--reason", "x", "--waive-replay", "the old one is gone on Monday")
        assert "canary" in waived or "rolling" in waived
        assert "the old one is gone on Monday" in await command(it, "history", "chat")


async def until_free(it):
    """Wait until the file says what came of the last one, and change the candidate, so that nothing is known of it."""
    while (await it.status())["running"]:
        await asyncio.sleep(0.1)
    text = it.gateway.config.read_text()
    two = '[routes.chat.versions.v2]\nbackends = ["two"]'
    assert two in text
    it.gateway.config.write_text(text.replace(two, f'{two}\nmodel = "another"'))
    status, _ = await it.admin("POST", "reload")
    assert status == 200
    await refused(it)
