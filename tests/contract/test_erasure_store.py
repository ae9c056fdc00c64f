"""Erasures in every store: whose exchanges are found, what goes and what stays, and nothing of it comes back."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.exchanges import ExchangeFactory, copy_of, ids
from tests.support.reviews import item, review
from tests.support.scores import judgement, score

from llmgateway.domain.pseudonyms import mark_of
from llmgateway.domain.review import Concern, Reason, Severity, State
from llmgateway.domain.score import DataType
from llmgateway.domain.score import State as Stands
from llmgateway.ports.datasets import Dataset, DatasetItem
from llmgateway.ports.erasures import Erasure, Stage, Whose
from llmgateway.ports.reviews import WantedItems
from llmgateway.ports.scores import Cursor, WantedScores
from llmgateway.ports.store import OUTCOME, Body, Entry, Row, Store, Wanted
from llmgateway.store import sqlite_erasing, sqlite_erasures
from llmgateway.store.rows import storable
from llmgateway.store.sqlite import SqliteStore

ADA = "ada@example.com"
SAID = Body("request", "application/json", 11, b"secret words")
FIGURES = (*(name for name in OUTCOME if name not in {"error_detail", "response_id"}), "at", "route", "key", "cost_usd")
GONE = (
    "user", "session", "user_agent", "caller_request_id", "idempotency_key", "peer", "path", "error_detail",
    "response_id", "unit",
)  # fmt: skip


def entry(make: ExchangeFactory, user: str | None = ADA, **changes: Any) -> Entry:
    make.clock.advance(0.01)
    return Entry(make.row(user=user, **changes), (SAID, SAID._replace(kind="reply")))


async def append(store: Store, *entries: Entry, scores: Any = ()) -> None:
    await store.append(entries, [], [], None, scores)


async def begun(store: Store, make: ExchangeFactory, whose: Whose) -> Erasure:
    make.clock.advance(0.01)
    erasure = Erasure(make.mint(), make.clock.time(), "bob", whose.selectors, whose=whose)
    assert await store.add_erasure(erasure)
    return erasure


async def gone_on(store: Store, erasure: Erasure, until: Stage) -> Erasure:
    """Go on with it until it is there."""
    while erasure.stage is not until:
        if erasure.stage is Stage.COMPARING:
            erasure = await store.compared(erasure.id, (), is_all=True)
        elif erasure.stage is Stage.WAITING:
            erasure = await store.let_go(erasure.id, files=0)
        elif erasure.stage is Stage.CLEANING:
            assert await store.clean()
            erasure = await store.finish_erasure(erasure.id, erasure.at + 60)
        else:
            erasure = await store.advance_erasure(erasure.id)
    return erasure


async def erased(store: Store, make: ExchangeFactory, whose: Whose) -> Erasure:
    return await gone_on(store, await begun(store, make, whose), Stage.DONE)


async def rows(store: Store) -> dict[str, Row]:
    return {row["id"]: row for row in await store.page(Wanted(), limit=100)}


async def empty_ones(store: Store) -> list[str]:
    return sorted(each for each, row in (await rows(store)).items() if row["erased_at"] is not None)


async def test_who_and_what_goes_and_figures_stay(store: Store, make: ExchangeFactory) -> None:
    attempts = [{"backend": "b", "version": "v1", "result": "ok", "detail": "said ada", "total_s": 1.0}]
    told = {name: f"{name} of ada" for name in GONE if name != "user"} | {"tags": {"team": "a"}}
    mine, theirs = entry(make, attempts=attempts, **told), entry(make, "eve", attempts=attempts, **told)
    await append(store, mine, theirs)
    before = await store.exchange(mine.row["id"])
    untouched = await store.exchange(theirs.row["id"])
    done = await erased(store, make, Whose(user=ADA))
    after = await store.exchange(mine.row["id"])
    assert before is not None
    assert after is not None
    assert {name: after[name] for name in FIGURES} == {name: before[name] for name in FIGURES}
    assert {name: after[name] for name in GONE} == dict.fromkeys(GONE)
    assert (after["tags"], after["erased_at"], after["request_model"]) == ({}, done.at, "support")
    assert after["attempts"] == [before["attempts"][0] | {"detail": None}]
    assert await store.exchange(theirs.row["id"]) == untouched
    assert list(await store.bodies([before["seq"], theirs.row["seq"]])) == [theirs.row["seq"]]


@pytest.mark.parametrize(
    ("whose", "expected"),
    [
        (Whose(user=ADA), [0, 1, 2, 5]),
        (Whose(user="ada"), []),
        (Whose(), []),
        (Whose(route="support", until=1_800_000_000.0), []),
        (Whose(user=ADA, route="other"), [2]),
        (Whose(key="team-b"), [3]),
        (Whose(tag=("team", "a")), [4]),
        (Whose(tag=("team", "a"), user=ADA), []),
        (Whose(user=ADA, since=1_700_000_015.0), [2, 5]),
        (Whose(user=ADA, until=1_700_000_015.0), [0, 1]),
    ],
)
async def test_all_that_is_said_of_them_has_to_hold(
    store: Store, make: ExchangeFactory, whose: Whose, expected: list[int]
) -> None:
    entries = []
    for changes in (
        {},
        {"user": "[EMAIL]" + mark_of(ADA)},
        {"route": "other"},
        {"user": "eve", "key": "team-b"},
        {"user": None, "tags": {"team": "a"}},
        {},
    ):
        entries.append(entry(make, **({"user": ADA} | changes)))
        make.clock.advance(10.0)
    await append(store, *entries)
    assert await store.count_meant(whose, make.clock.time()) == len(expected)
    done = await erased(store, make, whose)
    assert await empty_ones(store) == sorted(entries[at].row["id"] for at in expected)
    assert (done.found, done.erased) == (len(expected), len(expected))
    assert await store.count_meant(whose, make.clock.time()) == 0


async def test_nobody_is_shown_an_erased_one_as_an_exemplar(store: Store, make: ExchangeFactory) -> None:
    entries = [entry(make, user, rollout="r", epoch=1, assigned_version="v2") for user in (ADA, "eve")]
    await append(store, *entries)
    await erased(store, make, Whose(user=ADA))
    assert ids(await store.exemplars("r", "v2", limit=9)) == [entries[1].row["id"]]
    assert ids(await store.assigned_rows("r", "v2", limit=9)) == [entries[1].row["id"]]


async def test_ids_are_found_with_their_copies(store: Store, make: ExchangeFactory) -> None:
    first, second = entry(make, None), entry(make, None)
    copies = copy_of(first, make), copy_of(second, make)
    await append(store, first, second, *copies)
    whose = Whose((first.row["id"],))
    assert await store.count_meant(whose, make.clock.time()) == 1
    await erased(store, make, whose)
    assert await empty_ones(store) == sorted([first.row["id"], copies[0].row["id"]])


async def test_what_a_caller_called_the_model_goes_where_it_names_no_route(store: Store, make: ExchangeFactory) -> None:
    odd = entry(make, route=None, request_model="ada's own")
    await append(store, odd)
    await erased(store, make, Whose(user=ADA))
    assert (await rows(store))[odd.row["id"]]["request_model"] is None


async def test_what_comes_in_later_is_empty_if_it_was_received_before(store: Store, make: ExchangeFactory) -> None:
    first, running, copied = entry(make), entry(make), entry(make, "eve")
    late_copy = copy_of(copied, make, user=None)
    await append(store, first, copied)
    erasure = await begun(store, make, Whose((copied.row["id"],)))
    other = await begun(store, make, Whose(user=ADA))
    after = entry(make)
    await append(store, running, after, late_copy)
    row = (await rows(store))[running.row["id"]]
    assert (row["user"], row["path"], row["erased_at"], row["cost_usd"]) == (None, None, other.at, 0.25)
    assert await store.bodies([running.row["seq"]]) == {}
    assert (await rows(store))[after.row["id"]]["user"] == ADA
    await gone_on(store, erasure, Stage.DONE)
    await gone_on(store, other, Stage.DONE)
    expected = [first, running, copied, late_copy]
    assert await empty_ones(store) == sorted(each.row["id"] for each in expected)
    late = entry(make)
    await append(store, late)
    assert (await rows(store))[late.row["id"]]["user"] == ADA  # it is done: what comes now is new


async def test_what_slipped_in_is_found_when_all_is_looked_through_once_more(
    store: Store, make: ExchangeFactory
) -> None:
    """A question about an exchange is stored before the exchange itself: nobody knows yet what it is about."""
    asked_about = entry(make)
    question = entry(make, None, tags={"guardrail": "careful", "judged": asked_about.row["id"]})
    waiting = await gone_on(store, await begun(store, make, Whose(user=ADA)), Stage.WAITING)
    make.clock.advance(-10.0)
    asked_about.row["at"] = question.row["at"] = waiting.at - 1
    await append(store, question)
    await append(store, asked_about)
    assert await empty_ones(store) == [asked_about.row["id"]]
    await gone_on(store, waiting, Stage.DONE)
    assert await empty_ones(store) == sorted([asked_about.row["id"], question.row["id"]])


async def test_questions_of_the_gateways_own_go_with_what_they_are_about_and_stay_known_as_such(
    store: Store, make: ExchangeFactory
) -> None:
    mine, other = entry(make), entry(make, "eve")
    judged = entry(make, None, tags={"guardrail": "careful", "judged": mine.row["id"], "more": "words"})
    about_judged = entry(make, None, caller_request_id=f"evaluator:relevance:{judged.row['id']}")
    others = entry(make, None, tags={"guardrail": "careful", "judged": other.row["id"]})
    replayed = entry(make, assigned_by="pin", tags={"replay": mine.row["id"], "more": "words"})
    await append(store, about_judged, judged, mine, other, others, replayed)
    await erased(store, make, Whose(user=ADA))
    found = await rows(store)
    assert await empty_ones(store) == sorted(each.row["id"] for each in (mine, judged, about_judged, replayed))
    assert found[judged.row["id"]]["tags"] == {"guardrail": "careful", "judged": mine.row["id"]}
    assert found[about_judged.row["id"]]["caller_request_id"] == f"evaluator:relevance:{judged.row['id']}"
    assert found[replayed.row["id"]]["tags"] == {"replay": mine.row["id"]}


async def test_scores_keep_their_figures_and_say_nothing(store: Store, make: ExchangeFactory) -> None:
    mine, other = entry(make), entry(make, "eve")
    await append(store, mine, other)
    words = {"data_type": DataType.TEXT, "value": "her words", "name": "remark"}
    given = [
        score(make, mine.row["id"], source_id=ADA, comment="her comment"),
        score(make, mine.row["id"], source_id="x", **words),
        score(make, other.row["id"], source_id=ADA, comment="of eve's"),
        judgement(make, mine.row["id"], comment="she says"),
    ]
    for each in given:
        assert await store.add_score(each) is not None
    waiting = score(make, "0190a0b0-0000-7000-8000-00000000002a", source_id=ADA, comment="to come")
    kept = score(make, other.row["id"], source_id="eve", comment="stays")
    await append(store, scores=[waiting])
    assert await store.add_score(kept) is not None
    await erased(store, make, Whose(user=ADA))
    found = {each.id: each for each in await store.scores(WantedScores(every=True), limit=100)}
    assert [found[each.id].comment for each in (*given, waiting)] == [None] * 5
    assert (found[given[0].id].value, found[given[1].id].value, found[given[3].id].value) == (True, None, 0.5)
    sources = [found[each.id].source_id for each in (*given[:3], waiting)]
    assert all(each.startswith("erased:") for each in sources)
    assert len(set(sources)) == 4
    assert found[given[3].id].source_id == "rubric-3"
    assert found[kept.id] == replace(found[kept.id], comment="stays", source_id="eve", is_current=True)


async def test_a_score_on_its_way_says_nothing_and_of_what_is_erased_there_are_no_new_ones(
    store: Store, make: ExchangeFactory
) -> None:
    mine, other = entry(make), entry(make, None)
    await append(store, mine, other)
    early = score(make, source_id=ADA, reference="r", comment="early")
    of_id = score(make, other.row["id"], source_id="team-a", comment="of other")
    await begun(store, make, Whose((other.row["id"],)))
    erasure = await begun(store, make, Whose(user=ADA))
    late = score(make, source_id=ADA, reference="r", comment="late")
    first, _ = await store.pending_erasures()
    await gone_on(store, first, Stage.WAITING)
    await append(store, scores=[early, of_id, late])
    found = {each.id: each.comment for each in await store.scores(WantedScores(every=True), limit=100)}
    assert found == {early.id: None, of_id.id: None, late.id: "late"}
    await gone_on(store, erasure, Stage.OVERWRITING)
    assert await store.add_score(judgement(make, mine.row["id"], comment="about ada")) is None
    await gone_on(store, erasure, Stage.DONE)
    assert await store.add_scores([judgement(make, mine.row["id"], comment="about ada")], b"{}") == 0
    looked = await store.unplaced(Cursor(), overdue=0.0, limit=100)
    assert all(target is None for _, target in looked.pairs)
    assert (await store.scores(WantedScores(every=True), limit=100))[0].state is Stands.PENDING


async def test_reviews_concerns_and_items_of_datasets_go_with_it(store: Store, make: ExchangeFactory) -> None:
    mine, other = entry(make), entry(make, "eve")
    await append(store, mine, other)
    said = item(mine.row["id"], note="ada is cross")
    pair = item(other.row["id"], other_id=mine.row["id"], reason=Reason.CANARY_PAIR, note="beside ada's")
    kept = item(other.row["id"], note="of eve")
    await store.add_items([said, pair, kept], max_waiting=10)
    words = review(said, comment="ada again", correction="dear ada")
    assert await store.change_item(replace(said, version=2, needed=2), 1, words)
    made = (make.row()["at"], "bob", "support", None, Severity.LOW)
    await store.add_concern(Concern(make.mint(), *made, "about ada", exchange_id=mine.row["id"]))
    await store.add_concern(Concern(make.mint(), *made, "about eve", exchange_id=other.row["id"]))
    whole = await store.add_dataset(
        Dataset("golden", 0, "support", 1.0, "bob", {"filters": {"user": ADA, "route": "r"}})
    )
    items = [
        DatasetItem(
            at, each.row["id"], f"h{at}", "openai", "/v1/chat/completions", "s", (), {"a": 1}, b"asked", b"said"
        )
        for at, each in enumerate((mine, other))
    ]
    await store.add_dataset_items("golden", whole.version, items)
    done = await erased(store, make, Whose(user=ADA))
    found = {each.id: each for each in await store.items(WantedItems(), limit=10)}
    assert (found[said.id].state, found[said.id].note, found[pair.id].note) == (State.SKIPPED, None, None)
    assert found[kept.id] == replace(kept, route="support", served="v1")
    (left,) = (await store.reviews_of([said.id]))[said.id]
    assert left == replace(words, comment=None, correction=None)
    assert sorted(each.text for each in await store.concerns(route=None, state=None, limit=10)) == [
        "(erased)",
        "about eve",
    ]
    gone, stays = await store.dataset_items("golden", whole.version, limit=9, limit_bytes=10_000)
    assert gone == DatasetItem(0, mine.row["id"], None, None, None, erased_at=done.at)
    assert stays == items[1]
    (told,) = await store.datasets("golden")
    assert (told.items, told.erased, told.bytes, done.items) == (2, 1, len("asked") + len("said") + 2, 1)
    assert told.built == {"filters": {"user": "", "route": "r"}}


async def test_nothing_is_added_again_of_what_is_erased(store: Store, make: ExchangeFactory) -> None:
    mine = entry(make)
    await append(store, mine)
    done = await erased(store, make, Whose(user=ADA))
    assert (await store.add_items([item(mine.row["id"])], max_waiting=10)).refused == 1
    again = await store.add_dataset(Dataset("again", 0, "support", 1.0, "bob", {}))
    asked = DatasetItem(0, mine.row["id"], "h", "openai", "/v1/chat/completions", None, (), {}, b"asked", b"said")
    told = await store.add_dataset_items("again", again.version, [asked])
    assert (told.items, told.erased, told.bytes) == (1, 1, 0)
    (left,) = await store.dataset_items("again", again.version, limit=9, limit_bytes=10_000)
    assert (left.exchange_id, left.request) == (mine.row["id"], None)
    assert done.items == 0


async def test_items_of_what_is_in_the_log_no_more_go_by_its_id(store: Store, make: ExchangeFactory) -> None:
    name = "0190a0b0-0000-7000-8000-00000000002a"
    whole = await store.add_dataset(Dataset("golden", 0, "support", 1.0, "bob", {}))
    asked = DatasetItem(0, name, "h", "openai", "/v1/chat/completions", None, (), {}, b"asked", b"said")
    await store.add_dataset_items("golden", whole.version, [asked])
    done = await erased(store, make, Whose((name,)))
    assert (done.found, done.items) == (0, 1)
    (left,) = await store.dataset_items("golden", whole.version, limit=9, limit_bytes=10_000)
    assert left.request is None


async def test_what_replays_have_asked_is_known_by_what_it_asks(store: Store, make: ExchangeFactory) -> None:
    mine, replayed = entry(make), entry(make, None)
    await append(store, mine, replayed)
    whole = await store.add_dataset(Dataset("golden", 0, "support", 1.0, "bob", {}))
    asked = DatasetItem(0, mine.row["id"], "hash", "openai", "/v1/chat/completions", None, (), {}, b"asked", b"said")
    await store.add_dataset_items("golden", whole.version, [asked])
    erasure = await gone_on(store, await begun(store, make, Whose(user=ADA)), Stage.COMPARING)
    assert set(await store.prompts_of_erasure()) == {"hash"}
    told = await store.compared(erasure.id, [replayed.row["id"], "none"], is_all=False)
    assert (told.stage, told.found) == (Stage.COMPARING, 2)
    await gone_on(store, erasure, Stage.DONE)
    assert await empty_ones(store) == sorted(ids([mine.row, replayed.row]))


async def test_while_it_is_under_way_rows_can_be_read_and_bodies_are_gone(store: Store, make: ExchangeFactory) -> None:
    mine = entry(make, tags={"växt": "åäö"}, session="s")
    replayed = entry(make, assigned_by="pin", tags={"replay": mine.row["id"]})
    await append(store, mine, replayed)
    erasure = await gone_on(store, await begun(store, make, Whose(user=ADA)), Stage.REMOVING)
    row = (await rows(store))[mine.row["id"]]
    assert (row["user"].strip(), row["tags"], row["session"].strip(), row["erased_at"]) == ("", {}, "", None)
    assert (await rows(store))[replayed.row["id"]]["tags"] == {"replay": mine.row["id"]}
    assert await store.bodies([row["seq"]]) == {}
    assert erasure.erased == 0


async def test_a_large_one_goes_on_a_little_at_a_time(
    store: Store, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_erasing, "BATCH", 2)
    monkeypatch.setattr(sqlite_erasing, "SPAN", 3)
    entries = [entry(make, ADA if at % 2 else "eve") for at in range(10)]
    await append(store, *entries)
    erasure = await begun(store, make, Whose(user=ADA))
    steps = [erasure.stage]
    while erasure.stage is not Stage.WAITING:
        if erasure.stage is Stage.COMPARING:
            erasure = await store.compared(erasure.id, (), is_all=True)
        else:
            erasure = await store.advance_erasure(erasure.id)
        steps.append(erasure.stage)
    assert [steps.count(stage) for stage in (Stage.FINDING, Stage.LINKING, Stage.OVERWRITING, Stage.REMOVING)] == [
        4, 4, 4, 4,
    ]  # fmt: skip
    assert erasure.erased == 5


async def test_the_record_says_who_and_when_and_not_whose(store: Store, make: ExchangeFactory) -> None:
    await append(store, entry(make))
    erasure = await begun(store, make, Whose(user=ADA, route="support"))
    (pending,) = await store.pending_erasures()
    assert pending == erasure
    assert await store.erasure(erasure.id) == replace(erasure, whose=None)
    done = await gone_on(store, erasure, Stage.DONE)
    assert (done.by, done.selectors, done.stage, done.finished_at) == (
        "bob",
        ("user", "route"),
        Stage.DONE,
        done.at + 60,
    )
    assert await store.pending_erasures() == []
    second = await erased(store, make, Whose(key="team-a"))
    assert await store.erasures(limit=1) == [second]
    assert await store.erasures(limit=5, before=second.id) == [done]
    assert await store.erasure("none") is None


async def test_what_it_takes_down_survives_any_name(store: Store, make: ExchangeFactory) -> None:
    odd = 'o"d\0日本'
    mine = entry(make, odd)
    await append(store, mine)
    assert (await rows(store))[mine.row["id"]]["user"] == storable(odd)
    await erased(store, make, Whose(user=odd))
    assert await empty_ones(store) == [mine.row["id"]]


async def test_bodies_are_written_over_a_few_at_a_time(
    store: Store, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_erasing, "BYTES", 60)  # two exchanges and a half
    await append(store, *(entry(make) for _ in range(4)), *(entry(make) for _ in range(1)))
    erasure = await gone_on(store, await begun(store, make, Whose(user=ADA)), Stage.REMOVING)
    counts = []
    while erasure.stage is Stage.REMOVING:
        erasure = await store.advance_erasure(erasure.id)
        counts.append(erasure.erased)
    assert counts == [2, 4, 5, 5]


async def test_where_it_is_not_known_any_more_whose_nothing_is_touched(tmp_path: Path, make: ExchangeFactory) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    await append(store, entry(make))
    erasure = await begun(store, make, Whose(user=ADA))
    await store.close()
    with closing(sqlite3.connect(store.path)) as damaged, damaged:
        damaged.execute("DELETE FROM erasure_whose")
    await store.open()
    (pending,) = await store.pending_erasures()
    assert pending == replace(erasure, whose=None)
    await append(store, entry(make, "eve"))
    assert (await store.advance_erasure(erasure.id)).stage is Stage.CLEANING
    assert await empty_ones(store) == []
    await store.close()


async def test_only_so_many_are_under_way(store: Store, make: ExchangeFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_erasures, "MAX_PENDING", 1)
    await begun(store, make, Whose(user=ADA))
    assert not await store.add_erasure(Erasure(make.mint(), make.clock.time(), "bob", whose=Whose(user="eve")))
    monkeypatch.setattr(sqlite_erasures, "MAX_FINISHED", 1)
    await gone_on(store, (await store.pending_erasures())[0], Stage.DONE)
    last = await erased(store, make, Whose(user="eve"))
    assert await store.erasures(limit=9) == [last]
