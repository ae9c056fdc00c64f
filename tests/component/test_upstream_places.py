"""Limits on real sockets: never more at a backend than it may have, a queue with an order, and refusals in time."""

import asyncio
from contextlib import asynccontextmanager
from hashlib import sha256

from tests.component.test_upstream_health import CHAT, Moody
from tests.support.plane import plane
from tests.support.wire_backend import WireBackend

CONFIG = """
[data]
dir = "{data}"
[backends.one]
provider = "openai"
base_url = "{one}/v1"
max_concurrent = LIMIT
queue = QUEUE
queue_wait = "WAIT"
[backends.two]
provider = "openai"
base_url = "{two}/v1"
[routes.assistant]
FALLBACK
[routes.assistant.versions.v1]
backends = ["one"]
weight = 1
[routes.assistant.versions.v2]
backends = ["two"]
weight = 0
[keys.app]
hash = "sha256:{hash}"
[keys.vip]
hash = "sha256:VIP"
priority = "high"
[keys.batch]
hash = "sha256:BATCH"
priority = "low"
"""
KEYS = {name: f"lgw_{name}" for name in ("vip", "batch")}


@asynccontextmanager
async def limited(tmp_path, limit=2, queue=10, wait="5s", fallback=""):
    one, two = Moody(), Moody()
    text = CONFIG
    for word, value in (("LIMIT", limit), ("QUEUE", queue), ("WAIT", wait), ("FALLBACK", fallback)):
        text = text.replace(word, str(value))
    for name, key in KEYS.items():
        text = text.replace(name.upper(), sha256(key.encode()).hexdigest())
    async with WireBackend([one.answer]) as first, WireBackend([two.answer]) as second:
        async with plane(tmp_path, first.url, second.url, config=text) as running:
            yield one, two, running


def places(running):
    return running.worker.gateway.in_force.standings["one"].places


def ask(running, key=None, done=None):
    async def asking():
        headers = {"authorization": f"Bearer {KEYS[key]}"} if key else None
        answer = await running.ask("POST", "/v1/chat/completions", CHAT, headers)
        if done is not None:
            done.append(key)
        return answer

    return asyncio.ensure_future(asking())


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def test_there_are_never_more_at_a_backend_than_it_may_have(tmp_path):
    async with limited(tmp_path) as (one, _, running):
        one.delay_s, most = 0.03, 0
        asking = [ask(running) for _ in range(10)]
        while not all(each.done() for each in asking):
            most = max(most, running.worker.gateway.in_force.standings["one"].in_flight)
            await asyncio.sleep(0.001)
        assert {each.result().status for each in asking} == {200}
        assert most == 2
        await running.quiet()
        assert (places(running).in_use, places(running).waiting) == (0, 0)
        assert sum(running.worker.gateway.gauges.queue_wait[:-1]) == 8


async def test_the_important_are_served_first(tmp_path):
    async with limited(tmp_path, limit=1) as (one, _, running):
        one.delay_s, order = 0.03, []
        first = ask(running)
        await until(lambda: places(running) and places(running).in_use == 1)
        waiting = []
        for count, key in enumerate(("batch", None, "vip"), 1):
            waiting.append(ask(running, key, order))
            await until(lambda count=count: places(running).waiting == count)
        await asyncio.gather(first, *waiting)
        assert order == ["vip", None, "batch"]


async def test_where_there_is_no_room_to_wait_the_caller_is_told_when_to_come_back(tmp_path):
    async with limited(tmp_path, limit=1, queue=1) as (one, _, running):
        one.delay_s = 0.1
        first = ask(running)
        await until(lambda: places(running).in_use == 1)
        second = ask(running)
        await until(lambda: places(running).waiting == 1)
        third = await ask(running)
        assert (third.status, third.json()["error"]["code"]) == (503, "overloaded")
        assert int(third.headers["retry-after"]) >= 1
        assert third.headers["x-should-retry"] == "true"
        assert {each.status for each in await asyncio.gather(first, second)} == {200}
        await running.quiet()
        refused = next(each for each in running.of_kind("settled") if each.meta["error_code"] == "overloaded")
        assert [each["result"] for each in refused.meta["attempts"]] == ["overloaded"]
        assert one.asked == 2
        assert running.worker.gateway.in_force.standings.sheds["full"] == 1


async def test_the_low_make_room_for_the_high(tmp_path):
    async with limited(tmp_path, limit=1, queue=1) as (one, _, running):
        one.delay_s = 0.1
        first = ask(running)
        await until(lambda: places(running).in_use == 1)
        low = ask(running, "batch")
        await until(lambda: places(running).waiting == 1)
        high = ask(running, "vip")
        assert (await low).status == 503
        assert {each.status for each in await asyncio.gather(first, high)} == {200}


async def test_nobody_waits_longer_than_was_said(tmp_path):
    async with limited(tmp_path, limit=1, wait="50ms") as (one, _, running):
        one.delay_s = 1.0
        first = ask(running)
        await until(lambda: places(running).in_use == 1)
        assert (await ask(running)).status == 503
        assert not first.done()
        assert (await first).status == 200


async def test_a_full_backend_is_no_reason_to_refuse_while_a_fallback_has_room(tmp_path):
    async with limited(tmp_path, limit=1, queue=0, fallback='fallback = ["v2"]') as (one, two, running):
        one.delay_s = 0.1
        asking = [ask(running) for _ in range(40)]
        assert {answer.status for answer in await asyncio.gather(*asking)} == {200}, "and costs no retry budget"
        assert (one.asked, two.asked) == (1, 39)


async def test_who_waits_for_a_backend_that_is_taken_out_goes_elsewhere(tmp_path):
    async with limited(tmp_path, limit=1, fallback='fallback = ["v2"]') as (one, two, running):
        one.delay_s = 0.2
        first = ask(running)
        await until(lambda: places(running).in_use == 1)
        waiting = [ask(running) for _ in range(20)]
        await until(lambda: places(running).waiting == 10)  # the rest found the queue full
        running.worker.gateway.in_force.standings["one"].drained_by_hand = True
        assert {each.status for each in await asyncio.gather(first, *waiting)} == {200}
        assert (one.asked, two.asked) == (1, 20)
        await running.quiet()
        assert (places(running).in_use, places(running).waiting) == (0, 0)


async def test_who_leaves_the_queue_leaves_nothing_behind(tmp_path):
    async with limited(tmp_path, limit=1) as (one, _, running):
        one.delay_s = 0.1
        first = ask(running)
        await until(lambda: places(running).in_use == 1)
        caller = await running.connect()
        caller.send("POST", "/v1/chat/completions", CHAT)
        await until(lambda: places(running).waiting == 1)
        await caller.leave()
        await until(lambda: places(running).waiting == 0)
        assert (await first).status == 200
        await running.quiet()
        assert (one.asked, places(running).in_use) == (1, 0)
