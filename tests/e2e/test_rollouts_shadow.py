"""A rollout that begins with its shadow: real processes, copies at the candidate, callers who never see one."""

import asyncio
import sqlite3
from contextlib import closing, suppress

import psutil
from tests.e2e.test_rollouts import command
from tests.e2e.test_rollouts_aftermath import SLOW_STEPS, followed
from tests.support.staging import staged

from llmgateway.supervisor import locks

SHADOWED = (
    SLOW_STEPS
    + """
[routes.chat.shadow]
version = "v2"
share = 1.0
max_concurrent = 64
max_per_minute = 100000
[routes.chat.rollout.shadow]
min_time = "MIN"
min_pairs = 1000
"""
)


def log(it, sql):
    with closing(sqlite3.connect(it.gateway.store)) as connection:
        return connection.execute(sql).fetchall()


async def compared(it, pairs):
    """Wait until so many pairs have been compared."""
    sql = "SELECT coalesce(sum(stable_units), 0) FROM epoch_count WHERE metric = '!pairs'"
    async with asyncio.timeout(60):
        while (await asyncio.to_thread(log, it, sql))[0][0] < pairs:
            await asyncio.sleep(0.1)


async def test_a_candidate_that_fails_is_found_out_before_any_caller_has_it(tmp_path):
    async with staged(tmp_path, config=SHADOWED.replace("MIN", "1h")) as it:
        assert (await it.start())["state"] == "shadow"
        async with it.traffic():
            await compared(it, 10)
            assert "shadow: of the pairs that differ the candidate lost 0" in await command(it, "status", "chat")
            with suppress(psutil.NoSuchProcess):
                psutil.Process(int(locks.holder(it.gateway.data / locks.CONTROL))).kill()
            it.turn(it.two, error=500)
            ended = await it.until("rolled_back")
        assert ended["candidate"] == "v2"
        assert [each["event"] for each in await it.history()] == ["submit", "shadow", "harm"]
        assert set(it.statuses) == {200}
        assert not log(it, "SELECT 1 FROM exchange WHERE assigned_version = 'v2' AND shadow_of IS NULL")
        answer = await followed(it)
        decided = answer["bundle"]["decided"]["pairs"]
        assert decided["lost"]["candidate"] >= 5
        assert decided["lost"]["stable"] == 0
        exemplars = answer["bundle"]["exemplars"]
        assert exemplars[0]["bad"] == ["error"]
        pairs = log(it, "SELECT exchange_id, other_id FROM queue_item WHERE reason = 'rollback'")
        assert set(pairs) == {(each["exchange_id"], each["copy_id"]) for each in exemplars}
        assert answer["after"]["dataset"]["version"] == 1


async def test_a_good_one_gets_its_first_callers_when_the_time_is_over(tmp_path):
    async with staged(tmp_path, config=SHADOWED.replace("MIN", "2s")) as it:
        await it.start()
        async with it.traffic():
            found = await it.until("canary")
            assert found["pairs"]["lost"] == {"stable": 0, "candidate": 0}
            async with asyncio.timeout(30):
                while not log(it, "SELECT 1 FROM exchange WHERE assigned_version = 'v2' AND shadow_of IS NULL"):
                    await asyncio.sleep(0.1)
        assert [each["event"] for each in await it.history()] == ["submit", "shadow", "start"]
        assert set(it.statuses) == {200}
