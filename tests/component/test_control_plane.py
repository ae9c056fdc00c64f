"""The control plane whole, over real sockets: fake workers, real links, real HTTP; control killed and brought back."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.control import row, status

from llmgateway.config.loader import Examined
from llmgateway.config.problems import ConfigError, Problem
from llmgateway.config.snapshot import Address, Admin, Backend, Route, Secret, Snapshot, Version
from llmgateway.controlplane.control import Control
from llmgateway.controlplane.ingest import Ingester
from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.ledger import Ledger
from llmgateway.controlplane.live import Recent
from llmgateway.controlplane.parts import Parts, on_rows
from llmgateway.dataplane.link import Link, News
from llmgateway.domain.clock import SystemClock
from llmgateway.telemetry.frames import revision

BACKEND = Backend("local", "openai", "http://127.0.0.1:9")
SNAPSHOT = Snapshot(
    1,
    backends={"local": BACKEND},
    routes={"chat": Route("chat", (Version("v1", "aaaaaaaaaaaa", (BACKEND,)),))},
)


class Gateway:
    """One data folder and one admin socket that outlive the control planes started on them."""

    def __init__(self, folder):
        self.folder = folder
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.snapshot, self.text, self.problems = SNAPSHOT, "one", []
        self.saved = None
        self.ledger = Ledger(Labels.of(SNAPSHOT))
        self.recent = Recent(SystemClock(), Labels.of(SNAPSHOT))

    def examine(self, generation):
        if self.problems:
            raise ConfigError(self.problems)
        return Examined(replace(self.snapshot, generation=generation), (), self.text)

    def control(self, *, text=None, **changes):
        parts = {
            "snapshot": self.snapshot,
            "text": text or self.text,
            "data_dir": self.folder,
            "listener": self.listener,
            "clock": SystemClock(),
            "ledger": self.ledger,
            "recent": self.recent,
            "examine": self.examine,
            "save": lambda text, generation: setattr(self, "saved", (text, generation)),
        }
        return Control(Parts(**(parts | changes)))

    @asynccontextmanager
    async def running(self, **changes):
        control = self.control(**changes)
        await control.start()
        try:
            yield control
        finally:
            await control.stop()

    async def ask(self, path, method="GET", **options):
        async with aiohttp.ClientSession() as http, http.request(method, self.url + path, **options) as answer:
            return answer.status, await (answer.text() if path == "/metrics" else answer.json())

    async def value(self, name, **labels):
        _, text = await self.ask("/metrics")
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"llmgateway_{name}" and sample.labels == labels:
                    return sample.value
        return None


class FakeWorker:
    """A data plane that has nothing but a link."""

    def __init__(self, gateway, slot=0, incarnation="a", generation=1, text="one"):
        self.slot, self.incarnation, self.generation, self.text, self.refused = slot, incarnation, generation, text, 0
        self.link = Link(gateway.folder / "run" / "control.sock", self.status, self.take, held=text, period_s=0.02)

    def status(self):
        return status(self.slot, incarnation=self.incarnation, refused=self.refused, generation=self.generation)

    async def take(self, generation, text, document):
        if text == "unloadable":
            return "no such certificate"
        self.generation, self.text = generation, text
        return None

    async def __aenter__(self):
        self.link.start()
        return self

    async def __aexit__(self, *_):
        await self.link.close()


async def until(condition, seconds=8):
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
def gateway(tmp_path):
    gateway = Gateway(tmp_path)
    yield gateway
    gateway.listener.close()


async def test_it_becomes_ready_when_a_worker_comes_and_unready_when_it_drains(gateway):
    async with gateway.running() as control:
        code, body = await gateway.ask("/readyz")
        assert (code, body["reasons"]) == (503, ["workers: none is connected"])
        assert (await gateway.ask("/startupz"))[0] == 503
        async with FakeWorker(gateway):
            await until(control.links.live)
            assert (await gateway.ask("/readyz"))[0] == 200
            assert (await gateway.ask("/startupz"))[0] == 200
            control.drain()
            assert (await gateway.ask("/readyz"))[0] == 503
            assert (await gateway.ask("/livez"))[0] == 200


async def test_a_reload_reaches_every_worker_and_the_report_says_so(gateway):
    async with gateway.running() as control, FakeWorker(gateway, 0) as one, FakeWorker(gateway, 1) as two:
        await until(lambda: len(control.links.live()) == 2)
        gateway.text = "two"
        code, report = await gateway.ask("/admin/v1/reload", "POST")
        assert (code, report["generation"]) == (200, 2)
        assert [worker["error"] for worker in report["workers"]] == [None, None]
        assert (one.generation, one.text) == (two.generation, two.text) == (2, "two")
        assert gateway.saved == ("two", 2)
        assert await gateway.value("config_revision") == 2
        assert await gateway.value("config_reloads_total", result="taken") == 1


async def test_workers_hear_what_all_of_them_and_control_hold_together(gateway):
    heard: dict[int, list[int]] = {0: [], 1: []}
    async with gateway.running() as control, FakeWorker(gateway, 0) as one, FakeWorker(gateway, 1) as two:
        for worker in (one, two):
            said = worker.status
            worker.link._news = News(memory=heard[worker.slot].append)
            worker.link._status = lambda said=said: said() | {"gauges": {"memory_bytes": 100 * 2**30}}
        await until(lambda: len(control.links.live()) == 2)
        await until(lambda: all(heard.values()) and heard[0][-1] > 200 * 2**30)
        assert heard[0][-1] - 200 * 2**30 < 2 * 2**30  # control's own
        await until(lambda: heard[1][-1] > 200 * 2**30)


async def test_an_invalid_file_is_refused_with_its_line_and_the_old_one_stays(gateway):
    async with gateway.running() as control, FakeWorker(gateway) as worker:
        await until(control.links.live)
        gateway.problems = [Problem("config.toml", 7, "routes.chat", "names no version")]
        code, report = await gateway.ask("/admin/v1/reload", "POST")
        assert (code, report["problems"]) == (422, ["config.toml:7: routes.chat: names no version"])
        assert (worker.generation, gateway.saved) == (1, None)


async def test_a_worker_that_cannot_take_it_is_named(gateway):
    async with gateway.running() as control, FakeWorker(gateway) as worker:
        await until(control.links.live)
        gateway.text = "unloadable"
        _, report = await gateway.ask("/admin/v1/reload", "POST")
        assert report["workers"][0]["error"] == "no such certificate"
        assert worker.generation == 1


async def test_counters_never_fall_while_control_and_workers_are_killed(gateway):
    seen = 0.0
    worker = FakeWorker(gateway)
    for round_number in range(3):
        async with gateway.running(), worker:
            worker.refused += 5
            await until(lambda: worker.link.is_connected)
            expected = (round_number + 1) * 5

            async def has_arrived(expected=expected):
                return await gateway.value("refused_total", reason="invalid_api_key") == expected

            await until(has_arrived)
            now = await gateway.value("refused_total", reason="invalid_api_key")
            assert now >= seen
            seen = now
        worker = FakeWorker(gateway, incarnation=f"incarnation {round_number}")
    async with gateway.running():
        assert await gateway.value("refused_total", reason="invalid_api_key") == seen
        assert await gateway.value("worker_starts_total", slot="0") == 3


async def test_workers_go_on_without_control_and_its_successor_takes_up_their_generation(gateway):
    async with FakeWorker(gateway) as worker:
        async with gateway.running() as control:
            await until(control.links.live)
            gateway.text = "two"
            await control.reload()
            assert worker.generation == 2
        await until(lambda: not worker.link.is_connected)
        async with gateway.running() as successor:
            await until(lambda: successor.links.generation == 2)
            assert (worker.generation, worker.text) == (2, "two")
            assert worker.link.revision == revision("two")


async def test_a_reload_may_change_the_admin_token(gateway):
    gateway.snapshot = replace(SNAPSHOT, admin=Admin(Address("127.0.0.1", 1), Secret("first-token")))
    async with gateway.running():
        assert (await gateway.ask("/admin/v1/live"))[0] == 401
        gateway.snapshot = replace(SNAPSHOT, admin=Admin(Address("127.0.0.1", 1), Secret("second-token")))
        first = {"Authorization": "Bearer first-token"}
        assert (await gateway.ask("/admin/v1/reload", "POST", headers=first))[0] == 200
        assert (await gateway.ask("/admin/v1/live", headers=first))[0] == 401
        assert (await gateway.ask("/admin/v1/live", headers={"Authorization": "Bearer second-token"}))[0] == 200


async def test_a_part_that_fails_does_not_take_the_others_down(gateway):
    async def broken():
        raise RuntimeError("the disk is on fire")

    async with gateway.running(services={"retention": broken}) as control, FakeWorker(gateway):
        await until(lambda: control.failures["retention"] >= 1 and control.links.live())
        assert (await gateway.ask("/readyz"))[0] == 200
        assert await gateway.value("task_failures_total", task="retention") >= 1
        assert (await gateway.ask("/admin/v1/live"))[1]["task_failures"]["retention"] >= 1


async def test_a_link_that_cannot_listen_is_tried_again_and_the_admin_listener_serves(gateway):
    (gateway.folder / "run").write_text("in the way")
    async with gateway.running() as control:
        assert (await gateway.ask("/livez"))[0] == 200
        assert control.failures["link"] >= 1
        (gateway.folder / "run").unlink()
        async with FakeWorker(gateway):
            await until(control.links.live)


async def test_committed_rows_show_in_metrics_and_the_live_view(gateway):
    feed = on_rows(gateway.ledger, gateway.recent)
    async with gateway.running() as control, FakeWorker(gateway):
        await until(control.links.live)
        rows = [row(at=SystemClock().time() - 2)]
        gateway.ledger.observe(rows)
        labels = {"route": "chat", "version": "v1", "outcome": "ok", "stream": "true"}
        assert await gateway.value("requests_total", **labels) == 0
        feed(rows)
        _, view = await gateway.ask("/admin/v1/live")
        assert view["versions"][0]["requests"] == view["whole"]["requests"] == 1
        assert view["workers"][0]["pid"] == 100
        assert view["in_flight"] == {"chat": 2}
        assert view["backends"] == {"local": {"open": 3, "idle": 1}}
        assert view["journal"]["lag_s"] is None

        async def is_rendered_anew():
            return await gateway.value("requests_total", **labels) == 1

        await until(is_rendered_anew)


async def test_the_admin_routes_can_be_added_to(gateway):
    from llmgateway.controlplane.endpoints import Endpoint
    from llmgateway.controlplane.replies import reply

    async def hello(_):
        return reply(200, {"hello": "you"})

    async with gateway.running(endpoints={("GET", "/admin/v1/hello"): Endpoint(hello)}):
        assert await gateway.ask("/admin/v1/hello") == (200, {"hello": "you"})


def test_the_ingester_takes_the_ledger_as_its_observer():
    assert {"observe", "state", "restore"} <= set(dir(Ledger))
    assert "on_rows" in Ingester.__init__.__kwdefaults__
