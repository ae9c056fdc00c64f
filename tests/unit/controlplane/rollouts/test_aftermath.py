"""What follows a rollback is done once, whatever is killed in between."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest
from tests.support.scores import judgement, score
from tests.support.staged import POLICY, entry, record
from tests.unit.controlplane.rollouts.test_conductor import Setting

from llmgateway.config.review import Review
from llmgateway.config.rollouts import MetricName, RolloutMetric, RolloutShadow
from llmgateway.controlplane.reviewing import Reviewing
from llmgateway.controlplane.rollouts import aftermath
from llmgateway.controlplane.rollouts.aftermath import UNFILED_S, Follower
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.review import Reason
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.datasets import Dataset, DatasetError, DatasetItem
from llmgateway.ports.generations import Generation
from llmgateway.ports.reviews import WantedItems
from llmgateway.ports.store import Body, StoreError
from llmgateway.rollout.exemplars import WANTED
from llmgateway.rollout.rollout import State
from llmgateway.rollout.states import Event
from llmgateway.store.sqlite import SqliteStore

WRITES = (
    "add_aftermath", "add_items", "add_dataset", "add_dataset_items", "seal_dataset", "finish_aftermath",
)  # fmt: skip


class KilledError(BaseException):
    """Control is gone."""


class Mortal:
    """A store before a control that is killed at its `nth` write: before it, or (`after`) when it is in the store."""

    def __init__(self, store, nth, *, after):
        self._store, self._left, self._after = store, nth, after

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name not in WRITES:
            return found

        async def write(*args, **named):
            self._left -= 1
            if not self._left and not self._after:
                raise KilledError
            made = await found(*args, **named)
            if not self._left:
                raise KilledError
            return made

        return write


class Following(Setting):
    """A rollout with a log, and one who follows when it was rolled back."""

    def __init__(self, store):
        super().__init__(store)
        self.follower = self.follow()

    def follow(self, store=None):
        reviewing = Reviewing(store or self.store, lambda: self.settings, self.clock)
        return Follower(store or self.store, reviewing, self.conductor.clock, self.clock)

    settings = Review()

    async def answer(self, count, name="u", *, asks=None, **changes):
        """Have so many of the candidate's exchanges logged, with what was said."""
        entries = [self.said(f"{name}{number}", asks or f"{name} {number}", **changes) for number in range(count)]
        tallies = self.conductor.tallies(entries)
        await self.store.append(entries, [], [], None, tallies=tallies)
        self.conductor.counted(tallies)

    def said(self, user, asks, reply=b"{}", **changes):
        stamp = {
            "rollout": self.rollout.id,
            "epoch": self.rollout.epoch,
            "version": "v2",
            "operation": "chat.completions",
        }
        made = entry(self.make, user, **(stamp | changes))
        request = b'{"model":"chat","messages":[{"role":"user","content":"%s"}]}' % asks.encode()
        made.bodies = [
            Body("request", "application/json", len(request), request),
            Body("reply", "application/json", len(reply), reply),
        ]
        return made

    async def roll_back(self, *, is_filed=True):
        found = self.conductor.running["chat"]
        await self.act(Event.ROLL_BACK)
        await self.conductor.look()
        if is_filed:
            await self.conductor.leave(found, 7)

    async def rolled_back(self, bad=3, good=5):
        await self.begin()
        await self.answer(bad, "bad", status=500, end="upstream_error")
        await self.answer(good, "good")
        await self.roll_back()

    async def again(self, name):
        """Begin another rollout of the same route."""
        await self.conductor.begin(record(name))
        await self.act(Event.SUBMIT)
        await self.conductor.look()

    async def answer_meanwhile(self):
        """Traffic goes on, and some of it still bears the rollout's stamp."""
        late = [
            entry(self.make, f"late{number}", version="v2", rollout="r1", status=500, end="upstream_error")
            for number in range(30)
        ]
        await self.store.append(late, [], [], None)

    async def queued(self):
        return await self.store.items(WantedItems(reason=Reason.ROLLBACK), limit=100)

    async def dataset(self, version):
        name = "regression-chat"
        return await self.store.dataset_items(name, version, limit=2_000, limit_bytes=1 << 30)


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield Following(store)
    await store.close()


async def test_what_follows_has_its_date_also_after_the_clock_was_set(it):
    it.clock.jump(86_400.0)
    await it.rolled_back()
    assert await it.follower.look()
    kept = await it.store.aftermath("r1")
    assert (kept.at, kept.done_at) == (it.clock.time(), it.clock.time())


async def test_the_bundle_says_what_the_rollback_rests_on(it):
    await it.store.add_generation(Generation(1, 1.0, "ann", "", "", "the text"), [])
    await it.rolled_back()
    assert await it.follower.look()
    kept = await it.store.aftermath("r1")
    bundle = kept.bundle
    assert kept.done_at is not None
    assert (bundle["rollout"]["candidate"], bundle["rollout"]["stable_hash"]) == ("v2", "id-1")
    assert bundle["config"] == {"generation": 1, "sha256": _sha("the text")}
    assert (bundle["cause"]["event"], bundle["cause"]["actor"]) == ("roll_back", "ann")
    assert [each["to"] for each in bundle["transitions"]] == ["pending_start", "canary", "rolling_back", "rolled_back"]
    assert bundle["policy"]["plan"]["steps"][0]["weight"] == 0.2
    assert bundle["place"]["state"] == "rolled_back"
    (metric,) = bundle["decided"]["metrics"]
    assert (metric["bad"], metric["units"]) == ({"stable": 0, "candidate": 3}, {"stable": 0, "candidate": 8})
    assert metric["harm"]["e"] > 1
    assert metric["ratio"]["low"] >= 0
    assert bundle["decided"]["hash"] == bundle["cause"]["evidence_hash"]
    (counted,) = [each for each in bundle["epochs"] if each["metric"] == "error"]
    assert (counted["epoch"], counted["weight"], counted["candidate_bad"]) == (1, 0.2, 3)
    assert "unit_key" not in str(bundle)


def _sha(text):
    return sha256(text.encode()).hexdigest()


async def test_what_came_after_the_decision_is_counted_beside_it(it):
    await it.begin()
    await it.answer(2, "bad", status=500, end="upstream_error")
    epoch = it.rollout.epoch
    found = it.conductor.running["chat"]
    await it.act(Event.ROLL_BACK)
    await it.answer(1, "late", status=500, end="upstream_error", epoch=epoch)
    await it.conductor.look()
    await it.conductor.leave(found, 7)
    await it.follower.look()
    bundle = (await it.store.aftermath("r1")).bundle
    counts = [bundle[name]["metrics"][0]["bad"]["candidate"] for name in ("decided", "counted")]
    assert counts == [2, 3]


async def test_bad_events_first_then_random_ones_go_to_review_and_into_the_dataset(it):
    await it.rolled_back(bad=3, good=40)
    await it.follower.look()
    items = await it.queued()
    assert len(items) == WANTED
    assert {each.added_by for each in items} == {"rollout r1"}
    (dataset,) = await it.store.datasets("regression-chat")
    assert (dataset.items, dataset.route, dataset.built["rollout"]) == (WANTED, "chat", "r1")
    assert dataset.content_hash is not None
    strata = [each.stratum for each in await it.dataset(1)]
    assert strata == ["error"] * 3 + ["random"] * 17
    assert {each.exchange_id for each in await it.dataset(1)} == {each.exchange_id for each in items}


async def test_where_nobody_had_the_candidate_there_is_a_bundle_and_nothing_to_look_at(it):
    await it.begin()
    await it.roll_back()
    assert await it.follower.look()
    kept = await it.store.aftermath("r1")
    assert kept.outcome == {
        "review": {"added": 0, "known": 0, "refused": 0},
        "dataset": {"name": "regression-chat", "version": None, "added": 0, "carried": 0, "left_out": {}},
    }
    assert await it.store.datasets() == []


async def test_what_says_nothing_about_the_candidate_is_no_exemplar(it):
    await it.begin()
    await it.answer(2, "pinned", assigned_by="pin")
    await it.answer(1, "ours", end="interrupted")
    await it.answer(1, "good")
    await it.roll_back()
    await it.follower.look()
    assert len(await it.queued()) == 1


async def test_a_refusal_is_seen_in_what_was_answered(it, monkeypatch):
    refusal = b'{"choices":[{"message":{"refusal":"I can not."}}]}'
    policy = replace(POLICY, metrics=(*POLICY.metrics, RolloutMetric(MetricName.REFUSAL)))
    monkeypatch.setattr("tests.unit.controlplane.rollouts.test_conductor.record", lambda: _record(policy))
    await it.begin()
    await it.answer(30, "good")
    await it.answer(1, "no", reply=refusal)
    await it.roll_back()
    await it.follower.look()
    (first, *rest) = (await it.store.aftermath("r1")).bundle["exemplars"]
    assert first["bad"] == ["refusal"]
    assert not any(each["bad"] for each in rest)


async def test_what_users_called_bad_comes_first_where_a_metric_reads_their_words(it, monkeypatch):
    thumbs = RolloutMetric("thumbs", silent_s=86_400, reads=ScoreRule("helpful", SourceKind.USER, bad=(False,)))
    policy = replace(POLICY, metrics=(*POLICY.metrics, thumbs))
    monkeypatch.setattr("tests.unit.controlplane.rollouts.test_conductor.record", lambda: _record(policy))
    await it.begin()
    await it.answer(40, "good")
    rows = await it.store.assigned_rows("r1", "v2", limit=40)
    for row, said in zip(rows, ([False], [True], [False, True], [True, False]), strict=False):
        for at, value in enumerate(said):
            await it.store.add_score(score(it.make, row["id"], value=value, at=1_000.0 + at))
    await it.roll_back()
    await it.follower.look()
    bundle = (await it.store.aftermath("r1")).bundle
    bad = {each["exchange_id"]: each["bad"] for each in bundle["exemplars"] if each["bad"]}
    assert bad == {rows[0]["id"]: ["thumbs"], rows[3]["id"]: ["thumbs"]}
    assert [bool(each["bad"]) for each in bundle["exemplars"]] == [True, True] + [False] * 18


async def test_what_another_judge_of_the_same_name_called_bad_is_no_exemplar(it, monkeypatch):
    rule = ScoreRule("kind", SourceKind.JUDGE, "kind", bad=(False,), run="judge-a@1")
    policy = replace(POLICY, metrics=(*POLICY.metrics, RolloutMetric("tone", silent_s=86_400, reads=rule)))
    monkeypatch.setattr("tests.unit.controlplane.rollouts.test_conductor.record", lambda: _record(policy))
    await it.begin()
    await it.answer(4, "good")
    rows = await it.store.assigned_rows("r1", "v2", limit=4)
    binary = {"name": "kind", "data_type": DataType.BOOL, "value": False, "source_id": "kind"}
    for row, run in zip(rows, ("judge-a@1", "judge-a@2"), strict=False):
        await it.store.add_score(judgement(it.make, row["id"], run=run, **binary))
    await it.roll_back()
    await it.follower.look()
    bundle = (await it.store.aftermath("r1")).bundle
    assert [each["exchange_id"] for each in bundle["exemplars"] if each["bad"]] == [rows[0]["id"]]


def _record(policy):
    return record(of=policy)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("nth", range(1, 15))
async def test_killed_at_any_write_it_is_done_once(it, nth, after):
    await it.rolled_back(bad=3, good=5)
    killed = it.follow(Mortal(it.store, nth, after=after))
    try:
        assert await killed.look()
        assert nth == 14, "bundle, queue, version, eight items, seal, done"
    except KilledError:
        pass
    if await it.store.aftermath("r1"):
        await it.answer_meanwhile()
    assert await it.follow().look()
    assert await it.follow().look()
    (dataset,) = await it.store.datasets("regression-chat")
    items = await it.dataset(1)
    assert dataset.content_hash is not None
    assert [each.ordinal for each in items] == list(range(8))
    exemplars = [each["exchange_id"] for each in (await it.store.aftermath("r1")).bundle["exemplars"]]
    assert [each.exchange_id for each in items] == exemplars
    assert {each.exchange_id for each in await it.queued()} == set(exemplars)
    assert len(await it.queued()) == 8


async def test_the_next_version_has_the_old_ones_and_what_is_new(it):
    await it.rolled_back(bad=3, good=0)
    await it.follower.look()
    await it.again("r2")
    await it.answer(2, "bad", status=500, end="upstream_error")  # asked before
    await it.answer(2, "new", status=500, end="upstream_error")
    await it.roll_back()
    assert await it.follower.look()
    items = await it.dataset(2)
    assert len(items) == 5
    assert [each.exchange_id for each in items[:3]] == [each.exchange_id for each in await it.dataset(1)]
    outcome = (await it.store.aftermath("r2")).outcome["dataset"]
    assert outcome == {
        "name": "regression-chat", "version": 2, "added": 2, "carried": 3, "left_out": {"duplicate": 2},
    }  # fmt: skip


async def test_what_was_erased_does_not_come_back(it):
    await it.rolled_back(bad=3, good=0)
    await it.follower.look()
    first = (await it.dataset(1))[0]
    await it.store.erase_dataset_items(at=1.0, exchange_id=first.exchange_id, dataset=None)
    await it.again("r2")
    await it.answer(1, "new", status=500, end="upstream_error")
    await it.roll_back()
    await it.follower.look()
    items = await it.dataset(2)
    assert len(items) == 3
    assert first.exchange_id not in {each.exchange_id for each in items}


async def test_what_was_taken_out_of_the_prompts_stands_with_the_items(it):
    await it.begin()
    (made,) = [it.said("u", "my mail is [mail]", status=500, end="upstream_error")]
    made.row["verdicts"] = [
        {
            "stage": "request", "guardrail": "pii", "kind": "pii.email", "detector": "email", "severity": None,
            "score": None, "action": "redact", "mode": "enforce", "span_count": 1, "hash": None,
        }
    ]  # fmt: skip
    await it.store.append([made], [], [], None)
    await it.roll_back()
    await it.follower.look()
    assert [each.redaction for each in await it.dataset(1)] == [("pii.email",)]


async def test_a_route_may_keep_its_exemplars_out_of_the_dataset(it, monkeypatch):
    made = record()
    kept_out = replace(made, policy=made.policy | {"regression": False})
    monkeypatch.setattr("tests.unit.controlplane.rollouts.test_conductor.record", lambda: kept_out)
    await it.rolled_back()
    assert await it.follower.look()
    assert await it.store.datasets() == []
    assert len(await it.queued()) == 8
    assert (await it.store.aftermath("r1")).outcome["dataset"] is None


async def test_what_has_no_body_is_looked_at_and_not_replayed(it):
    await it.begin()
    made = it.said("u", "x", status=500, end="upstream_error")
    made.bodies = []
    await it.store.append([made], [], [], None)
    await it.roll_back()
    await it.follower.look()
    assert len(await it.queued()) == 1
    outcome = (await it.store.aftermath("r1")).outcome
    assert (outcome["dataset"]["version"], outcome["dataset"]["left_out"]) == (None, {"no_body": 1})


async def test_it_waits_until_all_is_counted_but_not_for_ever(it):
    await it.begin()
    await it.answer(1, "bad", status=500, end="upstream_error")
    await it.roll_back(is_filed=False)
    assert not await it.follower.look()
    assert await it.store.aftermath("r1") is None
    it.clock.advance(UNFILED_S + 1)
    assert await it.follower.look()
    assert (await it.store.aftermath("r1")).done_at is not None


async def test_where_there_is_no_room_it_says_so_and_tries_again(it, monkeypatch):
    await it.rolled_back()
    full = DatasetError("there is room for 1,000 versions: erase some")

    async def refuse(*_):
        raise full

    with monkeypatch.context() as patched:
        patched.setattr(it.store, "add_dataset", refuse)
        assert not await it.follower.look()
        assert it.follower.errors == {"r1": str(full)}
    assert len(await it.queued()) == 8
    assert await it.follower.look()
    assert it.follower.errors == {}


async def test_a_rollout_that_can_not_be_read_is_no_reason_to_leave_the_others(it):
    await it.store.add_rollout(record("r0", route="other", state="rolled_back", place={}, created_at=0.5))
    await it.rolled_back()
    assert await it.follower.look()
    assert (await it.store.aftermath("r0")).bundle == {}
    assert (await it.store.aftermath("r1")).bundle["exemplars"]


async def test_only_what_was_rolled_back_is_followed(it):
    await it.begin()
    assert it.rollout.state is State.CANARY
    assert await it.follower.look()
    assert await it.store.aftermath("r1") is None


async def test_a_dataset_that_somebody_else_made_under_the_name_is_built_upon(it):
    begun = await it.store.add_dataset(Dataset("regression-chat", 0, "chat", 1.0, "ann", {}))
    item = DatasetItem(4, None, "h", "openai", "/v1/chat/completions", request=b'{"messages":[]}')
    await it.store.add_dataset_items("regression-chat", begun.version, [item])
    await it.store.seal_dataset("regression-chat", begun.version, "hash")
    await it.rolled_back(bad=1, good=0)
    await it.follower.look()
    assert [each.prompt_hash for each in await it.dataset(2)][0] == "h"
    assert len(await it.dataset(2)) == 2


async def test_what_its_shadow_got_wrong_is_looked_at_beside_what_callers_had(it, monkeypatch):
    policy = replace(POLICY, shadow=RolloutShadow(1e6, 100))
    monkeypatch.setattr("tests.unit.controlplane.rollouts.test_conductor.record", lambda: record(of=policy))
    it.clock = ManualClock(time=it.make.clock.time())
    it.conductor = it.conduct()
    it.follower = it.follow()
    await it.begin()
    assert it.rollout.state is State.SHADOW
    sides = []
    for number in range(30):
        primary = it.said(f"u{number}", f"ask {number}", version="v1")
        failed = {"status": 500, "end": "upstream_error"} if number < 4 else {}
        stamp = {"rollout": None, "epoch": None, "assigned_by": None, "shadow_of": primary.row["id"]}
        copy = it.said(None, "", version="v2", **(stamp | failed))
        copy.bodies = copy.bodies[1:]
        sides += [primary, copy]
    await it.store.append(sides, [], [], None)
    it.clock.advance(1.0)
    await it.roll_back()
    assert it.conductor.running == {}
    assert await it.follower.look()
    exemplars = (await it.store.aftermath("r1")).bundle["exemplars"]
    assert [each["bad"] for each in exemplars] == [["error"]] * 4 + [[]] * 16
    assert {(each.exchange_id, each.other_id) for each in await it.queued()} == {
        (each["exchange_id"], each["copy_id"]) for each in exemplars
    }
    assert [each.stratum for each in await it.dataset(1)] == ["error"] * 4 + ["random"] * 16
    assert (await it.store.aftermath("r1")).outcome["review"] == {"added": 20, "known": 0, "refused": 0}


async def test_it_sleeps_until_it_is_woken_and_waits_for_a_store_that_is_away(it, monkeypatch, caplog):
    monkeypatch.setattr(aftermath, "AGAIN_S", 0)
    looks, errors = [], [StoreError("away"), StoreError("away"), None, None]

    async def look():
        looks.append(len(looks))
        error = errors[min(len(looks), len(errors)) - 1]
        if error is not None:
            raise error
        return True

    monkeypatch.setattr(it.follower, "look", look)
    task = asyncio.ensure_future(it.follower.run())
    try:
        await until(lambda: len(looks) == 3)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(looks) == 3, "there is nothing to do"
        it.follower.wake()
        await until(lambda: len(looks) == 4)
        assert it.follower.waiting.error is None
        assert [each.message for each in caplog.records].count("what follows rollbacks waits for the store: away") == 1
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_for_want_of_room_it_does_not_try_all_the_time(it, monkeypatch):
    monkeypatch.setattr(aftermath, "AGAIN_S", 0)
    looks = []

    async def look():
        looks.append(1)
        it.follower.errors["r1"] = "there is no room"
        return False

    monkeypatch.setattr(it.follower, "look", look)
    task = asyncio.ensure_future(it.follower.run())
    try:
        await until(lambda: looks)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(looks) == 1
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds):
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0)
