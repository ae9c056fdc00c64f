"""Scores count for rollouts in every store: in the transaction that makes them current, however they come, once."""

from dataclasses import replace

import pytest
from tests.support.scores import judgement, score
from tests.support.staged import POLICY, entry, record
from tests.support.stores import STORES

from llmgateway.config.rollouts import RolloutMetric
from llmgateway.controlplane.rollouts.records import evidence_of
from llmgateway.controlplane.rollouts.scoretally import score_tallies
from llmgateway.domain.score import DataType, Reason, SourceKind, State
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.rollouts import STAMP
from llmgateway.ports.scores import Cursor, Placement, WantedScores
from llmgateway.ports.store import COLUMNS, StoreError
from llmgateway.rollout.counts import Arms
from llmgateway.store import sqlite_scoretallies

RULES = {
    "thumbs": ScoreRule("helpful", SourceKind.USER, bad=(False,)),
    "tone": ScoreRule("kind", SourceKind.JUDGE, "rubric-3", bad=(False,)),
    "quality": ScoreRule("quality", SourceKind.HUMAN, bad=("bad",)),
}
SCORED = replace(POLICY, metrics=(*POLICY.metrics, *(RolloutMetric(name, reads=rule) for name, rule in RULES.items())))


@pytest.fixture(params=sorted(STORES))
async def store(request, tmp_path):
    store = STORES[request.param](tmp_path)
    await store.open()
    store.count_scores(score_tallies(lambda: 9.0))
    await store.add_rollout(record(of=SCORED))
    yield store
    await store.close()


async def exchange(store, make, user="ann", **changes):
    made = entry(make, user, **changes)
    await store.append([made], [], [], None)
    return made.row


async def sent(store, *scores):
    """What users said, placed at once."""
    await store.append([], [], [], None, scores)
    return await placed(store)


async def placed(store, state=State.VALID, reason=None):
    found = await store.unplaced(Cursor(), overdue=0.0, limit=1_000)
    placements = [Placement(each, state, target, reason) for each, target in found.pairs]
    await store.place_scores(placements, b"{}")
    return placements


async def counted(store, metric, name="r1"):
    counts, _ = await store.epoch_counts(name)
    return {each.epoch: tuple(each[2:6]) for each in counts if each.metric == metric}


def test_an_exchange_is_told_by_columns_that_it_has():
    assert set(STAMP) <= set(COLUMNS)


async def test_users_scores_count_when_they_are_placed(store, make):
    one, two = await exchange(store, make), await exchange(store, make, "bob", version="v2", epoch=2)
    await sent(store, score(make, one["id"]), score(make, two["id"], value=False))
    assert await counted(store, "thumbs") == {1: (1, 0, 0, 0), 2: (0, 1, 0, 1)}


async def test_a_score_that_comes_before_its_exchange_counts_when_it_is_there(store, make):
    later = entry(make, "ann", version="v2")
    await sent(store, score(make, later.row["id"], value=False))
    assert await counted(store, "thumbs") == {}
    await store.append([later], [], [], None)
    await placed(store)
    assert await counted(store, "thumbs") == {1: (0, 1, 0, 1)}


async def test_what_is_placed_twice_counts_once(store, make):
    row = await exchange(store, make)
    (placement,) = await sent(store, score(make, row["id"], value=False))
    await store.place_scores([placement, placement], b"{}")
    assert await counted(store, "thumbs") == {1: (1, 0, 1, 0)}


async def test_what_is_rejected_does_not_count(store, make):
    row = await exchange(store, make)
    await store.append([], [], [], None, [score(make, row["id"], key="team-b", value=False)])
    await placed(store, State.REJECTED, Reason.OTHER_KEY)
    assert await counted(store, "thumbs") == {}


async def test_evaluators_scores_count_with_what_evaluators_save(store, make):
    rows = [await exchange(store, make, f"u{number}") for number in range(4)]
    given = [
        judgement(make, row["id"], name="kind", data_type=DataType.BOOL, value=number > 0)
        for number, row in enumerate(rows)
    ]
    assert await store.add_scores(given, b"{}") == 4
    assert await store.add_scores(given, b"{}") == 0
    assert await counted(store, "tone") == {1: (4, 0, 1, 0)}


async def test_a_score_by_the_admin_api_counts_and_one_that_is_there_does_not(store, make):
    row = await exchange(store, make)
    said = judgement(
        make, row["id"], name="quality", data_type=DataType.CATEGORY, value="bad", source_kind=SourceKind.HUMAN
    )
    await store.add_score(said)
    await store.add_score(said)
    await store.add_score(replace(said, id=make.mint(), source_id="ben"))
    assert await counted(store, "quality") == {1: (1, 0, 1, 0)}


async def test_an_earlier_word_that_comes_late_counts_as_if_it_had_come_first(store, make):
    row = await exchange(store, make)
    early, late = score(make, row["id"], value=False), score(make, row["id"])
    await sent(store, late)
    await sent(store, early)
    assert await counted(store, "thumbs") == {1: (1, 0, 1, 0)}, "which of two workers was slower makes no difference"
    many = [judgement(make, row["id"], name="kind", data_type=DataType.BOOL, value=value) for value in (False, True)]
    await store.add_scores(many[1:], b"{}")
    await store.add_scores(many[:1], b"{}")
    assert await counted(store, "tone") == {1: (1, 0, 1, 0)}
    current = await store.scores(WantedScores(), limit=9)
    assert [each.value for each in current] == [True, True], "shown is the last word"


async def test_who_changes_their_mind_counts_once_and_a_bad_word_stays(store, make):
    row = await exchange(store, make)
    for value, counts in ((True, (1, 0, 0, 0)), (False, (1, 0, 1, 0)), (True, (1, 0, 1, 0)), (False, (1, 0, 1, 0))):
        await sent(store, score(make, row["id"], value=value))
        assert await counted(store, "thumbs") == {1: counts}


async def test_a_user_who_comes_back_is_one_unit(store, make):
    for _ in range(3):
        row = await exchange(store, make)
        await sent(store, score(make, row["id"], value=False))
    assert await counted(store, "thumbs") == {1: (1, 0, 1, 0)}


async def test_a_transaction_that_fails_counts_nothing(store, make, monkeypatch):
    row = await exchange(store, make)
    await store.append([], [], [], None, [score(make, row["id"], value=False)])
    with monkeypatch.context() as patched:
        patched.setattr("llmgateway.store.sqlite_scores._SAVE_STATE", "INSERT INTO nowhere VALUES (?, ?)")
        with pytest.raises(StoreError):
            await placed(store)
    assert await counted(store, "thumbs") == {}
    await placed(store)
    assert await counted(store, "thumbs") == {1: (1, 0, 1, 0)}


async def test_of_a_rollout_that_has_ended_nothing_counts(store, make):
    row = await exchange(store, make)
    ended = record("r2", SCORED, route="other", state="rolled_back")
    await store.add_rollout(ended)
    gone = await exchange(store, make, "bob", rollout="r2")
    await sent(store, score(make, gone["id"], value=False))
    assert await counted(store, "thumbs", "r2") == {}
    await store.file_rollout("r1", 7)
    await sent(store, score(make, row["id"], value=False))
    assert await counted(store, "thumbs") == {}


async def test_what_belongs_to_no_rollout_is_a_score_as_any_other(store, make):
    row = await exchange(store, make, rollout=None, epoch=None)
    saved = await store.add_score(score(make, row["id"], value=False))
    assert saved.is_current
    assert await store.epoch_counts("r1") == ([], {})


async def test_where_nobody_counts_nothing_is_counted(tmp_path, make):
    store = STORES["sqlite"](tmp_path)
    await store.open()
    await store.add_rollout(record(of=SCORED))
    row = await exchange(store, make)
    await store.add_score(score(make, row["id"], value=False))
    assert await counted(store, "thumbs") == {}
    await store.close()


async def test_very_many_at_once(store, make, monkeypatch):
    monkeypatch.setattr(sqlite_scoretallies, "AT_ONCE", 7)
    entries = [entry(make, f"u{number}", version=f"v{1 + number % 2}") for number in range(100)]
    await store.append(entries, [], [], None)
    await sent(store, *(score(make, each.row["id"], value=number % 4 > 1) for number, each in enumerate(entries)))
    assert await counted(store, "thumbs") == {1: (50, 50, 25, 25)}


async def test_counts_of_scores_and_of_the_log_are_one_evidence(store, make):
    row = await exchange(store, make)
    await sent(store, score(make, row["id"], value=False))
    counts, _ = await store.epoch_counts("r1")
    found = evidence_of(counts, {1: 0.2}, 1)
    assert (found.units["thumbs"], found.bad["thumbs"]) == ({1: Arms(1, 0)}, {1: Arms(1, 0)})
    assert found.heard["thumbs"][0] > 0
