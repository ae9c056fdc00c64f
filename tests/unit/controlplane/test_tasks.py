"""A task that fails is started again, later each time; stopping cleans up in reverse."""

import asyncio
import logging

import pytest

from llmgateway.controlplane.tasks import MAX_WAIT_S, STEADY_S, Tasks, wait_s
from llmgateway.domain.clock import ManualClock


class Pauses:
    """A sleep that notes how long was asked for, and blocks once the list is full."""

    def __init__(self, limit):
        self.asked, self.limit, self.full = [], limit, asyncio.Event()

    async def __call__(self, seconds):
        self.asked.append(seconds)
        if len(self.asked) >= self.limit:
            self.full.set()
            await asyncio.get_running_loop().create_future()


async def test_a_failing_task_is_started_again_with_growing_pauses_and_counted(caplog):
    pauses = Pauses(4)
    tasks = Tasks(ManualClock().monotonic, pauses)

    async def broken():
        raise RuntimeError("no")

    with caplog.at_level(logging.ERROR):
        tasks.start("ingest", broken)
        await asyncio.wait_for(pauses.full.wait(), 5)
    assert pauses.asked == [0.5, 1.0, 2.0, 4.0]
    assert tasks.failures == {"ingest": 4}
    assert "task ingest failed" in caplog.text
    await tasks.stop()


async def test_a_task_that_ends_by_itself_is_started_again_too():
    pauses = Pauses(2)
    tasks = Tasks(ManualClock().monotonic, pauses)
    tasks.start("short", lambda: asyncio.sleep(0))
    await asyncio.wait_for(pauses.full.wait(), 5)
    assert tasks.failures == {"short": 2}
    await tasks.stop()


async def test_after_a_steady_minute_the_pauses_are_short_again():
    pauses, clock = Pauses(4), ManualClock()
    tasks = Tasks(clock.monotonic, pauses)

    async def run():
        if len(pauses.asked) == 2:
            clock.advance(STEADY_S + 1)
        raise RuntimeError

    tasks.start("ingest", run)
    await asyncio.wait_for(pauses.full.wait(), 5)
    assert pauses.asked == [0.5, 1.0, 0.5, 1.0]
    await tasks.stop()


async def test_stopping_ends_the_last_started_first_and_waits_for_each():
    ended, tasks = [], Tasks(ManualClock().monotonic)
    running = asyncio.Barrier(3)

    def task(name):
        async def run():
            try:
                await running.wait()
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(0)
                ended.append(name)

        return run

    tasks.start("link", task("link"))
    tasks.start("admin", task("admin"))
    await asyncio.wait_for(running.wait(), 5)
    await tasks.stop()
    assert ended == ["admin", "link"]
    assert tasks.failures == {"link": 0, "admin": 0}


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.5), (3, 2.0), (50, MAX_WAIT_S)])
def test_pauses_grow_to_a_bound(failures, seconds):
    assert wait_s(failures) == seconds
