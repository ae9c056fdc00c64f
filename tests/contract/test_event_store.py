"""Events in every store: each once, newest first, cleared and taken back once, and never more than so many."""

from dataclasses import replace
from pathlib import Path

import pytest

from llmgateway.domain.event import MAX_TEXT, EventKind, EventSeverity, GatewayEvent
from llmgateway.ports import events as port
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.store import Store
from llmgateway.store import sqlite_events
from llmgateway.store.salvage import salvage
from llmgateway.store.sqlite import SqliteStore

ALL = WantedEvents()


def event(number: int, **changes: object) -> GatewayEvent:
    made = GatewayEvent(
        f"e{number}", float(number), EventKind.DRIFT, "drifted", EventSeverity.ALARM, "refusals rose", route="support"
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # names of fields


async def test_an_event_comes_back_as_it_went_in(store: Store) -> None:
    whole = event(
        1,
        text="look\0here",
        version="v2",
        backend="one",
        figures={"psi": 0.3, "bins": [1, 2]},
        undo={"do": "heal", "backend": "one"},
    )
    plain = event(2, route=None, text="x" * (MAX_TEXT + 1))
    assert await store.add_events([whole, plain]) == [whole, plain]
    assert await store.event("e1") == replace(whole, text="look\\u0000here")
    assert await store.event("e2") == replace(plain, text="x" * MAX_TEXT)
    assert await store.event("nothing") is None


async def test_what_is_written_twice_is_one_event(store: Store) -> None:
    first, again = event(1), event(1, at=9.0)
    assert await store.add_events([first]) == [first]
    assert await store.add_events([again, event(2)]) == [event(2)]
    assert await store.events(ALL, limit=10) == [event(2), first]


async def test_those_of_one_moment_keep_the_order_in_which_they_were_added(store: Store) -> None:
    """Moves of a rollout may come at one moment, and the tenth is no earlier than the ninth."""
    ids = [f"rollout-6ab1-{revision}" for revision in (8, 9, 10, 11)]
    moves = [event(1, id=each, at=5.0) for each in ids]
    await store.add_events(moves[:2])
    await store.add_events([event(2, id="backend-one-5", at=5.0), event(3, at=4.0), *moves[2:]])
    expected = [*ids[:1:-1], "backend-one-5", *ids[1::-1], "e3"]
    assert [each.id for each in await store.events(ALL, limit=10)] == expected
    paged, before = [], None
    while page := await store.events(ALL, limit=2, before=before):
        paged += [each.id for each in page]
        before = page[-1].id
    assert paged == expected


async def test_pages_of_what_is_wanted_the_newest_first(store: Store) -> None:
    same_time = [event(number, at=5.0) for number in range(3)]
    others = [
        event(6, kind=EventKind.BACKEND, severity=EventSeverity.INFO),
        event(7, route="other"),
        event(8, severity=EventSeverity.WARNING),
    ]
    await store.add_events([*same_time, *others])
    every = [*reversed(others), *reversed(same_time)]
    assert await store.events(ALL, limit=10) == every
    assert await store.events(ALL, limit=2, before=every[2].id) == every[3:5]
    assert await store.events(ALL, limit=10, before="nothing") == []
    for wanted, found in [
        (WantedEvents(kind=EventKind.BACKEND), [others[0]]),
        (WantedEvents(severity=EventSeverity.WARNING), [others[2]]),
        (WantedEvents(route="other"), [others[1]]),
        (WantedEvents(since=7.0), [others[2], others[1]]),
        (WantedEvents(until=6.0), every[3:]),
        (WantedEvents(is_open=True), [others[1], *every[3:]]),
    ]:
        assert await store.events(wanted, limit=10) == found


async def test_an_alarm_clears_once_and_nothing_else_does(store: Store) -> None:
    await store.add_events([event(1), event(2, severity=EventSeverity.INFO)])
    assert await store.clear_event("e1", 9.0)
    assert not await store.clear_event("e1", 10.0)
    assert not await store.clear_event("e2", 9.0)
    assert await store.event("e1") == event(1, cleared_at=9.0)
    assert await store.events(WantedEvents(is_open=True), limit=10) == []


async def test_an_event_is_taken_back_once(store: Store) -> None:
    await store.add_events([event(1)])
    assert await store.note_undone("e1", "ann", 9.0)
    assert not await store.note_undone("e1", "bob", 10.0)
    assert not await store.note_undone("nothing", "bob", 10.0)
    assert await store.event("e1") == event(1, undone_at=9.0, undone_by="ann")


async def test_the_oldest_go_when_there_are_too_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sqlite_events.MAX_EVENTS == port.MAX_EVENTS
    monkeypatch.setattr(sqlite_events, "MAX_EVENTS", 3)
    await store.add_events([event(number) for number in range(5)])
    assert await store.events(ALL, limit=10) == [event(4), event(3), event(2)]


async def test_what_can_be_read_of_a_damaged_store_has_events(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    await store.add_events([event(1)])
    await store.close()
    salvage(tmp_path / "store.sqlite3", tmp_path / "fresh.sqlite3")
    fresh = SqliteStore(tmp_path / "fresh.sqlite3")
    await fresh.open()
    assert await fresh.events(ALL, limit=10) == [event(1)]
    await fresh.close()
