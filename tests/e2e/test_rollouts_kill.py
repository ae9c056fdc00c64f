"""Control is killed at each move of a rollout, and whenever it likes; the rollout ends as it would have."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing, suppress

import aiohttp
import psutil
from tests.support.killing import roles
from tests.support.staging import CONFIG, staged

from llmgateway.supervisor import locks

MOVES = [
    ("draft", "submit", "pending_start"),
    ("pending_start", "start", "canary"),
    ("canary", "advance", "canary"),
    ("canary", "proven", "awaiting_approval"),
    ("awaiting_approval", "promote", "promoting"),
    ("promoting", "in_force", "bake"),
    ("bake", "baked", "succeeded"),
]


async def kill_at_each_move(it, killed):
    """Kill control as soon as the store has another move, as seen from outside."""
    seen = 0
    while True:
        moves = await asyncio.to_thread(moves_in, it.gateway.store)
        if len(moves) > seen:
            seen = len(moves)
            killed.append(moves[-1])
            with suppress(psutil.NoSuchProcess):
                psutil.Process(int(locks.holder(it.gateway.data / locks.CONTROL))).kill()
        await asyncio.sleep(0.01)


def moves_in(store):
    """The moves so far; none while the store is being made."""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            sql = "SELECT from_state, event, to_state FROM transition ORDER BY revision"
            return connection.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


async def struck(killed, event):
    """Wait until control was killed for that move."""
    async with asyncio.timeout(30):
        while not killed or killed[-1][1] != event:
            await asyncio.sleep(0.01)


async def insist(act):
    """Do it, however often control is away."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await act()
            except (aiohttp.ClientError, AssertionError):
                await asyncio.sleep(0.1)


async def test_control_killed_at_each_move_changes_nothing(tmp_path):
    async with staged(tmp_path) as it:
        killed = []
        with suppress(aiohttp.ClientError):
            killer = asyncio.ensure_future(kill_at_each_move(it, killed))
            await it.start()
        async with it.traffic():
            await it.until("awaiting_approval")
            await struck(killed, "proven")  # whoever promotes is no quicker than whoever kills
            await insist(lambda: it.act("approve", author="ann"))
            await insist(lambda: it.act("exemplars", author="ann"))
            with suppress(AssertionError, aiohttp.ClientError):
                await it.act("promote", author="ann", reason="good")
            if (await it.until("awaiting_approval", "promoting", "bake", "succeeded"))["state"] == "awaiting_approval":
                await insist(lambda: it.act("promote", author="ann", reason="good"))
            ended = await it.until("succeeded")
            while ended["running"]:
                ended = await it.until("succeeded")
        assert not killer.done()
        killer.cancel()
        await asyncio.sleep(1.5)
        assert len(killed) >= len(MOVES) - 1  # the first two are a millisecond apart
        assert moves_in(it.gateway.store) == MOVES
        assert set(it.statuses) == {200}
        counted_once(it.gateway.store)
        assert 'backends = ["two"]\nweight = 1' in it.gateway.config.read_text()


def counted_once(store):
    """What was counted is what the log holds, each caller once."""
    with closing(sqlite3.connect(store)) as connection:
        rows = connection.execute(
            'SELECT epoch, unit, assigned_version FROM exchange WHERE "rollout" IS NOT NULL ORDER BY seq'
        ).fetchall()
        counts = connection.execute("SELECT epoch, stable_units, candidate_units FROM epoch_count WHERE metric = ''")
        counted = {epoch: (stable, candidate) for epoch, stable, candidate in counts.fetchall()}
    first = {}
    for epoch, unit, version in rows:
        first.setdefault(unit, (epoch, version))
    expected = Counter(first.values())
    last = max(counted)
    for epoch in counted.keys() - {last}:  # the last one runs on while the file is written
        assert counted[epoch] == (expected[epoch, "v1"], expected[epoch, "v2"])
    assert sum(map(sum, counted.values())) > 100


async def test_a_worker_that_starts_while_control_is_away_goes_by_the_rollouts_weights(tmp_path):
    async with staged(tmp_path, config=CONFIG.replace('min_time = "300ms"', 'min_time = "1h"')) as it:
        await it.start()
        found = roles(it.gateway)
        found.control.suspend()
        try:
            for each in found.workers:
                each.kill()
            await until_started_again(it, {each.pid for each in found.workers})
            for _ in range(60):
                await it.ask()
        finally:
            found.control.resume()
        assert it.asked[1] > 0, "the file gives the candidate nothing, the rollout a fifth"


async def until_started_again(it, before):
    """Wait until both workers are others and serve."""
    async with asyncio.timeout(30):
        while len({each.pid for each in roles(it.gateway).workers} - before) < 2:
            await asyncio.sleep(0.05)
        while True:
            with suppress(aiohttp.ClientError):
                await it.ask()
                return
