"""Drift watch over a real store: fed by commits, caught up after a kill, told as events, bounded, and turned off."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.spoken import SAID, reply

from llmgateway.config.drift import Drift, DriftFeature, DriftSignal
from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.controlplane.drift import watch as module
from llmgateway.controlplane.drift.eras import MAX_VERSIONS
from llmgateway.controlplane.drift.watch import DriftWatch
from llmgateway.controlplane.labels import Labels
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.states import StateOf
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.store.sqlite import SqliteStore
from llmgateway.wire.jsoncodec import encode

SETTINGS = Drift(reference=1_000, comparison=500)
OPEN = WantedEvents(kind=EventKind.DRIFT, is_open=True)


def snapshot(generation=1, settings=SETTINGS, **ids: str) -> Snapshot:
    names = ids or {"v1": "aaa", "v2": "bbb"}
    versions = tuple(Version(name, each, ()) for name, each in names.items())
    return Snapshot(generation, drift=settings, routes={"support": Route("support", versions)})


class Sink:
    """Events as they are told."""

    def __init__(self) -> None:
        self.noted: list[GatewayEvent] = []
        self.cleared: list[str] = []

    def note(self, event: GatewayEvent) -> None:
        self.noted.append(event)

    def clear(self, event_id: str, at: float) -> None:
        assert at > 0
        self.cleared.append(event_id)


class Fed:
    """A store, and whoever watches what is brought into it; `killed` is another one in its place."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.make, self.sink = store, ExchangeFactory(), Sink()
        self.snapshot = snapshot()
        self.offered: list[Any] = []
        self.watch = self.begin()

    def begin(self) -> DriftWatch:
        return DriftWatch(self.store, self.snapshot, self.sink, self.make.clock, offer=self.offered.append)

    async def killed(self) -> None:
        self.watch = self.begin()
        await self.watch.settle()

    async def ingest(self, count: int, *, is_heard: bool = True, seed: int = 1, **changes: Any) -> None:
        """`count` exchanges in commits of up to a hundred; `refusals`: a share of them."""
        rng, refusals = random.Random(seed), changes.pop("refusals", 0.0)
        while count > 0:
            entries = self.make.entries(min(count, 100), **changes)
            for entry in entries:
                entry.row["finish_reason"] = "refusal" if rng.random() < refusals else "stop"
                entry.bodies = ()
            await self.store.append(entries, [], [], None)
            if is_heard:
                self.watch.came([entry.row for entry in entries])
            count -= 100

    async def speak(self, count: int, language: str, *, is_heard: bool = True) -> None:
        """`count` exchanges whose answers are in that language, and looked into now and then."""
        for _ in range(0, count, 100):
            entries = self.make.entries(100, finish_reason="stop")
            for entry in entries:
                entry.bodies = (reply(SAID[language]),)
            await self.store.append(entries, [], [], None)
            if is_heard:
                self.watch.came([entry.row for entry in entries])
                await self.watch.settle()

    def state(self) -> dict[str, Any]:
        assert self.watch.books is not None
        return self.watch.books.state()

    async def line(self, version: str = "v1") -> dict[str, Any]:
        (found,) = [each for each in (await self.watch.status())["versions"] if each["version"] == version]
        return found


@pytest.fixture
async def fed(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield Fed(store)
    await store.close()


async def test_what_was_there_before_anybody_watched_is_not_looked_at(fed):
    await fed.ingest(300, is_heard=False)
    await fed.watch.settle()
    assert (await fed.line())["exchanges"] == 0
    await fed.ingest(200)
    assert (await fed.line())["exchanges"] == 200


async def test_a_share_that_rises_is_an_alarm_with_figures_and_a_way_back(fed):
    await fed.watch.settle()
    await fed.ingest(2_000, refusals=0.02)
    assert fed.sink.noted == []
    await fed.ingest(400, refusals=0.3)
    (event,) = [each for each in fed.sink.noted if each.severity is EventSeverity.ALARM]
    assert (event.kind, event.action, event.route, event.version) == (EventKind.DRIFT, "risen", "support", "v1")
    assert event.text.startswith("More refusals of version v1 of route support: ")
    assert event.figures["signal"] == "refusal"
    assert event.figures["bad"] / event.figures["events"] > event.figures["reference"]
    assert fed.offered == [event.figures["exchanges"]]
    assert len(event.figures["exchanges"]) == 5
    exemplar = await fed.store.exchange(event.figures["exchanges"][-1])
    assert exemplar["finish_reason"] == "refusal"
    assert event.undo == {"act": "drift.reset", "route": "support", "version": "v1", "id": "aaa"}
    line = next(each for each in (await fed.line())["signals"] if each["name"] == "refusal")
    assert (line["state"], line["event"], line["text"]) == ("alarm", event.id, event.text)
    assert line["score"] >= 1
    await fed.ingest(3_000, refusals=0.02)
    await fed.watch.settle()
    assert event.id in fed.sink.cleared


async def test_answers_in_another_language_are_a_warning_also_after_a_kill(fed):
    await fed.watch.settle()
    await fed.speak(2_000, "en")
    await fed.watch.settle()
    await fed.killed()
    await fed.speak(1_000, "en")
    await fed.watch.settle()
    assert fed.sink.noted == []
    await fed.speak(1_000, "de", is_heard=False)
    await fed.killed()
    await fed.speak(1_000, "de")
    (event,) = fed.sink.noted
    assert (event.severity, event.figures["signal"]) == (EventSeverity.WARNING, "language")
    assert "the languages of answers" in event.text
    line = next(each for each in (await fed.line())["features"] if each["name"] == "language")
    assert (line["state"], line["event"]) == ("moved", event.id)


async def test_of_each_version_one_answer_in_eight_is_read_in_whatever_order_they_come(fed):
    await fed.watch.settle()
    rows = []
    for _ in range(40):  # each is followed by its copy, as under a shadow: every other row
        copied = fed.make.entry(finish_reason="stop")
        rows += [copied, fed.make.entry(finish_reason="stop", shadow_of=copied.row["id"])]
    await fed.store.append(rows, [], [], None)
    fed.watch.came([each.row for each in rows])
    assert len(fed.watch.books.languages) == 5
    left = fed.make.entries(20, end="client_closed", status=499)
    await fed.store.append(left, [], [], None)
    fed.watch.came([each.row for each in left])
    assert len(fed.watch.books.languages) == 5


async def test_nobody_reads_what_nobody_wants_to_know(fed, monkeypatch):
    fed.snapshot = snapshot(settings=replace(SETTINGS, features=SETTINGS.features - {DriftFeature.LANGUAGE}))
    fed.watch = fed.begin()
    monkeypatch.setattr(SqliteStore, "bodies", None)
    await fed.watch.settle()
    await fed.speak(200, "en")
    await fed.watch.settle()
    assert fed.state()["languages"] == []


async def test_a_distribution_that_moves_is_a_warning(fed):
    await fed.watch.settle()
    for number in range(20):
        await fed.ingest(100, input_tokens=100 + 10 * (number % 10))
    await fed.ingest(500, input_tokens=900)
    (event,) = fed.sink.noted
    assert (event.severity, event.action) == (EventSeverity.WARNING, "moved")
    assert "the length of prompts" in event.text
    assert event.figures["psi"] > event.figures["limit"]
    (line,) = [each for each in (await fed.line())["features"] if each["state"] == "moved"]
    assert line["name"] == "prompt_length"


async def test_each_version_has_a_watch_of_its_own(fed):
    await fed.watch.settle()
    await fed.ingest(300)
    await fed.ingest(100, assigned_version="v2", served_version="v2")
    await fed.ingest(100, assigned_version="v1", assigned_by="pin")
    await fed.ingest(100, assigned_version=None, route="support")
    await fed.ingest(100, route="elsewhere")
    assert [(await fed.line(name))["exchanges"] for name in ("v1", "v2")] == [300, 100]


@pytest.mark.parametrize("saved", [0, 500, 1_700, 2_600])
async def test_killed_at_any_moment_it_counts_each_exchange_once(tmp_path, saved):
    """The same traffic, with and without a kill `saved` exchanges in; what came in between was never heard of."""
    ends = []
    for lives in (1, 2):
        store = SqliteStore(tmp_path / f"{lives}.sqlite3")
        await store.open()
        fed = Fed(store)
        await fed.watch.settle()
        for part, refusals in enumerate((0.02,) * 20 + (0.25,) * 10):
            if lives == 2 and part == saved // 100:
                await fed.watch.settle()
            if lives == 2 and part == saved // 100 + 3:
                await fed.ingest(100, refusals=refusals, seed=part, is_heard=False)
                await fed.killed()
            else:
                await fed.ingest(100, refusals=refusals, seed=part)
        await fed.watch.settle()
        ends.append((fed.state()["watched"], fed.state()["cursor"], fed.state()["alarms"]))
        await store.close()
        told = {each.id for each in fed.sink.noted}
        ends[-1] += (len(told),)
    assert ends[0][1:] == ends[1][1:]
    assert ends[0][3] >= 1
    (one, two) = ([_rounded(each) for each in end[0]] for end in ends)
    assert one == two


def _rounded(entry: list[Any]) -> Any:
    """Without what is of the run: ids of exchanges and times are in no state, but in events."""
    watched = entry[-1]
    for each in (*watched["signals"].values(), *watched["features"].values()):
        each.pop("alarm", None)
        each.pop("warning", None)
        each.pop("exchanges", None)
        each["watch"] = [round(number, 9) for number in each.get("watch") or ()]
    return entry


async def test_what_is_told_again_after_a_kill_is_the_same_event(fed):
    await fed.watch.settle()
    await fed.ingest(2_000, refusals=0.02)
    await fed.watch.settle()
    await fed.ingest(300, refusals=0.4)  # not saved
    before = [each.id for each in fed.sink.noted]
    await fed.killed()
    assert before
    assert [each.id for each in fed.sink.noted] == before * 2
    await fed.killed()  # saved now, and told in case it never got into the store
    assert [each.id for each in fed.sink.noted] == before * 3


async def test_alarms_that_nobody_closed_are_closed_at_the_next_start(fed):
    orphan = GatewayEvent("drift-x", 1.0, EventKind.DRIFT, "risen", EventSeverity.ALARM, "of a state that is gone")
    other = replace(orphan, id="rollout-x", kind=EventKind.ROLLOUT)
    await fed.store.add_events([orphan, other])
    await fed.watch.settle()
    await fed.watch.settle()
    assert fed.sink.cleared == ["drift-x"]


async def test_commits_that_were_not_heard_of_are_read_from_the_store(fed):
    await fed.watch.settle()
    await fed.ingest(100)
    await fed.ingest(100, is_heard=False)
    await fed.ingest(100)
    await fed.watch.settle()
    assert (await fed.line())["exchanges"] == 300
    await fed.ingest(100)
    assert (await fed.line())["exchanges"] == 400


async def test_what_is_committed_while_it_catches_up_is_counted_once(fed, monkeypatch):
    await fed.watch.settle()
    await fed.ingest(100, is_heard=False)
    real, commits = fed.store.since_seq, iter([100, 60])

    async def meanwhile(wanted, **options):
        rows = await real(wanted, **options)
        await fed.ingest(next(commits, 0))
        return rows

    monkeypatch.setattr(fed.store, "since_seq", meanwhile)
    await fed.ingest(100)  # there is a gap
    await fed.watch.settle()
    await fed.ingest(40)
    assert (await fed.line())["exchanges"] == 400


async def test_turned_off_while_it_catches_up_it_begins_anew_afterwards(fed, monkeypatch):
    await fed.watch.settle()
    await fed.ingest(100, is_heard=False)
    real = fed.store.since_seq

    async def turned_off(wanted, **options):
        fed.watch.configure(snapshot(2, Drift(signals=frozenset(), features=frozenset())))
        return await real(wanted, **options)

    monkeypatch.setattr(fed.store, "since_seq", turned_off)
    await fed.ingest(100)
    await fed.watch.settle()
    monkeypatch.setattr(fed.store, "since_seq", real)
    await fed.ingest(100)
    fed.watch.configure(snapshot(3))
    await fed.watch.settle()
    await fed.ingest(20)
    assert (await fed.line())["exchanges"] == 20


async def test_of_a_long_backlog_the_newest_are_counted(fed, monkeypatch, caplog):
    await fed.watch.settle()
    monkeypatch.setattr(module, "MAX_BACKLOG", 250)
    monkeypatch.setattr(module, "BATCH", 100)
    await fed.ingest(700, is_heard=False)
    await fed.killed()
    assert (await fed.line())["exchanges"] == 250
    assert "450 oldest" in caplog.text


async def test_another_content_under_the_same_name_begins_anew_and_late_rows_are_the_old_ones(fed):
    await fed.watch.settle()
    await fed.ingest(1_100)
    fed.watch.configure(snapshot(2, v1="ccc", v2="bbb"))
    assert (await fed.line())["id"] == "ccc"
    await fed.ingest(100, generation=1)
    await fed.ingest(100, generation=2)
    assert (await fed.line())["exchanges"] == 100
    (old,) = [each[-1] for each in fed.state()["watched"] if each[2] == "aaa"]
    assert old["asked"] == 1_200


async def test_a_version_that_is_gone_is_forgotten_and_its_alarm_over(fed):
    await fed.watch.settle()
    await fed.ingest(1_000)
    await fed.ingest(100, refusals=1.0)
    alarm = fed.sink.noted[0].id
    for generation in range(2, 8):
        fed.watch.configure(snapshot(generation, **{f"w{generation}": str(generation)}))
    assert fed.sink.cleared == [alarm]
    assert len(fed.state()["watched"]) == 4


async def test_a_new_reference_ends_the_alarms_of_the_old_one(fed):
    await fed.watch.settle()
    await fed.ingest(1_000)
    await fed.ingest(100, refusals=1.0)
    alarm = fed.sink.noted[0].id
    assert [each.version for each in await fed.watch.begin_anew("support", "v1", "ann")] == ["v1"]
    assert fed.sink.cleared == [alarm]
    assert (await fed.line())["state"] == "learning"
    await fed.killed()
    assert (await fed.line())["exchanges"] == 0
    assert [each.version for each in await fed.watch.begin_anew("support", None, "ann")] == ["v1", "v2"]
    assert await fed.watch.begin_anew("elsewhere", None, "ann") == []
    assert await fed.watch.begin_anew("support", "v1", "ann", "another content") == []
    assert [each.id for each in await fed.watch.begin_anew("support", "v1", "ann", "aaa")] == ["aaa"]


async def test_off_it_does_nothing_and_begins_anew_afterwards(fed):
    await fed.watch.settle()
    await fed.ingest(1_000)
    await fed.ingest(100, refusals=1.0)
    off = Drift(signals=frozenset(), features=frozenset())
    fed.watch.configure(snapshot(2, off))
    assert fed.sink.cleared == [fed.sink.noted[0].id]
    assert fed.watch.books is None
    assert fed.watch.figures(Labels()) is None
    assert not (await fed.watch.status())["is_on"]
    await fed.ingest(200)
    await fed.watch.settle()
    fed.watch.configure(snapshot(3))
    await fed.watch.settle()
    assert (await fed.line())["exchanges"] == 0
    await fed.ingest(50)
    assert (await fed.line())["exchanges"] == 50


async def test_a_signal_that_is_watched_no_more_ends_its_alarm_and_raises_none(fed):
    await fed.watch.settle()
    await fed.ingest(1_000)
    await fed.ingest(100, refusals=1.0)
    noted = list(fed.sink.noted)
    only = replace(SETTINGS, signals=frozenset({DriftSignal.ERROR}), features=frozenset())
    fed.watch.configure(snapshot(2, only))
    assert fed.sink.cleared == [noted[0].id]
    await fed.ingest(700, refusals=1.0)
    assert fed.sink.noted == noted


async def test_versions_beyond_the_bound_are_counted(fed):
    fed.watch.configure(snapshot(2, **{f"v{number}": str(number) for number in range(MAX_VERSIONS + 7)}))
    found = await fed.watch.status()
    assert (len(found["versions"]), found["left_out"]) == (MAX_VERSIONS, 7)


async def test_figures_for_metrics(fed):
    await fed.watch.settle()
    await fed.ingest(1_000)
    await fed.ingest(100, refusals=1.0)
    found = fed.watch.figures(Labels({"support": ("v1", "v2")}))
    assert dict(found.scores)["support", "refusal"] >= 1
    assert dict(found.scores)["support", "error"] == 0
    assert dict(found.alarms) == {("support", name): int(name == "refusal") for name in dict.fromkeys(_names())}
    assert dict(fed.watch.figures(Labels()).alarms)["other", "refusal"] == 1


def _names():
    return [*SETTINGS.signals, *SETTINGS.features]


async def test_rows_that_cannot_be_read_stop_nothing(fed):
    await fed.watch.settle()
    await fed.ingest(100)
    rows = [fed.make.row(seq=101, input_tokens="many", finish_reason=["stop"]), fed.make.row(seq=102)]
    fed.watch.came(rows)
    assert (await fed.watch.status())["unreadable"] == 1
    assert (await fed.line())["exchanges"] >= 101


@pytest.mark.parametrize(
    "state", [{}, {"format": 2}, {"format": 1, "cursor": 1, "eras": 3}, {"format": 1, "watched": []}, []]
)
async def test_a_state_that_cannot_be_read_begins_anew(fed, state, caplog):
    await fed.store.save_state(StateOf.DRIFT, encode(state))
    await fed.watch.settle()
    await fed.ingest(10)
    assert (await fed.line())["exchanges"] == 100 or (await fed.line())["exchanges"] == 10
    assert "begins anew" in caplog.text


async def test_a_store_that_is_away_is_waited_for(fed, monkeypatch, caplog):
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.0)
    failures = 3
    real = fed.store.saved_state

    async def away(whose):
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreUnavailableError("locked")
        return await real(whose)

    monkeypatch.setattr(fed.store, "saved_state", away)
    task = asyncio.ensure_future(fed.watch.run())
    try:
        async with asyncio.timeout(20):
            while fed.watch.books is None or fed.watch.waiting.error is not None:
                await asyncio.sleep(0)
        assert caplog.text.count("waits for the store") == 1
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_it_saves_what_came_and_sleeps_when_nothing_comes(fed, monkeypatch):
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.0)
    saves, real = [], fed.store.save_state

    async def counted(whose, state):
        await real(whose, state)
        saves.append(state)

    monkeypatch.setattr(fed.store, "save_state", counted)
    task = asyncio.ensure_future(fed.watch.run())
    try:
        async with asyncio.timeout(20):
            while not saves:
                await asyncio.sleep(0)
            before = len(saves)
            await fed.ingest(100)
            while (await fed.store.saved_state(StateOf.DRIFT))["cursor"] != 100:
                await asyncio.sleep(0.01)
        assert len(saves) <= before + 2
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
