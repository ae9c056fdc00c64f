"""Events get into the store in order and once, whatever the store does meanwhile; who wants to know is told once."""

import asyncio
from dataclasses import replace

import pytest

from llmgateway.controlplane import events as module
from llmgateway.controlplane import patience
from llmgateway.controlplane.events import BATCH, MAX_WAITING, Events, message, shown
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.store import StoreRejectedError, StoreUnavailableError
from llmgateway.store.sqlite import SqliteStore

ALARM, WARNING, INFO = EventSeverity.ALARM, EventSeverity.WARNING, EventSeverity.INFO


def event(number, severity=ALARM, **changes):
    made = GatewayEvent(f"e{number}", float(number), EventKind.DRIFT, "drifted", severity, "refusals rose")
    return replace(made, **changes)


class Store:
    """A store in memory that can be away, and dislikes some events. `calls`: what was written, call by call."""

    def __init__(self, *there):
        self.there = {each.id: each for each in there}
        self.is_away, self.disliked = False, {}
        self.calls, self.refused = [], 0

    async def open(self): ...

    async def events(self, wanted, *, limit, before=None):
        assert wanted == WantedEvents(is_open=True)
        self._look()
        found = [each for each in self.there.values() if each.severity is ALARM and each.cleared_at is None]
        return sorted(found, key=lambda each: each.at, reverse=True)[:limit]

    async def event(self, event_id):
        return self.there.get(event_id)

    async def add_events(self, events):
        self._look()
        for each in events:
            if each.id in self.disliked:
                raise self.disliked[each.id]
        self.calls.append([each.id for each in events])
        new = {each.id: each for each in events if each.id not in self.there}
        self.there |= new
        return list(new.values())

    async def clear_event(self, event_id, at):
        self._look()
        self.calls.append(event_id)
        found = self.there.get(event_id)
        if found is None or found.severity is not ALARM or found.cleared_at is not None:
            return False
        self.there[event_id] = replace(found, cleared_at=at)
        return True

    def _look(self):
        if self.is_away:
            self.refused += 1
            raise StoreUnavailableError("locked")


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def told():
    return []


@pytest.fixture
def events(store, told):
    return Events(store, told.append)


async def test_what_is_noted_is_written_in_order_and_in_batches(events, store):
    for number in range(BATCH + 2):
        events.note(event(number, INFO))
    events.clear("e3", 9.0)
    events.note(event(500))
    await events.write()
    assert [len(call) if isinstance(call, list) else call for call in store.calls] == [BATCH, 2, "e3", 1]
    assert [name for call in store.calls[:2] for name in call] == [f"e{number}" for number in range(BATCH + 2)]
    assert events.waiting == 0


async def test_alarms_and_warnings_are_told_and_what_was_only_seen_to_is_not(events, told):
    for number, severity in enumerate((INFO, WARNING, ALARM)):
        events.note(event(number, severity))
    await events.write()
    assert [each["key"] for each in told] == ["e1", "e2"]
    assert events.counts == {(EventKind.DRIFT, each): 1 for each in (INFO, WARNING, ALARM)}


async def test_what_is_there_already_is_nothing_new(store, told):
    store.there["e1"] = event(1)
    events = Events(store, told.append)
    events.note(event(1))
    events.note(event(2))
    events.note(event(2))
    await events.write()
    assert [each["key"] for each in told] == ["e2"]
    assert events.counts == {(EventKind.DRIFT, ALARM): 1}


async def test_an_alarm_that_clears_is_told_once(events, store, told):
    events.note(event(1))
    for at in (5.0, 6.0):
        events.clear("e1", at)
    events.clear("nothing", 5.0)
    await events.write()
    assert store.there["e1"].cleared_at == 5.0
    assert [each["key"] for each in told] == ["e1", "e1:cleared"]
    assert told[1]["text"].startswith("Cleared (drift): refusals rose")


async def test_an_alarm_that_the_store_has_forgotten_lasts_no_longer_when_it_clears(events, store):
    events.note(event(1))
    await events.write()
    del store.there["e1"]  # more events came than are kept
    events.clear("e1", 5.0)
    await events.write()
    assert events.lasting() == ()


async def test_alarms_that_are_open_are_known_over_a_restart(store):
    store.there = {"old": event(1, id="old", kind=EventKind.JUDGE)}
    events = Events(store)
    assert events.figures().open is None  # nobody knows yet
    events.note(event(2))
    await events.write()
    assert events.figures().open == {EventKind.JUDGE: 1, EventKind.DRIFT: 1}
    events.clear("old", 3.0)
    await events.write()
    assert events.figures().open == {EventKind.DRIFT: 1}


async def test_what_somebody_else_has_saved_is_counted_and_not_told(events, told):
    await events.write()
    events.saved(event(1))
    assert events.figures() == ({(EventKind.DRIFT, ALARM): 1}, {EventKind.DRIFT: 1}, 0)
    assert told == []


async def test_a_store_that_is_away_is_waited_for_without_losing_order(store, told, monkeypatch):
    monkeypatch.setattr(patience, "MIN_S", 0.001)
    events = Events(store, told.append)
    store.is_away = True
    events.note(event(1))
    task = asyncio.ensure_future(events.run())
    async with asyncio.timeout(20):
        await asyncio.sleep(0)
        events.note(event(2))
        events.clear("e1", 3.0)
        while store.refused < 3:
            await asyncio.sleep(0.001)
        store.is_away = False
        while events.waiting:
            await asyncio.sleep(0.001)
    task.cancel()
    assert [each["key"] for each in told] == ["e1", "e2", "e1:cleared"]


async def test_whoever_notes_waits_for_nobody_and_the_oldest_go_when_there_are_too_many(events, store):
    store.is_away = True
    for number in range(MAX_WAITING + 3):
        events.note(event(number))
    assert (events.waiting, events.dropped) == (MAX_WAITING, 3)
    store.is_away = False
    await events.write()
    assert store.calls[0][0] == "e3"
    assert events.figures().dropped == 3


async def test_what_is_said_again_while_it_waits_waits_once(events, store):
    await events.write()
    store.is_away = True
    for _ in range(MAX_WAITING + 3):
        events.note(event(1))
        events.clear("e1", 5.0)
    assert (events.waiting, events.dropped) == (2, 0)
    with pytest.raises(StoreUnavailableError):
        await events.write()
    events.note(event(1, at=9.0))
    events.clear("e1", 6.0)
    assert events.waiting == 2
    store.is_away = False
    await events.write()
    assert store.there["e1"].cleared_at == 5.0
    assert store.there["e1"].at == 1.0


async def test_what_has_been_taken_off_the_line_is_not_what_is_dropped(events, store):
    await events.write()
    events.note(event(0))
    store.is_away = True
    with pytest.raises(StoreUnavailableError):
        await events.write()
    for number in range(1, MAX_WAITING + 1):
        events.note(event(number))
    assert (events.waiting, events.dropped) == (MAX_WAITING + 1, 0)
    store.is_away = False
    await events.write()
    assert [name for call in store.calls for name in call] == [f"e{number}" for number in range(MAX_WAITING + 1)]


@pytest.mark.parametrize("error", [StoreRejectedError("no"), TypeError("not JSON"), ValueError("too large")])
async def test_an_event_that_no_store_will_take_holds_up_no_other(events, store, error):
    store.disliked = {"e2": error}
    for number in (1, 2, 3):
        events.note(event(number))
    await events.write()
    assert list(store.there) == ["e1", "e3"]
    assert (events.waiting, events.dropped) == (0, 1)


async def test_a_real_store_rejects_what_is_no_json_and_nothing_else_is_lost(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    events = Events(store)
    events.note(event(1, figures={"what": object()}))
    events.note(event(2))
    await events.write()
    assert (await store.event("e1"), await store.event("e2")) == (None, event(2))
    await store.close()


async def test_what_waits_is_written_when_the_gateway_stops(events, store):
    events.note(event(1))
    await events.finish()
    assert list(store.there) == ["e1"]


async def test_a_store_that_is_away_does_not_hold_up_the_end(events, store, caplog):
    store.is_away = True
    events.note(event(1))
    await events.finish()
    assert "1 events are lost: locked" in caplog.text


async def test_where_nothing_waits_the_end_asks_nobody(events, store, caplog):
    store.is_away = True
    await events.finish()
    assert caplog.messages == []


def test_a_message_says_what_it_is_about_and_how_it_is_taken_back():
    given = event(1, WARNING, route="chat", version="v2", backend="one", undo={"act": "heal", "backend": "one"})
    made = message(given)
    assert made["text"] == (
        "Warning (drift, chat / v2 / one): refusals rose Take it back: llmgateway events undo e1 --reason …"
    )
    assert (made["type"], made["event"]) == ("event", shown(given))
    assert "undo" not in message(replace(given, cleared_at=5.0))["text"]


def test_what_an_upstream_says_of_itself_calls_nobody_in_a_chat():
    assert "<!channel>" not in message(event(1, text="answers as <!channel>"))["text"]
    assert "&lt;!channel&gt;" in message(event(1, text="answers as <!channel>"))["text"]


async def test_the_log_has_a_line_and_nothing_that_a_backend_said(events, caplog):
    caplog.set_level("INFO")
    events.note(event(1, INFO, text="answers as\nFAKE"))
    await events.write()
    assert "event e1: drifted" in caplog.text
    assert "FAKE" not in caplog.text


def test_the_alarms_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_OPEN", 2)
    events = Events(Store())
    events.open = {}
    for number in range(3):
        events.saved(event(number))
    assert list(events.open) == ["e1", "e2"]
