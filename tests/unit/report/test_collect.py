"""A report out of a store: everything that is in it of one time and one route, and nothing else."""

from dataclasses import replace

import pytest
from tests.support.exchanges import ExchangeFactory, verdict
from tests.support.reports import DAY, concern, event, move, record

from llmgateway.domain.event import EventKind
from llmgateway.domain.review import Item, Reason
from llmgateway.domain.score import DataType, Score, SourceKind
from llmgateway.ports.generations import Generation, SeenVersion
from llmgateway.ports.rollouts import ApprovalRecord
from llmgateway.report import collect
from llmgateway.report.collect import report
from llmgateway.report.figures import Share
from llmgateway.report.wanted import WantedReport
from llmgateway.store.sqlite import SqliteStore

START = 1_700_000_000.0
END = START + DAY


@pytest.fixture
async def store(tmp_path):
    """A day of two routes with something of everything, and an hour before it that is not asked for."""
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    make = ExchangeFactory(start=START - 3_600)
    early = make.entries(5)
    make.clock.advance(3_700)
    day = [
        *make.entries(3, verdicts=[verdict()]),
        *make.entries(9, route="chat"),
        make.entry(route=None, status=404, end="refused"),
    ]
    await store.append([*early, *day], [], [], None)
    row = day[0].row
    for number, at in enumerate((START - 9, START + 9)):
        await store.add_score(
            Score(f"s{number}", at, f"n{number}", DataType.BOOL, True, SourceKind.USER, "app", exchange_id=row["id"])
        )
    for number, at in enumerate((START - 9, START + 9, END + 9), 1):
        text = Generation(number, at, "ann", "why", "", "x")
        await store.add_generation(text, [SeenVersion("support", "v1", "c0ffee", START - 99, 1)] if number == 1 else [])
    await store.add_rollout(record(created_at=START + 10, state="canary", revision=0, filed=None))
    await store.move_rollout(
        record(created_at=START + 10, state="canary", revision=1, filed=None), move(1, at=START + 11)
    )
    await store.approve_rollout(ApprovalRecord("r1", "eve", "c0ffee", "e", START + 12))
    await store.add_events([
        event(1, at=START + 1), event(2, at=START - 1), event(3, at=START + 2, route="chat"),
        event(4, at=START + 3, route=None, kind=EventKind.BACKEND),
    ])  # fmt: skip
    await store.add_concern(concern(1, at=START + 5))
    await store.add_concern(concern(2, at=START + 5, route="chat"))
    await store.add_items([Item("i1", "default", row["id"], Reason.REPORTED, START + 6, "answer", 1)], max_waiting=9)
    yield store
    await store.close()


def wanted(route=None, until=END):
    return WantedReport(START, until, END, route)


async def test_one_route_has_everything_of_its_time_and_nothing_else(store):
    found = await report(store, wanted("support"))
    (route,) = found.routes
    assert route.service.available == Share(3, 3)
    assert route.service.versions[0].content == "c0ffee"
    assert [line.name for line in route.quality.lines] == ["n1"]
    assert route.findings.lines[0].exchanges == 3
    assert [(story.id, [each.at for each in story.moves]) for story in route.rollouts] == [("r1", [START + 11])]
    assert route.rollouts[0].approvals[0].by == "eve"
    assert [each.id for each in route.events.told] == ["e1"]
    assert [each.id for each in route.concerns.told] == ["c1"]
    assert route.reviews.by_reason == {"reported": {"open": 1}}
    assert [each.id for each in found.events.told] == ["e4"]
    assert [each.number for each in found.changes.heads.told] == [2]


async def test_all_routes_are_told_the_busiest_first_and_what_named_none_is_counted(store):
    found = await report(store, wanted())
    assert [each.route for each in found.routes] == ["chat", "support"]
    assert [each.id for each in found.routes[0].events.told] == ["e3"]
    assert found.homeless == 1
    assert found.routes_left_out == 0


async def test_routes_beyond_the_bound_are_counted(store, monkeypatch):
    monkeypatch.setattr(collect, "MAX_ROUTES", 1)
    found = await report(store, wanted())
    assert [each.route for each in found.routes] == ["chat"]
    assert found.routes_left_out == 1


async def test_events_are_told_as_they_happened_those_of_one_moment_too(store, monkeypatch):
    """The gateway has written them one after the other: nine, ten, and what the tenth move led to."""
    ids = ["rollout-6ab1-9", "rollout-6ab1-10", "backend-one-6ab1"]
    await store.add_events([event(1, id=each, at=START + 7.25) for each in ids])
    told = (await report(store, wanted("support"))).routes[0].events
    assert [each.id for each in told.told] == ["e1", *ids]
    monkeypatch.setattr(collect, "MAX_EVENTS", 2)
    fewer = (await report(store, wanted("support"))).routes[0].events
    assert ([each.id for each in fewer.told], fewer.left_out) == (ids[1:], 2)


async def test_pages_of_events_and_changes_are_gone_through(store, monkeypatch):
    monkeypatch.setattr(collect, "PAGE", 1)
    found = await report(store, wanted())
    assert [each.id for each in found.events.told] == ["e4"]
    assert [each.number for each in found.changes.heads.told] == [2]
    monkeypatch.setattr(collect, "LOOKS", 1)
    assert (await report(store, wanted())).changes.heads.told == []


async def test_an_end_in_the_past_is_kept_to(store):
    found = await report(store, wanted("support", until=START + 4))
    assert found.routes[0].service.exchanges == 0
    assert found.routes[0].rollouts == []
    assert [each.id for each in found.routes[0].events.told] == ["e1"]


async def test_what_is_too_much_to_count_is_said(store, monkeypatch):
    assert not (await report(store, wanted())).is_cut
    monkeypatch.setattr(collect, "MAX_GROUPS", 1)
    assert (await report(store, wanted())).is_cut


async def test_it_says_what_it_looks_at(store):
    steps = []
    await report(store, wanted("support"), steps.append)
    assert steps[0] == "the log"
    assert "route support" in steps


async def test_a_store_with_nothing_in_it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    found = await report(store, wanted())
    assert (found.routes, found.homeless, found.kept.oldest_at) == ([], 0, None)
    assert (await report(store, replace(wanted(), route="chat"))).routes[0].service.exchanges == 0
    await store.close()
