"""A version whose backend answers as somebody else is a warning, once for each other that it has been."""

from dataclasses import replace

import pytest
from tests.support.control import attempt, row

from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.controlplane import fingerprints as module
from llmgateway.controlplane.events import Events
from llmgateway.controlplane.fingerprints import MAX_LENGTH, MAX_VALUES, Fingerprints, Key, Known
from llmgateway.domain.event import EventKind, EventSeverity
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.store.sqlite import SqliteStore

CHAT = Route("chat", (Version("v1", "id-1", (), model="gpt"), Version("v2", "id-2", (), model="gpt-next")))
ANY = Route("any", (Version("pass", "id-3", ()),))
SNAPSHOT = Snapshot(3, routes={"chat": CHAT, "any": ANY})


class Setting:
    def __init__(self, store):
        self.store = store
        self.restart()

    def restart(self):
        """As a control that was killed is followed by another one."""
        self.events = Events(self.store)
        self.watch = Fingerprints(self.store, self.events, SNAPSHOT)

    async def answered(self, *fingerprints, model="gpt-2025", backend="one", **changes):
        given = {"generation": 3, "response_model": model, "attempts": [attempt(backend=backend)]} | changes
        self.watch.came([row(number, fingerprint=each, **given) for number, each in enumerate(fingerprints)])
        await self.watch.save()
        await self.events.write()

    async def told(self):
        found = await self.store.events(WantedEvents(kind=EventKind.FINGERPRINT), limit=100)
        return [(each.version, each.backend, each.figures["value"]) for each in reversed(found)]


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    setting = Setting(store)
    await setting.watch.save()
    yield setting
    await store.close()


async def test_the_first_that_is_seen_is_no_event_and_another_one_is(it):
    await it.answered("fp_a", "fp_a", "fp_a")
    assert await it.told() == []
    await it.answered("fp_b")
    assert await it.told() == [("v1", "one", "fp_b")]
    (event,) = await it.store.events(WantedEvents(), limit=9)
    assert (event.severity, event.route, event.action) == (EventSeverity.WARNING, "chat", "changed")
    assert event.text == (
        "The backend one answers with the fingerprint fp_b now, and until now with the fingerprint fp_a; "
        "the version v1 is the same."
    )
    assert event.figures["known"] == ["fp_a"]


async def test_another_model_is_an_event_though_the_fingerprint_is_none(it):
    await it.answered(None)
    await it.answered(None, model="gpt-2026")
    assert await it.told() == [("v1", "one", "gpt-2026")]


async def test_answers_that_say_nothing_of_themselves_are_passed_over(it):
    await it.answered("fp_a")
    await it.answered(None, model=None)
    await it.answered("", model="")
    assert await it.told() == []


async def test_what_was_known_once_is_known(it):
    await it.answered("fp_a", "fp_b", "fp_a", "fp_b")
    assert await it.told() == [("v1", "one", "fp_b")]


async def test_what_is_known_outlives_a_restart(it):
    await it.answered("fp_a")
    it.restart()
    await it.watch.save()
    await it.answered("fp_a")
    assert await it.told() == []
    await it.answered("fp_b")
    it.restart()
    await it.watch.save()
    await it.answered("fp_b", "fp_a")
    assert await it.told() == [("v1", "one", "fp_b")]


async def test_killed_before_it_was_saved_it_is_seen_again_and_is_the_same_event(it):
    await it.answered("fp_a")
    it.watch.came([row(9, generation=3, fingerprint="fp_b", attempts=[attempt(backend="one")])])
    await it.events.write()
    it.restart()
    await it.watch.save()
    await it.answered("fp_b")
    assert await it.told() == [("v1", "one", "fp_b")]


async def test_each_backend_and_each_version_is_somebody_of_its_own(it):
    await it.answered("fp_a", backend="one")
    await it.answered("fp_b", backend="two")
    await it.answered("fp_c", served_version="v2")
    assert await it.told() == []
    await it.answered("fp_b", backend="one")
    assert await it.told() == [("v1", "one", "fp_b")]


async def test_of_several_attempts_the_one_that_answered_counts(it):
    attempts = [attempt(backend="two", result="upstream_error"), attempt(backend="one")]
    await it.answered("fp_a", attempts=attempts)
    await it.answered("fp_b", attempts=attempts)
    await it.answered("fp_c", attempts=[attempt(backend="two", result="upstream_error")])
    assert await it.told() == [("v1", "one", "fp_b")]


async def test_where_the_caller_names_the_model_each_name_is_its_own(it):
    for asked in ("gpt", "claude", "gpt"):
        await it.answered(None, model=f"{asked}-2025", route="any", served_version="pass", request_model=asked)
    assert await it.told() == []
    await it.answered(None, model="gpt-2026", route="any", served_version="pass", request_model="gpt")
    assert await it.told() == [("pass", "one", "gpt-2026")]


async def test_another_configurations_exchanges_say_nothing_of_these_versions(it):
    await it.answered("fp_a")
    await it.answered("fp_b", generation=2)
    changed = replace(CHAT, versions=(Version("v1", "id-9", (), model="gpt-5"),))
    it.watch.configure(Snapshot(4, routes={"chat": changed}))
    await it.answered("fp_b", generation=3)
    await it.answered("fp_c", generation=4)
    assert await it.told() == [], "under another id it is another version"
    await it.answered("fp_d", generation=4)
    assert await it.told() == [("v1", "one", "fp_d")]


async def test_one_that_changes_all_the_time_is_told_so_many_times_and_no_more(it):
    await it.answered(*(f"fp_{number}" for number in range(MAX_VALUES + 5)))
    assert len(await it.told()) == MAX_VALUES - 1
    texts = [each.text for each in await it.store.events(WantedEvents(), limit=50)]
    assert sum("Further changes of it are not told." in text for text in texts) == 1


async def test_a_value_has_a_length(it):
    await it.answered("x" * 10_000, "y" * 10_000)
    assert [len(each.value) for each in await it.store.fingerprints() if each.facet == "fingerprint"] == [
        MAX_LENGTH
    ] * 2


async def test_before_the_store_has_been_read_nothing_is_concluded(tmp_path):
    it = Setting(SqliteStore(tmp_path / "store.sqlite3"))
    it.watch.came([row(1, generation=3, fingerprint="fp_a")])
    assert len(it.watch._waiting) == 0
    await it.answered("fp_b")
    assert await it.told() == []
    await it.store.close()


async def test_a_store_that_is_away_is_waited_for(it, monkeypatch):
    async def away(_):
        raise StoreUnavailableError("locked")

    monkeypatch.setattr(it.store, "add_fingerprints", away)
    with pytest.raises(StoreUnavailableError):
        await it.answered("fp_a")
    monkeypatch.undo()
    await it.watch.save()
    assert [each.value for each in await it.store.fingerprints()] == ["gpt-2025", "fp_a"]


def test_what_is_known_is_bounded_and_the_first_is_forgotten(monkeypatch):
    monkeypatch.setattr(module, "MAX_KEYS", 2)
    known, keys = Known(), [Key("id", "one", str(number), "model") for number in range(3)]
    for key in keys:
        assert known.learn(key, "a") == ()
    assert len(known) == 2
    assert known.learn(keys[1], "a") is None
    assert known.learn(keys[0], "b") == (), "forgotten: it is the first again"
