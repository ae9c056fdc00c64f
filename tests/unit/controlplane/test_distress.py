"""A gateway that turns work away is an alarm until it has not for a while."""

import pytest
from tests.support.control import status

from llmgateway.controlplane.distress import AFTER_S, CALM_S, Distress, felt
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.event import EventKind
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.store.sqlite import SqliteStore


def worker(slot=0, **gauges):
    fields = status(slot)
    return WorkerState.read(fields | {"gauges": fields["gauges"] | gauges}, 0.0)


class Setting:
    def __init__(self, store):
        self.store, self.clock = store, ManualClock()
        self.restart()

    def restart(self):
        self.events = Events(self.store)
        self.distress = Distress(self.events, self.clock)

    async def look(self, *workers, seconds=1.0):
        self.clock.advance(seconds)
        for _ in range(2):
            self.distress.look(workers)
            await self.events.write()

    async def kept(self, **wanted):
        return await self.store.events(WantedEvents(kind=EventKind.GATEWAY, **wanted), limit=9)


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    setting = Setting(store)
    await setting.look(worker())
    yield setting
    await store.close()


async def test_work_that_is_turned_away_is_told_with_where_and_why(it):
    busy = worker(1, overload_step=3, overload_cause="memory")
    await it.look(worker(0), busy)
    assert await it.kept() == []
    await it.look(worker(0), busy, seconds=AFTER_S)
    (event,) = await it.kept(is_open=True)
    assert event.action == "overloaded"
    assert event.text == "Worker 1: too much to do (memory), and some new exchanges get 503 overloaded."
    assert event.figures == {"workers": [1], "steps": {"1": 3}, "causes": ["memory"]}
    assert event.undo is None


async def test_a_journal_that_is_full_is_told(it):
    full = [worker(slot, journal_full=1) for slot in (0, 1)]
    await it.look(*full)
    await it.look(*full, seconds=AFTER_S)
    (event,) = await it.kept(is_open=True)
    assert event.text.startswith("Workers 0, 1: the journal can't be written")


async def test_it_is_one_alarm_until_it_has_been_calm_for_a_while(it):
    for seconds in (1, AFTER_S, CALM_S - 1, CALM_S - 1):
        await it.look(worker(journal_full=1), seconds=seconds)
    assert len(await it.kept()) == 1
    await it.look(worker(), seconds=CALM_S - 1)
    assert len(await it.kept(is_open=True)) == 1
    await it.look(worker(), seconds=1)
    (event,) = await it.kept()
    assert event.cleared_at == it.clock.time()


async def test_what_begins_again_before_the_store_knows_that_it_was_over_is_told_again(it, monkeypatch):
    async def away(*_):
        raise StoreUnavailableError("locked")

    def look(*workers, seconds=1.0):
        it.clock.advance(seconds)
        it.distress.look(workers)

    await it.look(worker(journal_full=1))
    await it.look(worker(journal_full=1), seconds=AFTER_S)
    monkeypatch.setattr(it.store, "clear_event", away)
    look(worker(), seconds=2 * CALM_S)
    for _ in range(10):
        look(worker(journal_full=1))
    monkeypatch.undo()
    await it.look(worker(journal_full=1))
    assert len(await it.kept()) == 2
    assert len(await it.kept(is_open=True)) == 1


async def test_after_a_start_workers_have_time_to_say_how_they_are(it):
    await it.look(worker(journal_full=1))
    await it.look(worker(journal_full=1), seconds=AFTER_S)
    it.restart()
    await it.look(seconds=CALM_S - 1)
    assert len(await it.kept(is_open=True)) == 1
    await it.look(worker(journal_full=1), seconds=1)
    await it.look(worker(journal_full=1), seconds=AFTER_S)
    assert len(await it.kept()) == 1, "it is told already"
    it.restart()
    await it.look(seconds=CALM_S)
    assert await it.kept(is_open=True) == []


def test_what_callers_do_not_feel_is_none():
    assert felt([worker(overload_step=1)]) == {}
    assert felt([]) == {}
