"""A damaged row in the store: real processes, traffic all the while, and a person at the terminal."""

import asyncio
import sqlite3
from contextlib import closing

from tests.e2e.test_rollouts import command, until_judged
from tests.e2e.test_rollouts_aftermath import SLOW_STEPS
from tests.support.staging import staged


def damage(store):
    with closing(sqlite3.connect(store, timeout=60)) as connection, connection:
        assert connection.execute("UPDATE rollout SET place = '{\"state\"'").rowcount == 1


async def alarms(it):
    _, page = await it.admin("GET", "events")
    return [each for each in page["events"] if each["action"] == "unreadable"]


async def is_over(it):
    (alarm,) = await alarms(it)
    return alarm["cleared_at"] is not None


async def until(wanted):
    async with asyncio.timeout(60):
        while not (found := await wanted()):
            await asyncio.sleep(0.05)
    return found


async def both_asked(it):
    before = it.asked
    return await until(lambda: asyncio.sleep(0, all(now > then for now, then in zip(it.asked, before, strict=True))))


async def test_its_weights_stay_until_somebody_files_it_away(tmp_path):
    async with staged(tmp_path, config=SLOW_STEPS) as it:
        first = await it.start()
        async with it.traffic():
            await until_judged(it, 5)
        await asyncio.to_thread(it.gateway.stop)
        await asyncio.to_thread(damage, it.gateway.store)
        await asyncio.to_thread(it.gateway.start)
        async with it.traffic():
            (alarm,) = await until(lambda: alarms(it))
            assert alarm["severity"] == "alarm"
            await both_asked(it)
            for told in (await command(it, "status", "chat"), await command(it, "start", "chat", code=1)):
                assert "llmgateway rollout discard chat" in told
            assert "A reason has to be given." in await command(it, "discard", "chat", code=1)
            assert "aborted" in await command(it, "discard", "chat", "--reason", "the disk was bad")
            ((one, two),) = [it.asked]
            async with asyncio.timeout(60):
                while it.asked[0] < one + 200:
                    await asyncio.sleep(0.05)
            assert it.asked[1] <= two + 10, "but for those under way"
            second = await it.start()
            await both_asked(it)
        assert second["id"] != first["id"]
        await until(lambda: is_over(it))
        assert set(it.statuses) == {200}
