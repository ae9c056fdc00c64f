"""Drift watch in the control plane with all its real parts: journal, ingester, store, events, admin API, /metrics."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.plant import Plant, until

from llmgateway.config.drift import Drift
from llmgateway.config.snapshot import Backend, Data, Route, Snapshot, Version
from llmgateway.domain.event import EventKind
from llmgateway.ports.events import WantedEvents

BACKEND = Backend("primary", "openai", "http://127.0.0.1:9")
VERSION = Version("v1", "0a1b2c3d4e5f", (BACKEND,), model="m", weight=1)
ALL = WantedEvents(kind=EventKind.DRIFT)


class Watching(Plant):
    """A window of 500 exchanges, and what is known of v1."""

    def __init__(self, folder):
        super().__init__(
            Snapshot(
                1,
                data=Data(dir=str(folder)),
                drift=Drift(reference=500, comparison=500),
                backends={"primary": BACKEND},
                routes={"support": Route("support", (VERSION,))},
            )
        )

    async def exchanges(self):
        """How many are counted; None while nobody knows."""
        _, found = await self.ask("GET", "/admin/v1/drift")
        (line,) = found["versions"]
        return line["exchanges"]

    async def samples(self):
        _, text = await self.ask("GET", "/metrics")
        return {
            (sample.name.removeprefix("llmgateway_"), sample.labels["feature"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if "feature" in sample.labels
        }


@pytest.fixture
def plant(tmp_path):
    plant = Watching(tmp_path)
    yield plant
    plant.close()


async def test_refusals_that_rise_are_an_alarm_event_until_somebody_says_that_they_are_usual(plant):
    async with plant.control() as (ingester, store):
        await until(lambda: _is(plant.exchanges, 0))  # what comes from now on is looked at
        plant.log(500)
        plant.log(20, finish_reason="refusal")
        await ingester.drained()
        await until(lambda: _is(plant.exchanges, 520))
        await until(lambda: _has(store.events(ALL, limit=9)))
        (event,) = await store.events(ALL, limit=9)
        assert (event.action, event.route, event.version) == ("risen", "support", "v1")
        samples = await plant.samples()
        assert samples["drift_score", "refusal"] >= 1
        assert samples["drift_alarms_total", "refusal"] == 1
        assert samples["drift_alarms_total", "error"] == 0

        status, undone = await plant.ask("POST", f"/admin/v1/events/{event.id}/undo?reason=meant")
        assert (status, undone["event"]["undone_at"] is not None) == (200, True)
        await until(lambda: _is_cleared(store, event.id))
        assert await plant.exchanges() == 0

        assert (await plant.ask("POST", "/admin/v1/drift/support/reset?version=v9"))[0] == 404
        assert (await plant.ask("POST", "/admin/v1/drift/nobody/reset"))[0] == 404
        status, found = await plant.ask("POST", "/admin/v1/drift/support/reset?version=v1")
        assert (status, found["versions"][0]["state"]) == (200, "learning")


async def test_a_restart_in_the_middle_loses_and_doubles_nothing(plant):
    async with plant.control() as (ingester, _):
        await until(lambda: _is(plant.exchanges, 0))
        plant.log(300)
        await ingester.drained()
        await until(lambda: _is(plant.exchanges, 300))
    plant.log(150)  # while nobody is there
    for exchanges in (450, 450):
        async with plant.control() as (ingester, _):
            await ingester.drained()
            await until(lambda exchanges=exchanges: _is(plant.exchanges, exchanges))
    async with plant.control() as (ingester, store):
        plant.log(50)
        plant.log(20, finish_reason="refusal")
        await ingester.drained()
        await until(lambda: _is(plant.exchanges, 520))
        await until(lambda: _has(store.events(ALL, limit=9)))
        assert (await plant.samples())["drift_alarms_total", "refusal"] == 1
    async with plant.control() as (ingester, store):
        await ingester.drained()
        await until(lambda: _is(plant.exchanges, 520))
        assert len(await store.events(ALL, limit=9)) == 1
        assert (await plant.samples())["drift_alarms_total", "refusal"] == 1


async def _is(ask, wanted):
    return await ask() == wanted


async def _has(asked):
    return bool(await asked)


async def _is_cleared(store, event_id):
    return (await store.event(event_id)).cleared_at is not None
