"""Journal, ingester, store, ledger and /metrics together, with the real parts; the control plane killed in between."""

import asyncio

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support import plant as support

from llmgateway.app.control import build_control
from llmgateway.config.snapshot import Backend, Data, Price, Route, Snapshot, Version
from llmgateway.controlplane.parts import first_tasks
from llmgateway.domain.event import EventKind
from llmgateway.ports.events import WantedEvents

BACKEND = Backend("primary", "openai", "http://127.0.0.1:9")
VERSION = Version("v1", "0a1b2c3d4e5f", (BACKEND,), model="gpt-4o-mini", weight=1)


class Plant(support.Plant):
    """A route whose model has a price."""

    def __init__(self, folder):
        super().__init__(
            Snapshot(
                1,
                data=Data(dir=str(folder)),
                backends={"primary": BACKEND},
                routes={"support": Route("support", (VERSION,))},
                prices={"gpt-4o-mini": Price("gpt-4o-mini", 1.0, 2.0)},
            )
        )

    def log(self, count, **changes):
        super().log(count, is_stream=True, **changes)

    async def counts(self):
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as answer:
            text = await answer.text()
        return {
            (sample.name.removeprefix("llmgateway_"), tuple(sample.labels.get(name) for name in ("outcome", "kind"))): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels.get("stream", "true") == "true"
        }


@pytest.fixture
def plant(tmp_path):
    plant = Plant(tmp_path)
    yield plant
    plant.close()


async def test_what_is_in_the_journal_is_counted_once_however_often_control_dies(plant):
    for lives in range(1, 4):
        plant.log(10)
        async with plant.control() as (ingester, _), asyncio.timeout(20):
            await ingester.drained()
            counts = await plant.counts()
        assert counts["requests_total", ("ok", None)] == 10 * lives
        assert counts["tokens_total", (None, "output")] == 450 * lives
        assert counts["cost_usd_total", (None, None)] == pytest.approx(10 * lives * (120 + 2 * 45) / 1e6, rel=0.2)
        assert counts["request_duration_seconds_count", (None, None)] == 10 * lives
        assert counts["upstream_attempts_total", (None, "first")] == 10 * lives
        assert counts["log_lag_seconds", (None, None)] < 5
        assert counts["log_queue_bytes", (None, None)] == 0


async def test_the_sums_are_there_before_the_first_new_row(plant):
    plant.log(3)
    async with plant.control() as (ingester, _), asyncio.timeout(20):
        await ingester.drained()
    async with plant.control() as (ingester, _), asyncio.timeout(20):
        await ingester.drained()
        assert (await plant.counts())["requests_total", ("ok", None)] == 3


async def test_an_upstream_that_is_somebody_else_now_is_an_event_and_who_looks_for_it_runs(plant):
    async with plant.control() as (ingester, store), asyncio.timeout(60):
        await ingester.drained()

        async def until(fingerprint, found):
            while not await found():  # what comes before it is known what was known is passed over
                plant.log(1, fingerprint=fingerprint)
                await ingester.drained()

        async def is_known():
            return "fp_a" in [each.value for each in await store.fingerprints()]

        await until("fp_a", is_known)
        await until("fp_b", lambda: store.events(WantedEvents(), limit=9))
        ((event),) = await store.events(WantedEvents(), limit=9)
    assert (event.kind, event.version, event.figures["value"]) == (EventKind.FINGERPRINT, "v1", "fp_b")


def test_those_who_look_for_what_happens_by_itself_are_started(plant, tmp_path):
    async def names():
        control, _, store = build_control(plant.started, plant.listener)
        found = set(first_tasks(control._parts))
        await store.close()
        return found

    assert {"events", "silence", "fingerprints"} <= asyncio.run(names())
