"""After a rollback: the bundle, the review queue and the regression dataset, of real processes, once, whoever is killed."""

import asyncio
import json
import sqlite3
from contextlib import closing, suppress

import aiohttp
import psutil
from tests.e2e.test_rollouts import command, until_judged
from tests.support.staging import CONFIG, staged

from llmgateway.supervisor import locks

SLOW_STEPS = CONFIG.replace('min_time = "300ms"', 'min_time = "60s"')


async def followed(it, seconds=60):
    """Wait until all is done that follows a rollback; returns the answer about it."""
    async with asyncio.timeout(seconds):
        while True:
            with suppress(aiohttp.ClientError):
                status, answer = await it.admin("GET", "rollouts/chat/bundle")
                if status == 200 and answer["after"]["done_at"] is not None:
                    return answer
            await asyncio.sleep(0.1)


async def goes_bad(it):
    """A rollout whose candidate begins to fail, until it is rolled back."""
    await it.start()
    async with it.traffic():
        await until_judged(it, 20)
        it.turn(it.two, error=500)
        await it.until("rolling_back", "rolled_back")


async def test_a_rollback_leaves_a_bundle_items_to_review_and_a_regression_dataset(tmp_path):
    async with staged(tmp_path, config=SLOW_STEPS) as it:
        await goes_bad(it)
        answer = await followed(it)
        bundle, after = answer["bundle"], answer["after"]
        assert bundle["cause"]["event"] == "harm"
        assert bundle["decided"]["harm"]["e"] >= bundle["decided"]["harm"]["needed"] or bundle["decided"]["is_broken"]
        assert bundle["config"]["sha256"] is not None
        bad = [each for each in bundle["exemplars"] if each["bad"]]
        assert len(bundle["exemplars"]) == 20
        assert bad == bundle["exemplars"][: len(bad)]
        assert len(bad) >= 3
        _, listed = await it.admin("GET", "review/items", reason="rollback", limit=100)
        exemplars = {each["exchange_id"] for each in bundle["exemplars"]}
        assert {each["exchange_id"] for each in listed["items"]} == exemplars
        _, items = await it.admin("GET", "datasets/regression-chat/1/items")
        assert {each["exchange_id"] for each in items["items"]} <= exemplars
        assert [each["stratum"] for each in items["items"]][: len(bad)] == ["error"] * len(bad)
        assert after["dataset"]["added"] == len(items["items"])
        told = await command(it, "bundle", "chat")
        assert "rolled back by the gateway, harm" in told
        assert f"{after['dataset']['added']} new in regression-chat@1" in told
        assert json.loads(await command(it, "bundle", "chat", "--json"))["bundle"] == bundle
        assert "was rolled back" in await command(it, "bundle", "other", code=2)


async def kill_at_each_step(it, killed):
    """Kill control as soon as the store has another part of what follows, as seen from outside."""
    seen = None
    while True:
        steps = await asyncio.to_thread(steps_in, it.gateway.store)
        if steps != seen and steps is not None and any(steps):
            seen = steps
            killed.append(steps)
            with suppress(psutil.NoSuchProcess, ValueError):
                psutil.Process(int(locks.holder(it.gateway.data / locks.CONTROL))).kill()
        await asyncio.sleep(0.002)


def steps_in(store):
    """How much there is of it: a bundle, items of the queue, a version, items of it, its seal, the last word."""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            return connection.execute(
                "SELECT (SELECT count(*) FROM aftermath), (SELECT count(*) FROM queue_item), "
                "(SELECT count(*) FROM dataset), (SELECT count(*) FROM dataset_item), "
                "(SELECT count(content_hash) FROM dataset), (SELECT count(done_at) FROM aftermath)"
            ).fetchone()
    except sqlite3.OperationalError:
        return None


async def test_control_killed_at_each_step_does_all_of_it_once(tmp_path):
    async with staged(tmp_path, config=SLOW_STEPS) as it:
        killed = []
        killer = asyncio.ensure_future(kill_at_each_step(it, killed))
        await goes_bad(it)
        answer = await followed(it, 120)
        killer.cancel()
        exemplars = [each["exchange_id"] for each in answer["bundle"]["exemplars"]]
        assert len(killed) >= 2, "it was killed in between"
        assert len(set(exemplars)) == len(exemplars) == 20
        with closing(sqlite3.connect(it.gateway.store)) as connection:
            queued = connection.execute("SELECT exchange_id, reason FROM queue_item").fetchall()
            versions = connection.execute('SELECT "version", "items" FROM dataset').fetchall()
            items = connection.execute("SELECT exchange_id FROM dataset_item").fetchall()
        assert sorted(queued) == sorted((each, "rollback") for each in exemplars)
        assert versions == [(1, len(items))]
        assert len(set(items)) == len(items) <= 20
        assert {each for (each,) in items} <= set(exemplars)
