"""The weights of rollouts on a real socket: told at once, said back, kept while control is away."""

import asyncio
from contextlib import asynccontextmanager

from tests.support.control import status

from llmgateway.controlplane.link import Links
from llmgateway.controlplane.tally import Tally
from llmgateway.dataplane.link import Link, News
from llmgateway.dataplane.staged import Staged
from llmgateway.domain.clock import SystemClock
from llmgateway.routing.staged import StagedWeight
from llmgateway.telemetry.keptweights import WEIGHTS, kept


def told(weight, epoch=1):
    return {"chat": StagedWeight("r1", epoch, "v2", weight, b"key").told()}


@asynccontextmanager
async def links(path, workers=2):
    made = Links(path, clock=SystemClock(), tally=Tally(), workers=workers)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@asynccontextmanager
async def worker(path, slot=0):
    staged = Staged()
    link = Link(path, lambda: status(slot, incarnation=f"i{slot}"), lambda *_: None, news=News(weigh=staged.take))
    link.start()
    try:
        yield staged
    finally:
        await link.close()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def test_all_workers_go_by_new_weights_within_moments_and_say_so(tmp_path):
    path = tmp_path / "run" / "control.sock"
    async with links(path) as control, worker(path) as one, worker(path, 1) as two:
        await until(lambda: control.is_whole)
        name = control.weigh(told(0.2))
        assert not control.is_weighed(name)
        await until(lambda: control.is_weighed(name))
        assert one.held == two.held == name
        assert control.weigh(told(0.2)) == name, "the same weights have the same name"
        assert control.weigh(told(0.2, epoch=2)) != name


async def test_a_worker_that_comes_later_is_told_when_it_says_who_it_is(tmp_path):
    path = tmp_path / "run" / "control.sock"
    async with links(path) as control, worker(path):
        name = control.weigh(told(0.5))
        await until(lambda: control.is_weighed(name))
        assert not control.is_whole
        async with worker(path, 1) as late:
            await until(lambda: late.held == name)
            await until(lambda: control.is_whole and control.is_weighed(name))


async def test_weights_stay_while_control_is_away_and_until_the_next_one_knows_them(tmp_path):
    path = tmp_path / "run" / "control.sock"
    async with worker(path) as staged:
        async with links(path, 1) as control:
            name = control.weigh(told(0.5))
            await until(lambda: staged.held == name)
        assert staged.is_any
        async with links(path, 1) as control:
            await until(lambda: control.is_whole)
            await asyncio.sleep(0.05)
            assert staged.is_any, "a control that has not read its store says nothing"
            name = control.weigh({})
            await until(lambda: control.is_weighed(name))
            assert not staged.is_any


async def test_what_workers_are_told_is_kept_for_those_that_start_while_control_is_away(tmp_path):
    path = tmp_path / "run" / "control.sock"
    async with links(path) as control:
        name = control.weigh(told(0.2))
    staged = Staged()
    assert staged.take(kept(tmp_path / WEIGHTS)) == name
    assert staged.is_any


async def test_weights_that_can_not_be_kept_are_told_all_the_same(tmp_path, caplog):
    path = tmp_path / "run" / "control.sock"
    async with links(path) as control, worker(path) as one, worker(path, 1):
        (path.parent / "weights.new").mkdir()
        name = control.weigh(told(0.2))
        await until(lambda: control.is_whole and control.is_weighed(name))
        assert one.held == name
    assert "could not be kept" in caplog.text
