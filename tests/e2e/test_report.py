"""The trust report from end to end: real processes, some traffic, a score, a concern, a rollback, then the command."""

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import closing

from tests.support.reports import read
from tests.support.staging import CONFIG, staged

STILL = CONFIG.replace('min_time = "300ms"', 'min_time = "1h"')
ODD = "<b>Twice</b> it was rude"


async def command(it, *words, code=0):
    """Run `llmgateway report …`; returns what it printed."""
    line = [sys.executable, "-m", "llmgateway", "report", "--data", str(it.gateway.data), *words]
    process = await asyncio.create_subprocess_exec(*line, stdout=-1, stderr=-1, env={**os.environ, "COLUMNS": "200"})
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == code, err
    return out.decode()


def in_the_log(store):
    """How many exchanges there are, and how many were answered, without the gateway's own arithmetic."""
    with closing(sqlite3.connect(store)) as opened:
        return opened.execute("SELECT count(*), sum(\"end\" = 'completed') FROM exchange").fetchone()


async def judged_and_rolled_back(it):
    """What people do: a score, a concern, a rollback."""
    await it.start("a newer model")
    async with it.traffic():
        async with asyncio.timeout(60):
            while min(it.asked) < 20:
                await asyncio.sleep(0.05)
    async with asyncio.timeout(60):
        while not (newest := (await it.admin("GET", "exchanges", limit=1))[1]["exchanges"]):
            await asyncio.sleep(0.05)
    given = {
        "exchange_id": newest[0]["id"],
        "name": "helpful",
        "value": False,
        "source_kind": "human",
        "source_id": "mika",
    }
    status, answer = await it.admin("POST", "scores", body=given)
    assert status in {200, 201}, answer
    concern = {"route": "chat", "version": "v2", "severity": "high", "text": ODD}
    status, answer = await it.admin("POST", "concerns", author="mika", body=concern)
    assert status in {200, 201}, answer
    await it.act("rollback", author="bob", reason="Mika is right")
    ended = await it.until("rolled_back")
    async with asyncio.timeout(60):
        while ended["running"]:
            ended = await it.status()
            await asyncio.sleep(0.05)


async def test_a_report_tells_what_was_served_found_said_and_done(tmp_path):
    async with staged(tmp_path, config=STILL) as it:
        await judged_and_rolled_back(it)
        told = json.loads(await command(it, "--route", "chat", "--json"))
        file = tmp_path / "report.html"
        await command(it, "--route", "chat", "--output", str(file))
        japanese = await command(it, "--language", "ja")
        asked = sum(it.statuses.values())
    (route,) = told["routes"]
    service = route["service"]
    logged, whole = in_the_log(it.gateway.store)
    assert asked <= logged, "whoever left before the end is in the log, too"
    assert (service["exchanges"], service["available"]["count"], service["available"]["of"]) == (logged, whole, whole)
    assert {each["name"] for each in service["versions"]} == {"v1", "v2"}
    assert sum(each["answered"] for each in service["versions"]) == whole
    (score,) = route["quality"]["lines"]
    assert (score["source_kind"], score["name"], score["count"], score["figure"]) == ("human", "helpful", 1, 0.0)
    (concern,) = route["concerns"]["told"]
    assert (concern["by"], concern["text"], concern["state"]) == ("mika", ODD, "open")
    (rollout,) = route["rollouts"]
    assert (rollout["state"], rollout["is_running"]) == ("rolled_back", False)
    assert [(each["event"], each["actor"], each["reason"]) for each in rollout["moves"][-2:-1]] == [
        ("roll_back", "bob", "Mika is right")
    ]
    page = read(file.read_text())
    for words in ("Trust report: chat", "v1 → v2: rolled back", "Mika is right", ODD, "a newer model"):
        assert words in page.text, words
    assert "信頼性報告書" in japanese
