"""A backend that is put out is one alarm until it is in again, over restarts and however often it is tried."""

from dataclasses import replace

import pytest
from tests.support.backends import NOW, World
from tests.support.control import status

from llmgateway.controlplane.backends import MAX_OUTAGES, PROBES_THAT_EJECT, Backends
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.outages import CALM_S, NOBODY, SETTLE_S, SICK_S, Outages, kept_in
from llmgateway.controlplane.worker import WorkerState
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.event import EventSeverity
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.routing.health import Reason
from llmgateway.store.sqlite import SqliteStore

AT = 1_800_000_000.0
SICK_A = {"a": Reason.AUTH}


class Setting:
    """Merged backends, a real store, and who notes what happens."""

    def __init__(self, store):
        self.store, self.clock = store, ManualClock(monotonic=NOW, time=AT)
        self.restart()

    def restart(self):
        """As a control that was killed is followed by another one."""
        self.backends = Backends(World(v1="a b c").snapshot(), f"epoch-{self.clock.monotonic()}")
        self.events = Events(self.store)
        self.outages = Outages(self.events, self.backends, self.clock)

    def hear(self, what, name="a", **more):
        news = {"what": what, "backend": name, "reason": "consecutive", "epoch": "now"} | more
        self.backends.hear(0, news, self.clock.monotonic())

    async def look(self, seconds=1.0, sick=NOBODY):
        self.clock.advance(seconds)
        for _ in range(2):
            self.outages.look(sick)
            await self.events.write()

    async def kept(self, **wanted):
        return [each async for each in self._every(**wanted)]

    async def _every(self, **wanted):
        for each in reversed(await self.store.events(WantedEvents(**wanted), limit=100)):
            yield each


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    setting = Setting(store)
    await setting.look(SETTLE_S)
    yield setting
    await store.close()


async def test_it_says_which_one_why_and_how_it_is_brought_back(it):
    it.hear("eject")
    await it.look()
    (event,) = await it.kept()
    assert (event.backend, event.action, event.severity) == ("a", "ejected", EventSeverity.ALARM)
    assert event.at == AT + SETTLE_S, "when it was put out, not when somebody looked"
    assert event.text.startswith("The backend a gets no new exchanges: faults in a row. It is tried again after 5 s")
    assert event.undo == {"act": "backends.heal", "backend": "a"}
    assert event.figures["ejections"] == 1
    assert "attempts" not in event.figures  # nobody has told any yet, which is not to be read as none


async def test_one_outage_is_one_event_however_often_it_is_tried(it):
    it.hear("eject")
    for _ in range(3):
        await it.look(60.0)
        it.hear("ask")
        it.hear("eject")
    await it.look()
    assert len(await it.kept()) == 1


async def test_it_is_over_when_the_backend_is_in_again(it):
    it.hear("eject")
    await it.look()
    it.hear("heal")
    await it.look()
    (event,) = await it.kept()
    assert event.cleared_at == it.clock.time()
    it.hear("eject")
    await it.look()
    assert len(await it.kept()) == 2
    assert len(await it.kept(is_open=True)) == 1


async def test_one_that_comes_and_goes_between_two_looks_is_noted_and_over(it):
    it.hear("eject")
    it.hear("heal")
    await it.look()
    assert await it.kept(is_open=True) == []
    assert len(await it.kept()) == 1


async def test_a_new_control_hears_of_it_from_the_workers_and_notes_it_once(it):
    it.hear("eject")
    await it.look()
    it.restart()
    it.hear("eject", epoch="of the one before", until=it.clock.monotonic() + 3.0, count=1)
    await it.look(SETTLE_S)
    assert len(await it.kept()) == 1
    assert len(await it.kept(is_open=True)) == 1


async def test_what_a_killed_control_had_not_written_its_successor_hears_of(it):
    it.hear("eject")
    it.restart()
    it.hear("eject", epoch="of the one before", until=it.clock.monotonic() + 3.0, count=1)
    await it.look()
    assert [each.backend for each in await it.kept(is_open=True)] == ["a"]


async def test_after_a_start_the_workers_have_time_to_say_who_is_out(it):
    it.hear("eject")
    await it.look()
    it.restart()
    await it.look(SETTLE_S - 1.0)
    assert len(await it.kept(is_open=True)) == 1
    await it.look(2.0)
    assert await it.kept(is_open=True) == [], "nobody has said so: it is in"


async def test_one_that_is_no_longer_configured_is_not_out(it):
    it.hear("eject")
    await it.look()
    it.backends.configure(World(v1="b c").snapshot())
    await it.look()
    assert await it.kept(is_open=True) == []


async def test_what_probes_find_is_told(it):
    for _ in range(PROBES_THAT_EJECT):
        it.backends.probed("a", "it answered 503", it.clock.monotonic(), is_ok=False)
    await it.look()
    (event,) = await it.kept()
    assert "the gateway's probes fail (it answered 503)" in event.text


async def test_an_operators_word_is_no_event(it):
    it.backends.eject("a", 60.0, it.clock.monotonic())
    it.backends.drain("b", is_drained=True)
    await it.look()
    assert await it.kept() == []


async def test_what_waits_for_the_store_is_bounded(it):
    it.events.open = None
    for _ in range(MAX_OUTAGES + 5):
        it.hear("eject")
        it.hear("heal")
        it.clock.advance(1_000.0)
    it.outages.look()
    assert len(it.backends.outages) == MAX_OUTAGES
    await it.look()
    assert len(await it.kept()) <= MAX_OUTAGES


async def test_one_that_fails_and_is_kept_in_is_an_alarm_of_its_own(it):
    await it.look(1, SICK_A)
    await it.look(SICK_S - 1, SICK_A)
    assert await it.kept() == []
    await it.look(1, SICK_A)
    await it.look(1, SICK_A)
    (event,) = await it.kept(is_open=True)
    assert (event.backend, event.action, event.undo) == ("a", "sick", None)
    assert event.text.startswith("The backend a fails (refuses the gateway's credential) and is kept in")
    assert event.figures == {"reason": "auth"}


async def test_it_is_noted_once_though_the_store_is_away(it, monkeypatch):
    async def away(_):
        raise StoreUnavailableError("locked")

    monkeypatch.setattr(it.store, "add_events", away)
    for _ in range(20):
        it.clock.advance(1.0)
        it.outages.look(SICK_A)
    assert it.events.waiting == 1
    monkeypatch.undo()
    await it.look(1, SICK_A)
    assert len(await it.kept()) == 1


@pytest.mark.parametrize("action", ["ejected", "sick"])
async def test_one_that_is_out_again_before_the_store_knows_that_it_was_in_is_told_again(it, monkeypatch, action):
    async def away(*_):
        raise StoreUnavailableError("locked")

    async def out(sick):
        if action == "ejected":
            it.hear("eject")
        for _ in range(10):
            it.clock.advance(1.0)
            it.outages.look(sick)

    sick = SICK_A if action == "sick" else {}
    await out(sick)
    await it.events.write()
    monkeypatch.setattr(it.store, "clear_event", away)
    it.hear("heal")
    it.clock.advance(CALM_S)
    it.outages.look()
    await out(sick)
    monkeypatch.undo()
    await it.look(1, sick)
    assert [each.action for each in await it.kept()] == [action, action]
    assert len(await it.kept(is_open=True)) == 1


async def test_it_is_over_when_no_worker_has_found_it_so_for_a_while(it):
    await it.look(1, SICK_A)
    await it.look(SICK_S, SICK_A)
    await it.look(CALM_S - 1)
    assert len(await it.kept(is_open=True)) == 1
    await it.look(1)
    assert await it.kept(is_open=True) == []


async def test_one_that_is_sick_for_a_moment_now_and_then_is_none(it):
    for _ in range(5):
        await it.look(1, SICK_A)
        await it.look(CALM_S)
    assert await it.kept() == []


async def test_one_that_is_put_out_in_the_end_has_both(it):
    await it.look(1, SICK_A)
    await it.look(SICK_S, SICK_A)
    await it.look(1)
    it.hear("eject")
    await it.look(CALM_S)
    assert [each.action for each in await it.kept()] == ["sick", "ejected"]
    assert [each.action for each in await it.kept(is_open=True)] == ["ejected"]


def test_who_is_kept_in_is_what_any_worker_says_and_what_for():
    for_speed, for_auth = {"suspect": Reason.SLOW.number}, {"suspect": Reason.AUTH.number}
    pools = [{"a": {"open": 1}, "b": {"open": 1} | for_speed}, {"a": {"open": 1} | for_auth, "c": {"suspect": 99}}]
    given = [WorkerState.read(status(slot) | {"gauges": {"pools": each}}, NOW) for slot, each in enumerate(pools)]
    assert kept_in(given) == {"a": Reason.AUTH, "b": Reason.SLOW}
    assert kept_in([]) == {}


async def test_alarms_of_other_kinds_are_none_of_its_business(it):
    it.hear("eject")
    await it.look()
    (event,) = await it.kept()
    other = replace(event, id="other", kind="drift", backend="b")
    it.events.open["other"] = other
    await it.look()
    assert "other" in it.events.open
