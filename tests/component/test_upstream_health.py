"""Rows U20, U22, U34 and U35 across backends: one of them is sick, and callers notice nothing."""

import asyncio
import random
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from tests.support.plane import KEY, plane
from tests.support.rows import BODY, JSON, NOBODY, OK, answering
from tests.support.wire_backend import WireBackend, expect, reply, send, until_closed

from llmgateway.routing.health import EJECTED, IN, Reason

CONFIG = """
[data]
dir = "{data}"
[backends.one]
provider = "openai"
base_url = "{one}/v1"
timeouts = { connect = "300ms", first_byte = "300ms" }
[backends.one.health]
consecutive = 3
min_attempts = 10
window = "2s"
eject = "200ms"
eject_max = "1s"
[backends.two]
provider = "openai"
base_url = "{two}/v1"
[routes.assistant]
balance = "BALANCE"
[routes.assistant.versions.v1]
backends = ["one", "two"]
[keys.app]
hash = "sha256:{hash}"
"""
CHAT = b'{"model":"assistant","messages":[{"role":"user","content":"hi"}]}'
FAULT = reply(b'{"error":{"message":"boom"}}', status="500 Internal Server Error", headers=JSON)


class Moody:
    """A backend that can be told how to answer, now and later."""

    def __init__(self) -> None:
        self.error_share, self.delay_s, self.asked = 0.0, 0.0, 0
        self._draw = random.Random(5).random

    async def answer(self, wire) -> None:
        while wire.left_at is None:
            await expect()(wire)
            self.asked += 1
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await send(FAULT if self._draw() < self.error_share else OK)(wire)


@asynccontextmanager
async def two_backends(tmp_path, balance="least_busy", config=CONFIG):
    one, two = Moody(), Moody()
    async with AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(WireBackend([each.answer])) for each in (one, two)]
        text = config.replace("BALANCE", balance)
        yield one, two, await stack.enter_async_context(plane(tmp_path, *(each.url for each in backends), config=text))


async def ask_for(running, seconds, callers=4, until=lambda: False):
    """Some callers ask one after the other for a time, or until something has come true; the statuses they got."""
    statuses, ends = [], time.monotonic() + seconds

    async def caller():
        connection = await running.connect()
        while time.monotonic() < ends and not until():
            connection.send("POST", "/v1/chat/completions", CHAT)
            answer = await connection.receive()
            statuses.append(answer.status)
            connection.wire.start_next_cycle()
            await asyncio.sleep(0.002)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return statuses


def standing(running, name="one"):
    return running.worker.gateway.in_force.standings[name]


def attempts(running):
    return [each for record in running.of_kind("settled") for each in record.meta["attempts"]]


def within_the_budget(running, statuses, floor=10):
    assert set(statuses) == {200}
    assert len(attempts(running)) <= max(1.2 * len(statuses), len(statuses) + floor)


@pytest.mark.parametrize("balance", ["least_busy", "weighted", "ordered", "prefix"])
async def test_u34_one_that_refuses_is_out_at_once_and_nobody_notices(tmp_path, balance):
    async with WireBackend(answering(OK)) as good:
        text = CONFIG.replace("BALANCE", balance)
        async with plane(tmp_path, NOBODY, good.url, config=text) as running:
            began = time.monotonic()
            if balance != "prefix":
                statuses = await ask_for(running, 3, until=lambda: standing(running).health.state is EJECTED)
                assert time.monotonic() - began < 5
                assert standing(running).health.reason is Reason.CONSECUTIVE
            statuses = await ask_for(running, 0.5)
            within_the_budget(running, statuses)


async def test_u34_one_that_hangs_is_out_after_a_few_timeouts(tmp_path):
    async with WireBackend([expect(), until_closed()]) as hung, WireBackend(answering(OK)) as good:
        config = CONFIG.replace("BALANCE", "ordered")
        async with plane(tmp_path, hung.url, good.url, config=config) as running:
            statuses = await ask_for(running, 5, until=lambda: standing(running).health.state is EJECTED)
            assert standing(running).health.state is EJECTED
            within_the_budget(running, statuses)


async def test_u34_one_that_fails_now_and_then_is_out_for_its_share_of_errors(tmp_path):
    async with two_backends(tmp_path, "weighted") as (one, _, running):
        one.error_share = 0.4
        statuses = await ask_for(running, 5, until=lambda: standing(running).health.state is EJECTED)
        assert standing(running).health.state is EJECTED
        statuses += await ask_for(running, 1)
        within_the_budget(running, statuses)


async def test_u34_one_that_is_slow_is_out_and_comes_back_once_it_is_quick(tmp_path):
    async with two_backends(tmp_path, "weighted") as (one, two, running):
        one.delay_s, two.delay_s = 0.15, 0.01
        statuses = await ask_for(running, 5, until=lambda: standing(running).health.state is EJECTED)
        assert standing(running).health.reason is Reason.SLOW
        one.delay_s = 0.01
        statuses += await ask_for(running, 10, until=lambda: standing(running).health.state is IN)
        assert standing(running).health.state is IN
        within_the_budget(running, statuses)


async def test_u34_the_quicker_backend_gets_most_without_anybody_being_out(tmp_path):
    config = CONFIG.replace("[backends.one.health]", "[backends.one.health]\nslow = 0")
    async with two_backends(tmp_path, "least_busy", config) as (one, two, running):
        one.delay_s, two.delay_s = 0.1, 0.01
        await ask_for(running, 1.5)
        assert standing(running).health.state is IN
        assert one.asked < 0.2 * two.asked


async def test_u34_one_that_flaps_is_out_for_longer_each_time_and_harms_nobody(tmp_path):
    async with two_backends(tmp_path, "weighted") as (one, _, running):
        statuses, counts = [], []
        for _ in range(3):
            one.error_share = 1.0
            statuses += await ask_for(running, 5, until=lambda: standing(running).health.state is EJECTED)
            counts.append(standing(running).health.count)
            one.error_share = 0.0
            statuses += await ask_for(running, 10, until=lambda: standing(running).health.state is IN)
        assert counts == sorted(counts)
        assert counts[-1] > counts[0]
        within_the_budget(running, statuses, floor=20)


async def test_u34_it_is_back_soon_after_it_is_well_and_only_one_exchange_finds_out(tmp_path):
    async with two_backends(tmp_path, "ordered") as (one, _, running):
        one.error_share = 1.0
        await ask_for(running, 5, until=lambda: standing(running).health.state is EJECTED)
        before = one.asked
        one.delay_s = 0.1  # the trial takes its time
        statuses = await ask_for(running, 0.35, callers=8)
        assert one.asked == before + 1
        one.error_share = one.delay_s = 0.0
        statuses += await ask_for(running, 10, until=lambda: standing(running).health.state is IN)
        assert standing(running).health.state is IN
        within_the_budget(running, statuses)


async def test_u34_a_fault_after_the_content_counts_too(tmp_path):
    cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 999999\r\n\r\n" + b"x" * 1000
    async with WireBackend([expect(), send(cut)]) as broken, WireBackend(answering(OK)) as good:
        async with plane(tmp_path, broken.url, good.url, config=CONFIG.replace("BALANCE", "ordered")) as running:
            for _ in range(3):
                answer = await running.post("/v1/chat/completions", {"model": "assistant", "messages": []})
                assert not answer.is_whole
            await running.quiet()
            assert (await running.ask("POST", "/v1/chat/completions", CHAT)).body == BODY


async def test_u20_a_backend_that_refuses_our_credential_is_out_at_once(tmp_path):
    no = reply(b'{"error":{}}', status="401 Unauthorized", headers=JSON)
    async with WireBackend(answering(no)) as closed, WireBackend(answering(OK)) as good:
        async with plane(tmp_path, closed.url, good.url, config=CONFIG.replace("BALANCE", "ordered")) as running:
            for _ in range(3):
                assert (await running.ask("POST", "/v1/chat/completions", CHAT)).status == 200
            assert len(closed.requests) == 1
            assert standing(running).health.reason is Reason.AUTH


async def test_u22_a_backend_at_its_limit_gets_its_pause_from_everyone(tmp_path):
    busy = reply(b"{}", status="429 Too Many Requests", headers=[*JSON, ("retry-after", "1")])
    async with WireBackend(answering(busy)) as limited, WireBackend(answering(OK)) as good:
        async with plane(tmp_path, limited.url, good.url, config=CONFIG.replace("BALANCE", "ordered")) as running:
            within_the_budget(running, await ask_for(running, 0.8))
            assert len(limited.requests) <= 4, "each of the callers was there once, at most"
            assert standing(running).health.state is IN
            asked = len(limited.requests)
            await ask_for(running, 2, until=lambda: len(limited.requests) > asked)
            assert len(limited.requests) > asked, "the pause is over"


async def test_u35_when_all_are_sick_all_are_still_tried_and_the_caller_is_told(tmp_path):
    async with two_backends(tmp_path, "weighted") as (one, two, running):
        one.error_share = two.error_share = 1.0
        statuses = await ask_for(running, 1.0)
        assert set(statuses[-10:]) == {503}
        answer = await running.ask("POST", "/v1/chat/completions", CHAT)
        assert (answer.status, answer.json()["error"]["code"]) == (503, "no_healthy_upstream")
        assert answer.headers["x-should-retry"] == "true"
        assert 1 <= int(answer.headers["retry-after"]) <= 5
        await running.quiet()
        assert len(attempts(running)) <= 1.2 * len(statuses) + 12
        assert min(one.asked, two.asked) >= 1
        states = [standing(running, name).health.state for name in ("one", "two")]
        assert IN in states, "never the last"
        two.error_share = one.error_share = 0.0
        statuses = await ask_for(
            running, 5, until=lambda: standing(running).is_open and standing(running, "two").is_open
        )
        assert statuses[-1] == 200
        assert set(await ask_for(running, 0.3)) == {200}, "recovered"


async def test_u35_who_is_drained_gets_nothing_even_then(tmp_path):
    config = CONFIG.replace('base_url = "{one}/v1"', 'base_url = "{one}/v1"\ndrained = true').replace(
        "BALANCE", "ordered"
    )
    async with two_backends(tmp_path, config=config) as (one, two, running):
        assert set(await ask_for(running, 0.2)) == {200}
        two.error_share = 1.0
        await ask_for(running, 0.5)
        assert one.asked == 0
    both = config.replace('base_url = "{two}/v1"', 'base_url = "{two}/v1"\ndrained = true')
    async with two_backends(tmp_path / "both", config=both) as (one, two, running):
        answer = await running.ask("POST", "/v1/chat/completions", CHAT)
        assert (answer.status, answer.json()["error"]["code"]) == (503, "no_healthy_upstream")
        assert one.asked == two.asked == 0


async def test_an_exchange_that_began_before_a_reload_finds_the_backends_it_began_with(tmp_path):
    async with two_backends(tmp_path) as (one, two, running):
        caller = await running.connect()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(CHAT)}\r\n\r\n"
        caller.writer.write(head.encode() + CHAT[:5])
        await until(lambda: running.worker.http.running)
        snapshot = running.worker.gateway.in_force.snapshot
        only = {"two": snapshot.backends["two"]}
        route = snapshot.routes["assistant"]
        version = replace(route.versions[0], backends=(only["two"],))
        routes = {"assistant": replace(route, versions=(version,))}
        running.worker.put_in_force(replace(snapshot, generation=2, backends=only, routes=routes))
        caller.writer.write(CHAT[5:])
        assert (await caller.reader.readline()).startswith(b"HTTP/1.1 200")
        assert one.asked + two.asked == 1


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def test_what_is_under_way_is_counted_at_its_backend_and_goes_back_to_nothing(tmp_path):
    async with two_backends(tmp_path) as (one, two, running):
        one.delay_s = two.delay_s = 0.2
        asking = [asyncio.ensure_future(running.ask("POST", "/v1/chat/completions", CHAT)) for _ in range(6)]
        await asyncio.sleep(0.1)
        assert sum(standing(running, name).in_flight for name in ("one", "two")) == 6
        leaving = await running.connect()
        leaving.send("POST", "/v1/chat/completions", CHAT)
        await asyncio.sleep(0.02)
        await leaving.leave()
        await asyncio.gather(*asking)
        await running.quiet()
        assert [standing(running, name).in_flight for name in ("one", "two")] == [0, 0]
