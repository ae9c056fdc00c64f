"""What every store counts for reports: each exchange once, in its period, and nothing of what is not asked for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import ExchangeFactory, copy_of, verdict
from tests.support.stores import STORES

from llmgateway.domain.review import Item, Reason
from llmgateway.domain.score import DataType, Score, SourceKind
from llmgateway.ports.report import Found, Kept, Labelled, Reviewed, Took, Window
from llmgateway.ports.store import Entry, Row, Store
from llmgateway.store import sqlite_report

START = 1_700_000_000.0
ALL = Window(START, START + 1_000, START, 10.0)


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory(start=START)


def at(make: ExchangeFactory, seconds: float, **changes: Any) -> Entry:
    """An exchange that was received so long after the start."""
    make.clock.advance(START + seconds - make.clock.time())
    return make.entry(**changes)


async def append(store: Store, *entries: Entry) -> list[Row]:
    await store.append(entries, [], [], None)
    return [entry.row for entry in entries]


async def test_exchanges_are_counted_by_where_they_went_and_when(store: Store, make: ExchangeFactory) -> None:
    primary = at(make, 1)
    await append(
        store,
        primary,
        copy_of(primary, make),
        at(make, 2, cost_usd=None),
        at(make, 15, served_version="v2"),
        at(make, 15, assigned_by="pin", tags={"replay": "r1"}),
        at(make, 15, assigned_by="pin", tags={"other": "x"}),
        at(make, 25, route=None, status=404, end="refused", error_code="model_not_found", cost_usd=None),
    )
    found = {
        (each.period, each.route, each.served, each.error_code, each.is_replay): each
        for each in await store.report_traffic(ALL)
    }
    assert {key: (each.exchanges, each.priced, each.cost_usd) for key, each in found.items()} == {
        (0, "support", "v1", None, False): (2, 1, 0.25),
        (1, "support", "v2", None, False): (1, 1, 0.25),
        (1, "support", "v1", None, True): (1, 1, 0.25),
        (1, "support", "v1", None, False): (1, 1, 0.25),
        (2, None, "v1", "model_not_found", False): (1, 0, 0.0),
    }
    first = found[0, "support", "v1", None, False]
    assert (round(first.first_at - START), round(first.last_at - START)) == (1, 2)
    assert (first.assigned, first.end, first.status) == ("v1", "completed", 200)


async def test_the_window_is_kept_to(store: Store, make: ExchangeFactory) -> None:
    said = [verdict()]
    for seconds, route in ((1, "support"), (50, "support"), (50, "chat"), (99, "support")):
        await append(store, at(make, seconds, route=route, stream=True, first_token_s=0.1, verdicts=said))
    window = Window(START + 20, START + 90, START, 10.0, "support")
    for count in (
        store.report_traffic, store.report_durations, store.report_first_tokens, store.report_verdicts,
    ):  # fmt: skip
        for within, expected in ((ALL, 4), (replace(window, route=None), 2), (window, 1)):
            told = [each._asdict() for each in await count(within)]
            assert sum(each.get("exchanges", each.get("answers", 0)) for each in told) == expected
    (one,) = await store.report_traffic(window)
    assert (one.period, one.route) == (5, "support")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0001, 0.001), (0.0123, 0.012), (0.0996, 0.1), (0.1234, 0.12), (0.996, 1.0), (1.26, 1.3), (12.6, 13.0),
     (99.7, 100.0), (123.0, 120.0), (1e9, 50_000.0)],
)  # fmt: skip
async def test_durations_are_told_to_two_digits(
    store: Store, make: ExchangeFactory, seconds: float, told: float
) -> None:
    await append(store, at(make, 15, duration_s=seconds, stream=True, first_token_s=seconds))
    assert await store.report_durations(ALL) == [Took(1, told, "v1", "support", 1)]
    assert await store.report_first_tokens(ALL) == [Took(0, told, "v1", "support", 1)]


async def test_only_whole_answers_to_callers_have_a_duration(store: Store, make: ExchangeFactory) -> None:
    await append(
        store,
        at(make, 1),
        at(make, 1, status=502, end="upstream_error", error_code="upstream_error"),
        at(make, 1, status=404),
        at(make, 1, end="truncated"),
        at(make, 1, error_code="guardrail_blocked"),
        at(make, 1, duration_s=None),
        at(make, 1, assigned_by="pin", tags={"replay": "r1"}),
        at(make, 1, first_token_s=0.2),  # no stream: what is first is all
    )
    assert await store.report_durations(ALL) == [Took(0, 0.5, "v1", "support", 2)]
    assert await store.report_first_tokens(ALL) == []


async def test_findings_are_counted_by_guardrail_stage_kind_action_and_mode(
    store: Store, make: ExchangeFactory
) -> None:
    twice = verdict(count=2)
    await append(
        store,
        at(make, 1, verdicts=[twice, verdict(stage="reply", mode="observe", action="block")]),
        at(make, 2, verdicts=[twice]),
        at(make, 3),
    )
    assert await store.report_verdicts(ALL) == [
        Found("support", "credentials", "request", "secret.token", "redact", "enforce", 2, 4),
        Found("support", "credentials", "reply", "secret.token", "block", "observe", 1, 1),
    ]


def score(row: Row, kind: SourceKind, value: bool | float | str, **changes: Any) -> Score:
    data_type = {bool: DataType.BOOL, float: DataType.NUMBER, str: DataType.CATEGORY}[type(value)]
    source = "ann" if kind is SourceKind.HUMAN else "helpful-judge"
    made = Score(f"{row['id']}{kind}", row["at"] + 1, "helpful", data_type, value, kind, source, exchange_id=row["id"])
    return replace(made, **changes)


async def test_what_judges_and_people_say_of_the_same_is_told_as_a_table(store: Store, make: ExchangeFactory) -> None:
    rows = await append(store, *(at(make, number) for number in range(6)))
    for row, judge, person in zip(
        rows, (True, True, False, "good", 0.5, True), (True, False, False, "bad", 0.5, "yes"), strict=True
    ):
        await store.add_score(score(row, SourceKind.JUDGE, judge))
        await store.add_score(score(row, SourceKind.HUMAN, person))
    later = score(rows[1], SourceKind.HUMAN, True, id="later", at=START + 9, source_id="bob")
    await store.add_score(later)
    await store.add_score(score(rows[0], SourceKind.USER, True, id="nobody's"))
    found = await store.report_labelled(ALL)
    assert sorted(found) == [
        Labelled("support", "helpful", "helpful-judge", "0", "0", 1),
        Labelled("support", "helpful", "helpful-judge", "1", "1", 2),  # of several people the last counts
        Labelled("support", "helpful", "helpful-judge", "good", "bad", 1),
    ]
    other = await append(store, at(make, 8), at(make, 9))
    for row, run in zip(other, ("judge-a@1", "judge-a@2"), strict=True):
        await store.add_score(score(row, SourceKind.JUDGE, False, run=run))
        await store.add_score(score(row, SourceKind.HUMAN, False))
    found = await store.report_labelled(ALL)
    assert sorted(each.identity for each in found) == ["", "", "", "1", "2"], "who is told apart is not added up"
    assert await store.report_labelled(replace(ALL, until=START)) == []
    assert await store.report_labelled(replace(ALL, route="chat")) == []


async def test_items_of_the_queues_are_counted_by_reason_and_state(store: Store, make: ExchangeFactory) -> None:
    rows = await append(store, at(make, 1), at(make, 2), at(make, 3, route="chat"))
    items = [
        Item(f"i{number}", "default", row["id"], reason, START + number, "general", 1)
        for number, (row, reason) in enumerate(zip(rows, (Reason.RANDOM, Reason.RANDOM, Reason.REPORTED), strict=True))
    ]
    await store.add_items(items, max_waiting=10)
    both = [Reviewed("support", "random", "open", 2), Reviewed("chat", "reported", "open", 1)]
    assert await store.report_reviewed(ALL) == both
    assert await store.report_reviewed(replace(ALL, route="chat")) == both[1:]
    assert await store.report_reviewed(replace(ALL, since=START + 1, until=START + 2)) == [both[0]._replace(items=1)]


async def test_it_says_what_is_gone(store: Store, make: ExchangeFactory) -> None:
    assert await store.report_kept() == Kept(None, 0, None)
    bare = at(make, 1)
    bare.bodies = ()
    rows = await append(store, bare, at(make, 2), at(make, 3))
    assert await store.report_kept() == Kept(rows[0]["at"], 0, rows[1]["at"])
    await store.purge_exchanges(START + 1.5, limit=10)
    await store.purge_bodies(START + 2.5, limit=10)
    assert await store.report_kept() == Kept(rows[1]["at"], 1, rows[2]["at"])
    await store.purge_exchanges(None, limit=10)
    assert await store.report_kept() == Kept(None, 3, None)


async def test_there_are_never_more_than_so_many_groups(
    store: Store, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(store, at(make, 1), at(make, 2), at(make, 15))
    assert f"LIMIT {sqlite_report.MAX_GROUPS}" in sqlite_report._TRAFFIC
    monkeypatch.setattr(sqlite_report, "_TRAFFIC", sqlite_report._TRAFFIC.replace("LIMIT 50000", "LIMIT 1"))
    (most,) = await store.report_traffic(ALL)
    assert most.exchanges == 2, "the largest is told"


async def test_one_route_is_found_by_its_index(tmp_path: Path) -> None:
    store = STORES["sqlite"](tmp_path)
    await store.open()

    def plan(connection: Any) -> str:
        sql = sqlite_report._DURATIONS.replace(sqlite_report._ROUTE, 'AND e."route" = :route')
        values = sqlite_report._values(replace(ALL, route="support"))
        return " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))

    assert "exchange_route" in await store._read(plan)  # type: ignore[attr-defined]  # SQLite's own
    await store.close()
