"""After a rollback: the bundle, the review queue and the regression dataset, of real processes, once, whoever is killed."""

import asyncio
import json
import sqlite3
from contextlib import closing, suppress
from itertools import pairwise

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


# Where control gets no further, and how one sees that it has got there.
STOPS = [
    ("INSERT ON queue_item", "true", "SELECT count(*) = 1 FROM aftermath"),
    ("INSERT ON dataset", "true", "SELECT count(*) = 20 FROM queue_item"),
    ("INSERT ON dataset_item", 'NEW."ordinal" >= 2', "SELECT count(*) = 2 FROM dataset_item"),
    ("UPDATE OF content_hash ON dataset", "true", "SELECT count(*) > 2 FROM dataset_item"),
    ("UPDATE OF done_at ON aftermath", "true", "SELECT count(content_hash) = 1 FROM dataset"),
]


def stop(gateway, at):
    """Let control get as far as that stop; None: as far as it likes. Its store refuses what would lead on."""
    with closing(sqlite3.connect(gateway.store, timeout=60)) as connection:
        connection.execute("DROP TRIGGER IF EXISTS stop")
        if at is not None:
            what, when, _ = at
            connection.execute(f"CREATE TRIGGER stop BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, 'stop'); END")


async def made(gateway, seconds=60):
    """Wait until the store is there."""
    async with asyncio.timeout(seconds):
        while True:
            with (
                suppress(sqlite3.OperationalError),
                closing(sqlite3.connect(f"file:{gateway.store}?mode=ro", uri=True)) as it,
            ):
                it.execute("SELECT count(*) FROM aftermath")
                return
            await asyncio.sleep(0.05)


async def stopped(gateway, at, seconds=60):
    """Wait until control has got there."""

    def is_there():
        with closing(sqlite3.connect(f"file:{gateway.store}?mode=ro", uri=True)) as connection:
            return connection.execute(at[2]).fetchone()[0]

    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(is_there):
            await asyncio.sleep(0.02)


def kill(gateway):
    """End control, and see it gone."""
    with suppress(psutil.NoSuchProcess, ValueError, OSError):
        control = psutil.Process(int(locks.holder(gateway.data / locks.CONTROL)))
        control.kill()
        control.wait(10)


async def test_control_killed_at_each_step_does_all_of_it_once(tmp_path):
    async with staged(tmp_path, config=SLOW_STEPS) as it:
        await made(it.gateway)
        await asyncio.to_thread(stop, it.gateway, STOPS[0])
        await goes_bad(it)
        for at, following in pairwise([*STOPS, None]):
            await stopped(it.gateway, at)
            await asyncio.to_thread(kill, it.gateway)
            await asyncio.to_thread(stop, it.gateway, following)
        answer = await followed(it)
        exemplars = [each["exchange_id"] for each in answer["bundle"]["exemplars"]]
        assert len(set(exemplars)) == len(exemplars) == 20
        with closing(sqlite3.connect(it.gateway.store)) as connection:
            queued = connection.execute("SELECT exchange_id, reason FROM queue_item").fetchall()
            versions = connection.execute('SELECT "version", "items" FROM dataset').fetchall()
            items = connection.execute("SELECT exchange_id FROM dataset_item").fetchall()
        assert sorted(queued) == sorted((each, "rollback") for each in exemplars)
        assert versions == [(1, len(items))]
        assert len(set(items)) == len(items) <= 20
        assert {each for (each,) in items} <= set(exemplars)
