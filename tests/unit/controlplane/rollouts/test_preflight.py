"""What a rollout has to have passed before it starts."""

from dataclasses import replace

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import score
from tests.support.staged import POLICY, SNAPSHOT, entry, record

from llmgateway.config.snapshot import Route, Version
from llmgateway.controlplane.rollouts import preflight
from llmgateway.controlplane.rollouts.preflight import Checked, Contenders, Preflight, standing, told, written
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.ports.datasets import Dataset, DatasetItem, ReplayRecord
from llmgateway.replaying.gates import Gate
from llmgateway.replaying.pairs import Bad, Pair, Side
from llmgateway.replaying.passing import Demand
from llmgateway.store.sqlite import SqliteStore

ROUTE = SNAPSHOT.routes["chat"]
DEMAND = Demand((Gate("errors", 1.5, "x"),))
WHO = Contenders(ROUTE, ROUTE.version("v2"), ROUTE.version("v1"), DEMAND)
REPLAY = ReplayRecord(
    "p1", 1.0, "ann", "golden", 1, "chat", "v2", "v1", {}, candidate_hash="id-2", baseline_hash="id-1"
)
GOOD, FAILED = Side("x", 200, "completed"), Side("x", 500, "upstream_error", bad=(Bad.ERROR,))


class Books:
    """A store with datasets and replays in it."""

    def __init__(self, store):
        self.store = store
        self.preflight = Preflight(store)

    async def dataset(self, name="golden", items=3):
        begun = await self.store.add_dataset(Dataset(name, 0, "chat", 1.0, "ann", {}))
        each = [
            DatasetItem(at, f"x{at}", f"h{at}", "openai", "/v1/chat/completions", request=b"{}") for at in range(items)
        ]
        await self.store.add_dataset_items(name, begun.version, each)
        return await self.store.seal_dataset(name, begun.version, "hash")

    async def replay(self, pairs=3, *, ended="done", verdict="open", candidate=GOOD, **changes):
        made = replace(REPLAY, **changes)
        await self.store.add_replay(made)
        found = [(at, Pair(at, GOOD, candidate).written()) for at in range(pairs)]
        await self.store.add_pairs(made.id, found, 0.0)
        await self.store.end_replay(made.id, ended, verdict)

    async def one(self, name="golden", who=WHO):
        (checked,) = await self.preflight.look([name], who)
        return checked


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield Books(store)
    await store.close()


async def test_where_nothing_is_asked_for_nothing_is_looked_up():
    assert await Preflight(None).look((), WHO) == []


async def test_a_replay_that_was_finished_and_passed(it):
    await it.dataset()
    await it.replay()
    assert await it.one() == Checked("golden", 1, "p1")


async def test_without_one_it_is_told_which_command_makes_it(it):
    await it.dataset()
    found = await it.one()
    assert found.reason == "there is no finished replay of v2 against v1, as both are now"
    assert (
        found.command
        == "llmgateway replay --dataset golden@1 --route chat --candidate v2 --baseline v1 --gate 'errors<=1.5x'"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"candidate_hash": "id-3"},
        {"baseline_hash": "id-0"},
        {"candidate_hash": "id-1", "baseline_hash": "id-2"},
        {"candidate_hash": None, "baseline_hash": None},
        {"route": "other"},
        {"dataset": "other"},
        {"dataset_version": 2},
    ],
)
async def test_a_replay_of_anything_else_is_none(it, changes):
    await it.dataset()
    await it.replay(**changes)
    assert "no finished replay" in (await it.one()).reason


async def test_the_newest_version_counts(it):
    await it.dataset()
    await it.replay()
    await it.dataset()
    found = await it.one()
    assert (found.version, found.replay) == (2, None)
    await it.replay(id="p2", dataset_version=2)
    assert (await it.one()).reason is None


async def test_a_version_that_is_still_being_made_does_not_count(it):
    await it.dataset()
    await it.replay()
    await it.store.add_dataset(Dataset("golden", 0, "chat", 1.0, "ann", {}))
    assert await it.one() == Checked("golden", 1, "p1")


@pytest.mark.parametrize(("ended", "pairs"), [("cost", 2), ("unpriced", 2), ("done", 2)])
async def test_one_that_has_not_asked_all_is_not_finished(it, ended, pairs):
    await it.dataset()
    await it.replay(pairs, ended=ended)
    found = await it.one()
    assert "no finished replay" in found.reason
    assert "--dataset golden@1" in found.command


async def test_what_was_erased_meanwhile_need_not_be_asked(it):
    await it.dataset()
    await it.store.erase_dataset_items(at=1.0, exchange_id="x2", dataset=None)
    await it.replay(2)
    assert (await it.one()).reason is None


async def test_one_that_was_cut_off_is_gone_on_with(it):
    await it.dataset()
    await it.replay(2, ended=None, verdict=None)
    found = await it.one()
    assert (found.reason, found.command) == ("replay p1 is not finished", "llmgateway replay --resume p1")


async def test_the_newest_that_was_finished_has_the_word(it):
    await it.dataset()
    await it.replay(id="p1", created_at=1.0, ended="worse", verdict="worse")
    assert (await it.one()).reason == "replay p1 has not passed: the verdict is worse"
    await it.replay(id="p2", created_at=2.0)
    await it.replay(1, id="p3", created_at=3.0, ended="cost")
    assert (await it.one()).replay == "p2"


async def test_the_gates_have_to_hold_whatever_the_verdict_says(it):
    await it.dataset(items=40)
    await it.replay(40, candidate=FAILED)
    found = await it.one()
    assert "errors<=1.5x fails, 40 against 0 of 40 items" in found.reason


async def test_what_the_rollout_does_not_look_at_is_no_gate_of_it(it):
    await it.dataset(items=40)
    await it.replay(40, candidate=replace(GOOD, bad=(Bad.REFUSAL,)))
    assert (await it.one()).reason is None
    (found,) = await it.preflight.look(["golden"], replace(WHO, demand=Demand((Gate("refusals", 1.5, "x"),))))
    assert "refusals<=1.5x fails, 40 against 0 of 40 items" in found.reason


async def preferred(it, count):
    """A replay whose pairs a person has compared: each time the candidate's answer was the worse one."""
    make, found = ExchangeFactory(), []
    for at in range(count):
        rows = [entry(make, "ann"), entry(make, "ann", version="v2")]
        await it.store.append(rows, [], [], None)
        ids = [each.row["id"] for each in rows]
        for each, word in zip(ids, ("won", "lost"), strict=True):
            said = score(make, each, name="preference", data_type=DataType.CATEGORY, value=word, key=None)
            assert await it.store.add_score(replace(said, source_kind=SourceKind.HUMAN, source_id="ann"))
        found.append((at, Pair(at, *(replace(GOOD, exchange_id=each) for each in ids)).written()))
    await it.store.add_replay(REPLAY)
    await it.store.add_pairs(REPLAY.id, found, 0.0)
    await it.store.end_replay(REPLAY.id, "done", "open")


@pytest.mark.parametrize(("count", "is_worse"), [(4, False), (24, True)])
async def test_what_people_have_made_of_the_pairs_counts(it, monkeypatch, count, is_worse):
    monkeypatch.setattr(preflight, "PAGE", 5)
    await it.dataset(items=count)
    await preferred(it, count)
    against = f"to people who compared {count} pairs the candidate is the worse one"
    assert (await it.one()).reason == (f"replay p1 has not passed: {against}" if is_worse else None)


async def test_what_may_be_chance_passes(it):
    await it.dataset(items=40)
    await it.replay(40)
    assert (await it.one()).reason is None


async def test_more_pairs_than_a_page(it, monkeypatch):
    monkeypatch.setattr(preflight, "PAGE", 7)
    await it.dataset(items=40)
    await it.replay(40, candidate=FAILED)
    assert "40 against 0" in (await it.one()).reason


async def test_a_dataset_that_is_not_there_or_empty(it):
    assert (await it.one()).reason == "there is no such dataset"
    await it.dataset()
    await it.store.erase_dataset_items(at=1.0, exchange_id=None, dataset=("golden", 1))
    assert (await it.one()).reason == "every item of it was erased"


async def test_regression_is_the_routes_own_and_before_the_first_rollback_there_is_none(it):
    assert await it.one("regression") == Checked("regression-chat")
    await it.dataset("regression-chat")
    found = await it.one("regression")
    assert found.reason is not None
    assert "--dataset regression-chat@1 " in found.command
    await it.replay(dataset="regression-chat")
    assert (await it.one("regression")).replay == "p1"


async def test_a_command_can_be_pasted():
    who = Contenders(
        Route("gpt-*", (), rollout=POLICY), Version("v 2", "i", ()), Version("v1", "j", ()), Demand(total_s=2.5)
    )
    assert who.command("golden@1").endswith("--route 'gpt-*' --candidate 'v 2' --baseline v1 --slow 2.5")


def test_what_is_lacking_is_told_with_the_way_out():
    said = told(
        [Checked("golden", 3, None, "there is none", "llmgateway replay --dataset golden@3"), Checked("x", reason="y")]
    )
    assert "golden@3: there is none. Run: llmgateway replay --dataset golden@3 x: y." in said
    assert "--waive-replay" in said


@pytest.mark.parametrize(
    ("checked", "waiver", "passed"),
    [
        ([], "", (True, "")),
        ([Checked("golden", 1, "p1")], "for nothing", (True, "")),
        ([Checked("golden", 1, None, "none")], "it is gone", (False, "it is gone")),
    ],
)
def test_what_is_kept_with_the_policy_says_how_it_stood(checked, waiver, passed):
    made = record()
    assert standing(replace(made, policy=made.policy | written(checked, waiver))) == passed
