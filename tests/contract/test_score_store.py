"""Scores in every store: as they went in, one current word a source, gone with their exchange. Who finds whom is tried
in tests/unit/controlplane/test_scoring.py.
"""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.reviews import item
from tests.support.scores import judgement, score
from tests.support.stores import STORES

from llmgateway.domain.review import Reason as Why
from llmgateway.domain.score import DataType, Reason, Score, SourceKind, State
from llmgateway.ports import scores as port
from llmgateway.ports.scores import Cursor, Group, Placement, WantedJudged, WantedScores
from llmgateway.ports.store import Row, Store
from llmgateway.store import sqlite_judged, sqlite_scores

ALL = WantedScores(every=True)


async def exchange(store: Store, make: ExchangeFactory, **changes: Any) -> Row:
    entry = make.entry(**changes)
    await store.append([entry], [], [], None)
    return entry.row


async def added(store: Store, given: Score) -> Score:
    saved = await store.add_score(given)
    assert saved is not None
    return saved


async def every(store: Store, wanted: WantedScores = ALL) -> list[Score]:
    return await store.scores(wanted, limit=100)


@pytest.mark.parametrize(
    "changes",
    [
        {"data_type": DataType.BOOL, "value": False},
        {"data_type": DataType.NUMBER, "value": -0.125},
        {"data_type": DataType.CATEGORY, "value": "役に立った"},
        {"data_type": DataType.TEXT, "value": "two\nlines", "comment": "because", "run": "nightly-3"},
    ],
)
async def test_a_score_comes_back_as_it_went_in(store: Store, make: ExchangeFactory, changes: dict[str, Any]) -> None:
    row = await exchange(store, make)
    given = judgement(make, row["id"], **changes)
    saved = await added(store, given)
    assert saved == replace(given, state=State.VALID, route="support", version="v1", is_current=True, seq=saved.seq)
    assert await store.scores_of(row["seq"]) == [saved]
    assert await every(store, WantedScores(exchange_id=row["id"])) == [saved]


async def test_an_exchange_that_is_not_there_has_no_score(store: Store, make: ExchangeFactory) -> None:
    assert await store.add_score(judgement(make, make.mint())) is None
    assert await every(store) == []


async def test_a_fallback_counts_for_the_version_that_was_assigned(store: Store, make: ExchangeFactory) -> None:
    row = await exchange(store, make, assigned_version="v1", served_version="v2")
    early = await exchange(store, make, assigned_version=None, served_version=None, route=None)
    assert (await added(store, judgement(make, row["id"]))).version == "v1"
    assert (await added(store, judgement(make, early["id"]))).version is None


async def test_an_id_that_is_there_is_given_back_as_it_was_saved(store: Store, make: ExchangeFactory) -> None:
    row = await exchange(store, make)
    first = await added(store, judgement(make, row["id"]))
    again = await added(store, replace(judgement(make, row["id"], value=0.9), id=first.id))
    assert again == first
    assert len(await every(store)) == 1


async def test_of_one_source_the_last_word_is_current_and_the_others_are_kept(
    store: Store, make: ExchangeFactory
) -> None:
    row = await exchange(store, make)
    said = [judgement(make, row["id"], value=value) for value in (0.1, 0.2, 0.3)]
    for each in (said[1], said[2], said[0]):
        await added(store, each)
    other = await added(store, judgement(make, row["id"], source_id="rubric-4"))
    history = await store.scores_of(row["seq"])
    assert [(each.id, each.is_current) for each in history] == [
        (said[0].id, False), (said[1].id, False), (said[2].id, True), (other.id, True),
    ]  # fmt: skip
    assert {each.id for each in await every(store, WantedScores())} == {said[2].id, other.id}


async def test_at_the_same_moment_the_greater_id_is_the_last_word(store: Store, make: ExchangeFactory) -> None:
    row = await exchange(store, make)
    first, second = judgement(make, row["id"]), judgement(make, row["id"])
    for each in (replace(second, at=5.0), replace(first, at=5.0)):
        await added(store, each)
    (current,) = await every(store, WantedScores())
    assert current.id == second.id


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800 surrogate", "\u2028\x1b[31m"])
async def test_any_text_can_be_stored(store: Store, make: ExchangeFactory, text: str) -> None:
    row = await exchange(store, make)
    words = judgement(make, row["id"], data_type=DataType.TEXT, value=text, comment=text, source_id=text)
    assert "\0" not in str((await added(store, words)).value)
    thumb = score(make, reference=text, comment=text)
    await store.append([], [], [], None, [thumb])
    assert len(await every(store)) == 2


async def test_pages_are_walked_without_gap_or_overlap_and_filters_are_exact(
    store: Store, make: ExchangeFactory
) -> None:
    rows = [await exchange(store, make, route=route, assigned_version=version)
            for route in ("a", "b") for version in ("v1", "v2")]  # fmt: skip
    for row in rows:
        await added(store, judgement(make, row["id"], name="relevance"))
        await added(store, judgement(make, row["id"], name="safe", source_kind=SourceKind.HUMAN, source_id="ann"))
    seen: list[Score] = []
    before = None
    while page := await store.scores(WantedScores(), limit=3, before=before):
        seen += page
        before = page[-1].seq
    assert [each.seq for each in seen] == sorted((each.seq for each in await every(store)), reverse=True)
    assert len(seen) == 8
    middle = sorted(each.at for each in seen)[4]
    for wanted, count in (
        (WantedScores(route="a"), 4), (WantedScores(route="a", version="v2"), 2), (WantedScores(name="safe"), 4),
        (WantedScores(source_kind=SourceKind.HUMAN), 4), (WantedScores(source_id="ann", route="b"), 2),
        (WantedScores(since=middle), 4), (WantedScores(until=middle), 4), (WantedScores(exchange_id=rows[0]["id"]), 2),
        (WantedScores(name="x"), 0),
    ):  # fmt: skip
        assert len(await every(store, wanted)) == count, wanted


async def test_groups_count_what_is_current(store: Store, make: ExchangeFactory) -> None:
    rows = [await exchange(store, make) for _ in range(4)]
    for row, value in zip(rows, (1.0, 2.0, 3.0, 4.0), strict=True):
        await added(store, judgement(make, row["id"], value=0.0))
        await added(store, judgement(make, row["id"], value=value))
        language = {"name": "language", "data_type": DataType.CATEGORY, "value": "ja" if value > 1 else "en"}
        await added(store, judgement(make, row["id"], **language))
    judge, number, category = SourceKind.JUDGE, DataType.NUMBER, DataType.CATEGORY
    assert await store.score_groups(WantedScores()) == [
        Group("support", "v1", "language", category, judge, "ja", 3, 0.0, 0.0),
        Group("support", "v1", "language", category, judge, "en", 1, 0.0, 0.0),
        Group("support", "v1", "relevance", number, judge, None, 4, 10.0, 30.0),
    ]
    assert await store.score_groups(WantedScores(name="nothing")) == []


async def test_scores_go_with_their_exchange_and_homeless_ones_by_their_age(
    store: Store, make: ExchangeFactory
) -> None:
    old = await exchange(store, make)
    make.clock.advance(1)
    new = await exchange(store, make)
    await added(store, judgement(make, old["id"]))
    await added(store, judgement(make, new["id"]))
    foreign, lost, waiting = score(make, old["id"], key="team-b"), score(make, make.mint()), score(make, make.mint())
    await store.append([], [], [], None, [foreign, lost, waiting])
    found = await store.unplaced(Cursor(), overdue=lost.at + 0.0001, limit=9)
    by_id = {each.id: (each, target) for each, target in found.pairs}
    rejected = [
        Placement(by_id[foreign.id][0], State.REJECTED, by_id[foreign.id][1], Reason.OTHER_KEY),
        Placement(by_id[lost.id][0], State.REJECTED, None, Reason.UNKNOWN_EXCHANGE),
    ]
    await store.place_scores(rejected, b"{}")
    assert len(await every(store)) == 5
    assert await store.purge_exchanges(new["at"], limit=9) == 1
    assert {each.exchange_id for each in await every(store)} == {new["id"], lost.exchange_id, waiting.exchange_id}
    make.clock.advance(1)
    assert await store.purge_exchanges(make.clock.time(), limit=9) == 1
    assert [each.id for each in await every(store)] == [waiting.id]


async def test_words_are_forgotten_with_the_bodies_and_figures_live_on(store: Store, make: ExchangeFactory) -> None:
    row = await exchange(store, make)
    thumb = await added(store, judgement(make, row["id"], comment="because"))
    category = {"name": "language", "data_type": DataType.CATEGORY, "value": "ja", "comment": "said so"}
    await added(store, judgement(make, row["id"], **category))
    await added(store, judgement(make, row["id"], name="words", data_type=DataType.TEXT, value="my address is …"))
    await store.purge_bodies(row["at"], limit=100)
    assert (await every(store))[0].value == "my address is …"
    make.clock.advance(1)
    assert await store.purge_bodies(make.clock.time(), limit=100) == 2 + 3
    assert await store.purge_bodies(make.clock.time(), limit=100) == 0
    words, language, number = await every(store)
    assert (number.value, number.comment) == (thumb.value, None)
    assert (language.value, language.comment) == ("ja", None)
    assert (words.value, words.data_type) == (None, DataType.TEXT)


async def test_forgetting_is_bounded(store: Store, make: ExchangeFactory) -> None:
    row = await exchange(store, make)
    for _ in range(5):
        await added(store, judgement(make, row["id"], comment="because"))
    make.clock.advance(1)
    assert await store.purge_bodies(make.clock.time(), limit=2) == 2 + 2
    assert await store.purge_bodies(make.clock.time(), limit=2) == 2


async def test_a_batch_is_saved_whole_or_not_at_all_with_its_scores(store: Store, make: ExchangeFactory) -> None:
    row = await exchange(store, make)
    with pytest.raises(Exception, match="already"):
        await store.append([make.entry(id=row["id"])], [], [], None, [score(make, row["id"])])
    assert await every(store) == []


async def test_what_is_told_of_one_exchange_is_bounded(
    store: Store, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await exchange(store, make)
    said = [await added(store, judgement(make, row["id"], name=f"n{at}")) for at in range(5)]
    monkeypatch.setattr(sqlite_scores, "MAX_OF_EXCHANGE", 3)
    assert [each.id for each in await store.scores_of(row["seq"])] == [each.id for each in said[2:]]
    assert port.MAX_OF_EXCHANGE == 200


async def test_many_scores_come_in_at_once_with_the_state_of_who_gave_them(store: Store, make: ExchangeFactory):
    row = await exchange(store, make)
    first, second = judgement(make, row["id"]), judgement(make, row["id"], value=0.75)
    nowhere = judgement(make, make.mint())
    assert await store.evaluation_state() is None
    assert await store.add_scores([first, second, nowhere], b'{"cursor":7}') == 2
    assert await store.add_scores([first, second], b'{"cursor":8}') == 0
    assert await store.evaluation_state() == {"cursor": 8}
    found = {each.id: each for each in await every(store)}
    assert found.keys() == {first.id, second.id}
    assert [found[each.id].is_current for each in (first, second)] == [False, True]
    assert {(each.state, each.route, each.version) for each in found.values()} == {
        (State.VALID, row["route"], row["assigned_version"])
    }
    assert await store.scores_state() is None


async def test_a_judges_words_are_found_beside_those_of_people(store: Store, make: ExchangeFactory):
    one, two, three = [await exchange(store, make) for _ in range(3)]
    judges = [judgement(make, row["id"], name="kind", data_type=DataType.BOOL, value=True) for row in (one, two, three)]
    people = [
        judgement(
            make,
            row["id"],
            name=name,
            data_type=DataType.BOOL,
            value=value,
            source_kind=SourceKind.HUMAN,
            source_id=who,
        )
        for row, name, value, who in (
            (one, "kind", True, "ada"),
            (two, "kind", True, "ada"),
            (two, "kind", False, "ben"),
            (three, "other", False, "ada"),
        )
    ]
    await store.add_scores([*judges, *people], b"{}")
    assert sorted(await store.labelled("kind", "rubric-3")) == [(True, False), (True, True)]
    assert await store.labelled("kind", "another") == []


async def test_agreement_is_that_of_the_very_judge_where_one_is_asked_about(store, make):
    rows = [await exchange(store, make) for _ in range(3)]
    binary = {"name": "kind", "data_type": DataType.BOOL, "value": True}
    judges = [
        judgement(make, row["id"], run=run, **binary) for row, run in zip(rows, ("a@1", "a@2", None), strict=True)
    ]
    people = [
        judgement(make, row["id"], source_kind=SourceKind.HUMAN, source_id="ada", **binary | {"value": number > 0})
        for number, row in enumerate(rows)
    ]
    await store.add_scores([*judges, *people], b"{}")
    assert await store.labelled("kind", "rubric-3", "a@1") == [(True, False)]
    assert await store.labelled("kind", "rubric-3", "a@2") == [(True, True)]
    assert await store.labelled("kind", "rubric-3", "a@3") == []
    assert len(await store.labelled("kind", "rubric-3")) == 3


async def test_agreement_is_looked_up_from_the_side_of_people(tmp_path: Path, make: ExchangeFactory):
    """Judges say much: a look at all of it would take seconds."""
    store = STORES["sqlite"](tmp_path)
    await store.open()
    with closing(sqlite3.connect(next(tmp_path.rglob("*.sqlite3")))) as connection:
        plan = [
            each[3]
            for each in connection.execute(f"EXPLAIN QUERY PLAN {sqlite_scores._LABELLED}", ("j", "r", "kind", 9))
        ]
    await store.close()
    assert any("score_human" in each for each in plan)
    assert any("score_current" in each for each in plan)
    assert not any(each.startswith("SCAN") for each in plan)


async def test_a_judges_words_of_a_rollout_stand_beside_those_of_people_who_saw_some_by_chance(store, make):
    stamp = {"rollout": "r1", "assigned_version": "v2"}
    rows = [await exchange(store, make, **stamp) for _ in range(6)]
    rows.append(await exchange(store, make, **stamp | {"rollout": "r2"}))
    rows.append(await exchange(store, make, **stamp | {"assigned_version": "v1"}))
    binary = {"name": "kind", "data_type": DataType.BOOL}
    await store.add_scores([judgement(make, row["id"], value=True, run="a@1", **binary) for row in rows], b"{}")
    person = binary | {"source_kind": SourceKind.HUMAN, "value": False}
    for row, reason in zip(rows, (Why.RANDOM, Why.STRATIFIED, Why.REPORTED), strict=False):
        await store.add_items([item(row["id"], reason=reason)], max_waiting=99)
    people = [judgement(make, row["id"], source_id="ada", **person) for row in rows[:4]]
    later = judgement(make, rows[0]["id"], source_id="ben", **person | {"value": True})
    await store.add_scores([*people, later], b"{}")
    wanted = WantedJudged("r1", rows[0]["route"], "v2", "kind", "rubric-3", "a@1")
    found = await store.judged(wanted)
    assert sorted(each.person is None for each in found) == [False, False, True, True, True, True]
    assert [each.person for each in found][-2:] == [False, True], "the newest first; of several people the last counts"
    assert {each.judge for each in found} == {True}
    for other in (
        {"run": "a@2"},
        {"source_id": "x"},
        {"name": "x"},
        {"version": "v3"},
        {"route": "x"},
        {"rollout": "x"},
    ):
        assert await store.judged(wanted._replace(**other)) == []
    assert len(await store.judged(wanted._replace(run=None))) == 6


async def test_judged_exchanges_are_looked_up_by_version_and_name(tmp_path: Path):
    store = STORES["sqlite"](tmp_path)
    await store.open()
    with closing(sqlite3.connect(next(tmp_path.rglob("*.sqlite3")))) as connection:
        values = WantedJudged("r1", "support", "v2", "kind", "j")._asdict()
        plan = [each[3] for each in connection.execute(f"EXPLAIN QUERY PLAN {sqlite_judged._JUDGED}", values)]
    await store.close()
    assert any("score_version" in each for each in plan), plan
    assert not any(each.startswith(("SCAN", "USE TEMP")) for each in plan), plan
