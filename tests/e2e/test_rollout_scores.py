"""Users' thumbs decide a rollout: real processes, a pretend model behind each version, and users who say what they think."""

import asyncio
import itertools
import random
import sqlite3
from contextlib import closing, suppress

import aiohttp
import psutil
from tests.support.staging import CONFIG, staged

from llmgateway.supervisor import locks

METRICS = """
[routes.chat.rollout.metrics.error]
ceiling = 0.2
[routes.chat.rollout.metrics.thumbs]
score = "helpful"
bad = false
"""
STAYS = CONFIG.replace('min_time = "300ms"', 'min_time = "1h"')
PATIENCE_S = 90.0


class Users:
    """Each asks once and says what they think of the answer. `dislikes`: the version → how often they do."""

    def __init__(self, it, dislikes, *, says=1):
        self._it, self._dislikes, self._says = it, dislikes, says
        self._session, self._numbers = it.session, itertools.count()
        self._chance = random.Random(4711)
        self.said = 0

    async def one(self):
        headers = {"anthropic-version": "2023-06-01"}
        body = {"model": "chat", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
        body["metadata"] = {"user_id": f"u{next(self._numbers)}"}
        url = self._it.gateway.base_url
        async with self._session.post(f"{url}/v1/messages", json=body, headers=headers) as reply:
            await reply.read()
            exchange, version = reply.headers["x-llmgateway-exchange-id"], reply.headers["x-llmgateway-version"]
        likes = self._chance.random() >= self._dislikes[version]
        for _ in range(self._says):
            sent = {"exchange_id": exchange, "name": "helpful", "value": likes}
            async with self._session.post(f"{url}/v1/feedback", json=sent) as reply:
                self.said += reply.status == 202

    async def several(self, callers=4):
        async def ask_on():
            while True:
                with suppress(aiohttp.ClientError):
                    await self.one()
                await asyncio.sleep(0.01)

        await asyncio.gather(*(ask_on() for _ in range(callers)))


async def test_a_candidate_that_users_thumb_down_is_rolled_back(tmp_path):
    async with staged(tmp_path, METRICS, STAYS) as it:
        await it.start()
        users = asyncio.ensure_future(Users(it, {"v1": 0.1, "v2": 0.9}).several())
        try:
            ended = await it.until("rolling_back", "rolled_back", seconds=PATIENCE_S)
            assert ended["candidate"] == "v2"
            await it.until("rolled_back")
        finally:
            users.cancel()
        first, *_, decided, _ = await it.history()
    assert first["from"] == "draft"
    assert (decided["event"], decided["to"]) == ("harm", "rolling_back")
    (counts,) = looked(it.gateway.store, COUNTED)
    stable, candidate = (sum(each[at] for each in counts) for at in (3, 4))
    assert candidate >= 3
    assert candidate > stable * 0.2, "the candidate's share of exchanges is a fifth, of thumbs down it is not"


async def test_a_candidate_that_an_evaluator_finds_wanting_is_rolled_back(tmp_path):
    wordy = """
[routes.chat.rollout.metrics.error]
ceiling = 0.2
[routes.chat.rollout.metrics.wordy]
evaluator = "wordy"
bad = true
[evaluators.wordy]
use = "too_long"
tokens = 40
"""
    async with staged(tmp_path, wordy, STAYS) as it:
        it.turn(it.one, tokens=10)
        it.turn(it.two, tokens=45)
        await it.start()
        async with it.traffic():
            await it.until("rolled_back", seconds=PATIENCE_S)
        *_, decided, _ = await it.history()
        _, answer = await it.admin("GET", "evaluators")
    assert decided["event"] == "harm"
    assert answer["evaluators"][0]["runs"]["bad"] > 0


async def test_what_users_say_counts_once_whenever_control_is_killed(tmp_path):
    async with staged(tmp_path, METRICS, STAYS) as it:
        await it.start()
        said = Users(it, {"v1": 0.3, "v2": 0.3}, says=2)
        users = asyncio.ensure_future(said.several())
        for pause in (0.2, 0.5, 0.3, 0.8, 0.4, 0.6):
            before = said.said
            await asyncio.sleep(pause)
            while said.said <= before:  # something is said between any two of them
                await asyncio.sleep(0.05)
            await killed(it)
        users.cancel()
        await asyncio.gather(users, return_exceptions=True)
        await until_placed(it.gateway.store, said.said)
        await it.until("canary", "paused")
        counted, expected = looked(it.gateway.store, COUNTED, SAID)
    assert counted == expected
    assert sum(sum(each[1:3]) for each in counted) > 20


async def killed(it):
    """Kill control, if it is there, and wait until another one has taken its place."""
    holder = locks.holder(it.gateway.data / locks.CONTROL)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(holder).kill()
    async with asyncio.timeout(PATIENCE_S):
        while locks.holder(it.gateway.data / locks.CONTROL) in (None, holder):
            await asyncio.sleep(0.02)


async def until_placed(store, count):
    """Wait until everything that was accepted has found its exchange."""
    async with asyncio.timeout(PATIENCE_S):
        while looked(store, "SELECT count(*) FROM score WHERE state = 'valid'")[0][0][0] < count:
            await asyncio.sleep(0.1)


def looked(store, *questions):
    """The answers to several questions, all of one moment."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")
        return [connection.execute(each).fetchall() for each in questions]


COUNTED = (
    "SELECT epoch, stable_units, candidate_units, stable_bad, candidate_bad FROM epoch_count WHERE metric = 'thumbs'"
)
SAID = (  # each user asked once, so that an exchange is a unit
    "SELECT e.epoch, sum(e.assigned_version = 'v1'), sum(e.assigned_version = 'v2'), "
    "sum(e.assigned_version = 'v1' AND s.number = 0), sum(e.assigned_version = 'v2' AND s.number = 0) "
    "FROM score AS s JOIN exchange AS e ON e.seq = s.exchange_seq "
    "WHERE s.is_current = 1 AND e.epoch IS NOT NULL GROUP BY e.epoch"
)
