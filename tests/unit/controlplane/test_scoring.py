"""Scores find their exchanges: in whatever order they come, whoever dies meanwhile, once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import judgement, score

from llmgateway.config.snapshot import Bodies, Journal, Route, Scores, Snapshot
from llmgateway.controlplane import scoring as module
from llmgateway.controlplane.feedbackfigures import MAX_NAMES, FeedbackFigures
from llmgateway.controlplane.labels import Labels
from llmgateway.controlplane.scoring import Scoring, judged, silent_routes
from llmgateway.domain.score import DataType, Reason, Score, State
from llmgateway.ports.scores import Cursor, Placement, Target, WantedScores
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.store import sqlite_scores
from llmgateway.store.sqlite import SqliteStore

LABELS = Labels({"support": ("v1", "v2")})
ALL = WantedScores(every=True)
HERE = Target(7, "x", "team-a", "support", "v1")


@pytest.fixture
def make() -> ExchangeFactory:
    return ExchangeFactory()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield store
    await store.close()


def scoring(store: SqliteStore, make: ExchangeFactory, *, bodies: Bodies = Bodies.REDACTED, **settings: Any) -> Scoring:
    snapshot = Snapshot(1, scores=Scores(**settings), routes={"support": Route("support", (), bodies=bodies)})
    made = Scoring(store, snapshot, make.clock)
    made.configure(snapshot, LABELS)
    made._may_give_up = True
    return made


async def at_once() -> None:
    """Nothing is behind."""


async def states(store: SqliteStore) -> list[tuple[State, bool]]:
    """State and whether it is current, oldest first."""
    found = await store.scores(ALL, limit=100)
    return [(each.state, each.is_current) for each in reversed(found)]


def counts(task: Scoring) -> dict[tuple[str, ...], int]:
    assert task.figures is not None
    return dict(task.figures.counts)


UP = ("support", "v1", "helpful", "positive")
DOWN = ("support", "v1", "helpful", "negative")


def test_whose_exchange_it_is_decides(make: ExchangeFactory) -> None:
    ours = score(make, "x")
    assert judged(ours, HERE) == Placement(ours, State.VALID, HERE)
    assert judged(ours, HERE._replace(key="team-b")).reason is Reason.OTHER_KEY
    assert judged(ours, None).reason is Reason.UNKNOWN_EXCHANGE
    assert judged(replace(ours, key=None), HERE._replace(key="team-b")).state is State.VALID


async def test_a_score_of_an_exchange_that_is_there_is_valid_and_counted(
    store: SqliteStore, make: ExchangeFactory
) -> None:
    entry = make.entry(assigned_version="v1", served_version="v2")
    thumb = score(make, entry.row["id"])
    await store.append([entry], [], [], None, [thumb])
    task = scoring(store, make)
    assert task.figures is None
    await task.settle()
    (found,) = await store.scores(WantedScores(), limit=9)
    assert found == replace(thumb, state=State.VALID, route="support", version="v1", is_current=True, seq=found.seq)
    assert counts(task) == {UP: 1}


async def test_one_that_comes_first_waits_and_is_never_shown_as_valid_meanwhile(
    store: SqliteStore, make: ExchangeFactory
) -> None:
    entry = make.entry()
    await store.append([], [], [], None, [score(make, entry.row["id"])])
    task = scoring(store, make)
    await task.settle()
    assert await states(store) == [(State.PENDING, False)]
    assert await store.scores(WantedScores(), limit=9) == []
    await store.append([make.entry(), entry, make.entry()], [], [], None)
    await task.settle()
    assert await states(store) == [(State.VALID, True)]
    assert counts(task) == {UP: 1}


async def test_by_the_callers_reference_the_newest_of_the_same_key_is_found_early_or_late(
    store: SqliteStore, make: ExchangeFactory
) -> None:
    old, new = make.entry(caller_request_id="order-1"), make.entry(caller_request_id="order-1")
    theirs = make.entry(caller_request_id="order-2", key="team-b")
    copy = make.entry(caller_request_id="order-1", shadow_of=new.row["id"])
    late = make.entry(caller_request_id="order-2")
    await store.append([old, new, theirs, copy], [], [], None)
    await store.append([], [], [], None, [score(make, reference="order-1"), score(make, reference="order-2")])
    task = scoring(store, make)
    await task.settle()
    first, second = reversed(await store.scores(ALL, limit=9))
    assert (first.state, first.exchange_id) == (State.VALID, new.row["id"])
    assert (second.state, second.exchange_id) == (State.PENDING, None)
    await store.append([late], [], [], None)
    await task.settle()
    assert (await store.scores(ALL, limit=1))[0].exchange_id == late.row["id"]


async def test_another_keys_score_is_kept_rejected_and_counted(store: SqliteStore, make: ExchangeFactory) -> None:
    entry = make.entry(key="team-b")
    await store.append([entry], [], [], None, [score(make, entry.row["id"])])
    task = scoring(store, make)
    await task.settle()
    (found,) = await store.scores(ALL, limit=9)
    assert (found.state, found.reason, found.is_current) == (State.REJECTED, Reason.OTHER_KEY, False)
    assert await store.scores_of(entry.row["seq"]) == []
    assert counts(task) == {}
    assert task.figures is not None
    assert task.figures.rejected == {"other_key": 1, "unknown_exchange": 0}


async def test_what_does_not_come_within_the_window_is_given_up(store: SqliteStore, make: ExchangeFactory) -> None:
    entry = make.entry()
    await store.append([], [], [], None, [score(make, entry.row["id"])])
    task = scoring(store, make, window_s=100.0)
    make.clock.advance(99.0)
    await task.settle()
    assert await states(store) == [(State.PENDING, False)]
    make.clock.advance(2.0)
    await task.settle()
    await store.append([entry], [], [], None)
    await task.settle()
    (found,) = await store.scores(ALL, limit=9)
    assert (found.state, found.reason) == (State.REJECTED, Reason.UNKNOWN_EXCHANGE)
    assert task.figures is not None
    assert task.figures.rejected["unknown_exchange"] == 1


async def test_nothing_is_given_up_before_the_journal_of_the_start_is_read(
    store: SqliteStore, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    entry = make.entry()
    await store.append([], [], [], None, [score(make, entry.row["id"])])
    make.clock.advance(1_000.0)
    read, looks = asyncio.Event(), []

    async def caught_up() -> None:
        await read.wait()

    task = Scoring(store, Snapshot(1, scores=Scores(window_s=1.0)), make.clock)
    look = task._look

    async def counted() -> bool:
        looks.append(1)
        return await look()

    monkeypatch.setattr(task, "_look", counted)
    running = asyncio.ensure_future(task.run(caught_up))
    try:
        await _until(lambda: len(looks) > 3)
        assert await states(store) == [(State.PENDING, False)]
        read.set()
        await _until(lambda: task.figures is not None and task.figures.rejected["unknown_exchange"] == 1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("bodies", [Bodies.NONE, Bodies.HASH])
async def test_a_route_that_keeps_nothing_of_what_was_said_keeps_no_words_of_scores(
    store: SqliteStore, make: ExchangeFactory, bodies: Bodies
) -> None:
    entry, foreign = make.entry(), make.entry(key="team-b")
    text = {"data_type": DataType.TEXT, "value": "my name is …", "comment": "because"}
    said = [score(make, entry.row["id"], **text), score(make, foreign.row["id"], **text)]
    category = score(make, entry.row["id"], name="language", data_type=DataType.CATEGORY, value="ja", comment="so")
    await store.append([entry, foreign], [], [], None, [*said, category])
    await scoring(store, make, bodies=bodies).settle()
    found = {each.id: each for each in await store.scores(ALL, limit=9)}
    assert {(found[each.id].value, found[each.id].comment) for each in said} == {(None, None)}
    assert (found[category.id].value, found[category.id].comment) == ("ja", None)
    assert [found[each.id].state for each in said] == [State.VALID, State.REJECTED]


def test_which_routes_keep_nothing() -> None:
    routes = {name: Route(name, (), bodies=Bodies(name)) for name in ("full", "redacted", "hash", "none")}
    assert silent_routes(Snapshot(1, routes=routes)) == {"hash", "none"}
    assert silent_routes(Snapshot(1, journal=Journal(bodies=Bodies.NONE))) == {None}


async def test_the_last_word_is_current_in_whatever_order_it_comes(store: SqliteStore, make: ExchangeFactory) -> None:
    entry = make.entry()
    said = [score(make, entry.row["id"], value=value) for value in (True, False, True, False)]
    await store.append([entry], [], [], None, [said[2]])
    task = scoring(store, make)
    await task.settle()
    await store.append([], [], [], None, [said[0], said[3], said[1]])
    await task.settle()
    history = await store.scores_of(entry.row["seq"])
    assert [(each.id, each.is_current) for each in history] == [(each.id, each is said[3]) for each in said]
    assert counts(task) == {UP: 2, DOWN: 2}


async def test_sources_and_names_have_values_of_their_own(store: SqliteStore, make: ExchangeFactory) -> None:
    entry = make.entry()
    same = entry.row["id"]
    said = [score(make, same), score(make, same, source_id="browser", key=None), score(make, same, name="safe")]
    await store.append([entry], [], [], None, said)
    await scoring(store, make).settle()
    assert await states(store) == [(State.VALID, True)] * 3


async def test_what_is_read_again_changes_nothing(store: SqliteStore, make: ExchangeFactory) -> None:
    entry = make.entry()
    said = [score(make, entry.row["id"]), score(make, "0190a0b0-0000-7000-8000-ffffffffffff")]
    await store.append([entry], [], [], None, said)
    await scoring(store, make).settle()
    before = await store.scores(ALL, limit=9)
    again = scoring(store, make)
    await store.append([], [], [], None, [*said, replace(said[0], value=False)])
    await again.settle()
    assert await store.scores(ALL, limit=9) == before
    assert counts(again) == {UP: 1}


async def test_it_goes_on_where_it_was_killed_between_look_and_save(
    store: SqliteStore, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = make.entry()
    await store.append([entry], [], [], None, [score(make, entry.row["id"])])
    task = scoring(store, make)
    place = store.place_scores

    async def locked(placements: Any, state: bytes) -> None:
        raise StoreUnavailableError("locked")

    monkeypatch.setattr(store, "place_scores", locked)
    with pytest.raises(StoreUnavailableError):
        await task.settle()
    assert counts(task) == {}
    monkeypatch.setattr(store, "place_scores", place)
    await task.settle()
    assert counts(task) == {UP: 1}
    assert counts_of(await store.scores_state()) == {UP: 1}


def counts_of(state: Any) -> dict[tuple[str, ...], int]:
    return dict(FeedbackFigures.restored(state).counts)  # type: ignore[arg-type]


async def test_an_exchange_that_retention_took_meanwhile_leaves_no_score_behind(
    store: SqliteStore, make: ExchangeFactory
) -> None:
    entry = make.entry()
    thumb = score(make, entry.row["id"])
    await store.append([entry], [], [], None, [thumb])
    found = await store.unplaced(Cursor(), overdue=0.0, limit=9)
    await store.purge_exchanges(None, limit=9)
    await store.place_scores([judged(*pair) for pair in found.pairs], b"{}")
    assert await states(store) == [(State.PENDING, False)]


async def test_many_are_placed_a_part_at_a_time(
    store: SqliteStore, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 10)
    monkeypatch.setattr(sqlite_scores, "SPAN", 7)
    entries = make.entries(40)
    early, late = entries[:20], entries[20:]
    await store.append(early, [], [], None, [score(make, entry.row["id"]) for entry in entries])
    task = scoring(store, make)
    await task.settle()
    assert counts(task) == {UP: 20}
    await store.append(late, [], [], None)
    await task.settle()
    assert counts(task) == {UP: 40}
    assert set(await states(store)) == {(State.VALID, True)}
    assert (await store.scores_state() or {})["cursor"] == [40, 40]


async def test_numbers_that_are_gone_are_not_given_to_scores_that_would_be_overlooked(
    store: SqliteStore, make: ExchangeFactory
) -> None:
    first = make.entry()
    await store.append([first], [], [], None, [score(make, first.row["id"])])
    task = scoring(store, make)
    await task.settle()
    await store.purge_exchanges(None, limit=9)
    assert await states(store) == []
    second = make.entry()
    await store.append([second], [], [], None, [score(make, second.row["id"])])
    await task.settle()
    assert await states(store) == [(State.VALID, True)]


async def test_the_task_hears_of_scores_and_of_exchanges_that_are_waited_for(
    store: SqliteStore, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    task = scoring(store, make)
    running = asyncio.ensure_future(task.run(at_once))
    entry = make.entry()
    try:
        await store.append([], [], [], None, [score(make, entry.row["id"])])
        task.wake()
        await _until(lambda: task._cursor.scores == 1)
        await store.append([entry], [], [], None)
        task.came([entry.row])
        await _until(lambda: counts(task) == {UP: 1})
        assert not task._has_pending or await _true_soon(lambda: not task._has_pending, task)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _true_soon(condition: Any, task: Scoring) -> bool:
    task.wake()
    await _until(condition)
    return True


async def _until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_store_that_is_away_is_waited_for(
    store: SqliteStore, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    unplaced, failures = store.unplaced, [StoreUnavailableError("locked")] * 3

    async def asked(*args: Any, **more: Any) -> Any:
        if failures:
            raise failures.pop()
        return await unplaced(*args, **more)

    monkeypatch.setattr(store, "unplaced", asked)
    task = scoring(store, make)
    running = asyncio.ensure_future(task.run(at_once))
    await _until(lambda: not failures and task.waiting.error is None)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert caplog.text.count("scores wait for the store") == 1


def placed(make: ExchangeFactory, said: Score | None = None, **target: Any) -> Placement:
    return Placement(said or score(make, "x"), State.VALID, HERE._replace(**target))


def test_labels_are_bounded_whatever_callers_call_their_scores(make: ExchangeFactory) -> None:
    figures = FeedbackFigures()
    figures.observe([placed(make, score(make, "x", name=f"n{number}")) for number in range(100)], LABELS)
    figures.observe([placed(make, route="gone"), placed(make, version="v9"), placed(make, version=None)], LABELS)
    assert len({name for _, _, name, _ in figures.counts}) == MAX_NAMES + 1
    assert figures.counts["support", "v1", "other", "positive"] == 100 - MAX_NAMES
    assert {key[:2] for key in figures.counts} == {
        ("support", "v1"), ("support", "other"), ("support", "none"), ("other", "other"),
    }  # fmt: skip
    again = FeedbackFigures.restored({"figures": figures.state()})
    again.observe([placed(make, score(make, "x", name="n0")), placed(make, score(make, "x", name="n99"))], LABELS)
    assert again.counts["support", "v1", "n0", "positive"] == 2
    assert again.counts["support", "v1", "other", "positive"] == 101 - MAX_NAMES


def test_only_users_are_counted_and_values_that_are_neither_good_nor_bad_by_themselves(make: ExchangeFactory) -> None:
    figures = FeedbackFigures()
    stars = score(make, "x", name="stars", data_type=DataType.NUMBER, value=4.0)
    figures.observe([placed(make, judgement(make, "x")), placed(make, stars)], LABELS)
    assert figures.counts == {("support", "v1", "stars", "none"): 1}


def test_a_version_that_is_gone_is_forgotten(make: ExchangeFactory) -> None:
    figures = FeedbackFigures()
    figures.observe([placed(make), placed(make, version="v2")], LABELS)
    figures.configure(Labels({"support": ("v2",)}))
    assert list(figures.counts) == [("support", "v2", "helpful", "positive")]


@pytest.mark.parametrize("state", [{}, {"figures": 7}, {"figures": {"counts": [[1]], "rejected": {}}}])
def test_figures_that_cannot_be_read_start_at_zero(state: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert FeedbackFigures.restored(state).counts == {}
    assert "start at zero" in caplog.text
    assert FeedbackFigures.restored(None).rejected == {"other_key": 0, "unknown_exchange": 0}
