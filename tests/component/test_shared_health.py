"""Two workers and a control plane between them: an ejection, a trial, a drain are everybody's, and outlive control."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from tests.component.test_control_plane import Gateway
from tests.component.test_upstream_health import CONFIG, Moody, ask_for
from tests.support.control import status
from tests.support.plane import plane
from tests.support.wire_backend import WireBackend

from llmgateway.dataplane.link import Link, News
from llmgateway.domain.clock import SystemClock
from llmgateway.routing.health import EJECTED, HALF_OPEN, IN

CLOCK = SystemClock()
PERIOD_S = 0.05


class Crowd:
    """Workers before the same two backends, and the control plane that joins them."""

    def __init__(self, gateway, one, two):
        self.gateway, self.one, self.two = gateway, one, two
        self.planes, self.links = [], []

    async def join(self, stack, folder, urls, config):
        running = await stack.enter_async_context(plane(folder, *urls, config=config))
        slot, standings = len(self.planes), running.worker.gateway.in_force.standings

        def told():
            pools = {each.backend.name: {"open": 0} | each.figures(CLOCK.monotonic()) for each in standings}
            return status(slot, incarnation=f"i{slot}", revision="r") | {"gauges": {"pools": pools}}

        news = News(lambda view: standings.take(view, CLOCK.monotonic()), standings.greet)
        link = Link(self.gateway.folder / "run/control.sock", told, lambda *_: None, news=news, period_s=PERIOD_S)
        standings.tell = link.tell
        self.planes.append(running)
        self.links.append(link)
        link.start()
        stack.push_async_callback(link.close)

    def states(self, name="one"):
        return [each.worker.gateway.in_force.standings[name].health.state for each in self.planes]

    def standings(self, name="one"):
        return [each.worker.gateway.in_force.standings[name] for each in self.planes]

    async def linked(self):
        async with asyncio.timeout(8):
            while not all(link._writer for link in self.links):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def crowd(tmp_path: Path, balance="weighted", config=CONFIG, workers=2):
    one, two = Moody(), Moody()
    async with AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(WireBackend([each.answer])) for each in (one, two)]
        gateway = Gateway(tmp_path)
        stack.callback(gateway.listener.close)
        made = Crowd(gateway, one, two)
        for slot in range(workers):
            folder = tmp_path / f"worker-{slot}"
            await made.join(stack, folder, [each.url for each in backends], config.replace("BALANCE", balance))
        gateway.snapshot = made.planes[0].worker.gateway.in_force.snapshot
        yield made


async def until(condition, seconds=5):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_one_worker_finds_out_the_other_knows_without_a_single_fault(tmp_path):
    async with crowd(tmp_path, "ordered") as made, made.gateway.running() as control:
        await made.linked()
        made.one.error_share = 1.0
        await ask_for(made.planes[0], 2, until=lambda: made.states()[0] is EJECTED)
        await until(lambda: made.states()[1] is not IN, seconds=1)
        before = made.one.asked
        await made.planes[1].ask("POST", "/v1/chat/completions", b'{"model":"assistant"}')
        assert made.one.asked <= before + 1, "a trial at most"
        assert control.backends.shown()[0]["why"] == "faults in a row"


async def test_one_worker_finds_out_that_it_is_well_and_both_use_it(tmp_path):
    async with crowd(tmp_path) as made, made.gateway.running() as control:
        await made.linked()
        made.one.error_share = 1.0
        await ask_for(made.planes[0], 2, until=lambda: EJECTED in made.states())
        made.one.error_share = 0.0
        asking = [ask_for(each, 8, until=lambda: made.states() == [IN, IN]) for each in made.planes]
        statuses = sum(await asyncio.gather(*asking), [])
        assert set(statuses) == {200}
        assert made.states() == [IN, IN]
        assert control.backends.shown()[0]["state"] == "in"


async def test_there_is_one_trial_at_a_time_over_all_workers(tmp_path):
    config = CONFIG.replace('first_byte = "300ms"', 'first_byte = "5s"')
    async with crowd(tmp_path, "ordered", config) as made, made.gateway.running():
        await made.linked()
        made.one.error_share = 1.0
        await ask_for(made.planes[0], 2, until=lambda: EJECTED in made.states())
        await asyncio.sleep(0.1)
        before, made.one.delay_s = made.one.asked, 0.6
        await asyncio.gather(*(ask_for(each, 0.5, callers=4) for each in made.planes))
        assert made.one.asked == before + 1
        await asyncio.sleep(0.3)


async def test_errors_that_are_few_at_each_worker_take_it_out_together(tmp_path):
    config = CONFIG.replace("consecutive = 3", "consecutive = 1000").replace("min_attempts = 10", "min_attempts = 60")
    async with crowd(tmp_path, "weighted", config) as made, made.gateway.running() as control:
        await made.linked()
        made.one.error_share = 0.5
        asking = [ask_for(each, 6, callers=1, until=lambda: IN not in made.states()) for each in made.planes]
        await asyncio.gather(*asking)
        assert control.backends.shown()[0]["why"] == "too large a share of errors"


async def test_an_operators_word_holds_everywhere_and_outlives_control(tmp_path):
    async with crowd(tmp_path, "ordered") as made:
        async with made.gateway.running() as control:
            await made.linked()
            shown = await control.backends.drain("one")
            assert (shown["state"], shown["why"]) == ("drained", "drained by hand")
            await until(lambda: all(each.drained_by_hand for each in made.standings()), seconds=1)
            for each in made.planes:
                assert set(await ask_for(each, 0.1)) == {200}
            assert made.one.asked == 0
        assert set(await ask_for(made.planes[0], 0.1)) == {200}, "control is away"
        assert made.one.asked == 0
        async with made.gateway.running() as control:
            await until(lambda: control.backends.shown()[0]["state"] == "drained")
            await control.backends.undrain("one")
            await until(lambda: not any(each.drained_by_hand for each in made.standings()), seconds=1)
            await ask_for(made.planes[0], 0.1)
            assert made.one.asked > 0


async def test_an_ejection_outlives_control_and_a_worker_alone_ends_it(tmp_path):
    config = CONFIG.replace('eject = "200ms"', 'eject = "900ms"')
    async with crowd(tmp_path, "ordered", config) as made:
        async with made.gateway.running():
            await made.linked()
            made.one.error_share = 1.0
            await ask_for(made.planes[0], 2, until=lambda: made.states() == [EJECTED, EJECTED])
        async with made.gateway.running() as control:
            await until(lambda: control.backends.shown()[0]["state"] == "ejected")
        made.one.error_share = 0.0
        statuses = await ask_for(made.planes[1], 8, until=lambda: made.states()[1] is IN)
        assert (made.states()[1], set(statuses)) == (IN, {200})


async def test_ejecting_and_healing_by_hand(tmp_path):
    async with crowd(tmp_path, "ordered") as made, made.gateway.running() as control:
        await made.linked()
        await control.backends.eject("one", 60)
        await until(lambda: all(each.is_gone(CLOCK.monotonic()) for each in made.standings()), seconds=1)
        shown = control.backends.shown()[0]
        assert (shown["state"], shown["why"]) == ("ejected", "ejected by hand")
        assert 50 < shown["until"] - CLOCK.time() <= 60
        await control.backends.heal("one")
        await until(lambda: not any(each.is_gone(CLOCK.monotonic()) for each in made.standings()), seconds=1)
        for refused, word in (("undrain", "nobody"), ("heal", "nobody"), ("drain", "nobody")):
            with pytest.raises(KeyError):
                await getattr(control.backends, refused)(word)
        with pytest.raises(ValueError, match="seconds"):
            await control.backends.eject("one", 0)


async def test_the_live_view_and_the_metrics_show_who_is_out(tmp_path):
    async with crowd(tmp_path, "ordered") as made, made.gateway.running() as control:
        await made.linked()
        made.one.error_share = 1.0
        await ask_for(made.planes[0], 2, until=lambda: EJECTED in made.states())
        await until(lambda: control.backends.shown()[0]["state"] != "in")
        await control.backends.drain("two")
        async with aiohttp.ClientSession() as http, http.get(made.gateway.url + "/admin/v1/live") as answer:
            out = {each["name"]: each for each in (await answer.json())["out"]}
        assert out["two"]["state"] == "drained"
        assert out["one"]["state"] in {EJECTED, HALF_OPEN}
        value = made.gateway.value
        assert await value("upstream_state", upstream="two", state="drained") == 1
        assert await value("upstream_state", upstream="two", state="in") == 0
        assert await value("upstream_ejections_total", upstream="one", reason="consecutive") >= 1
        assert await value("upstream_in_flight", upstream="one") == 0


async def test_a_worker_that_is_new_knows_at_once(tmp_path):
    async with crowd(tmp_path, "ordered", workers=1) as made, made.gateway.running() as control:
        await made.linked()
        await control.backends.drain("one")
        async with AsyncExitStack() as stack:
            urls = [f"http://127.0.0.1:{port}" for port in (1, 2)]
            await made.join(stack, tmp_path / "late", urls, CONFIG.replace("BALANCE", "ordered"))
            await until(lambda: made.standings()[1].drained_by_hand, seconds=2)
