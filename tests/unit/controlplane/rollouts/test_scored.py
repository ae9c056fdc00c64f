"""A rollout that reads scores is moved by them, whoever brings them, and by a judge only as far as people trust it."""

from dataclasses import replace

import pytest
from tests.support.scores import judgement, score
from tests.support.staged import POLICY, entry, record
from tests.unit.controlplane.rollouts.test_conductor import Setting

from llmgateway.config.rollouts import RolloutMetric
from llmgateway.controlplane.rollouts.scoretally import score_tallies
from llmgateway.controlplane.rollouts.shown import OfJudges, others, shown
from llmgateway.controlplane.rollouts.trusting import FRESH_S
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.rollout.guards import moment
from llmgateway.rollout.rollout import Pause, State
from llmgateway.rollout.states import Event
from llmgateway.store.sqlite import SqliteStore

THUMBS = RolloutMetric("thumbs", silent_s=86_400, reads=ScoreRule("helpful", SourceKind.USER, bad=(False,)))
TONE = RolloutMetric("tone", silent_s=86_400, reads=ScoreRule("kind", SourceKind.JUDGE, "rubric-3", bad=(False,)))


class Scored(Setting):
    """With a rollout that reads scores of one kind."""

    judge = None  # who judges, as the run of its scores says

    def __init__(self, store, metric):
        super().__init__(store)
        self.of = replace(POLICY, metrics=(*POLICY.metrics, metric))
        store.count_scores(score_tallies(self.clock.time))

    async def begin(self):
        await self.conductor.load()
        await self.conductor.begin(record(of=self.of))
        await self.act(Event.SUBMIT)
        await self.conductor.look()

    async def answered(self, count, version):
        """Exchanges that went well, as the log has them."""
        at = {"epoch": self.rollout.epoch, "ended_at": self.clock.time()}
        users = [f"{version}-{self.clock.time()}-{number}" for number in range(count)]
        entries = [entry(self.make, user, version=version, **at) for user in users]
        tallies = self.conductor.tallies(entries)
        await self.store.append(entries, [], [], None, tallies=tallies)
        self.conductor.counted(tallies)
        return [each.row["id"] for each in entries]

    async def thumbs(self, count, version, *, up):
        for exchange in await self.answered(count, version):
            await self.store.add_score(score(self.make, exchange, value=up))

    async def judged(self, count, version, *, good, labels=0):
        """A judge says so of each, and people of some of them the same."""
        binary = {"name": "kind", "data_type": DataType.BOOL, "value": good}
        person = {"source_kind": SourceKind.HUMAN, "source_id": "ann", "run": None}
        for number, exchange in enumerate(await self.answered(count, version)):
            await self.store.add_score(judgement(self.make, exchange, run=self.judge, **binary))
            if number < labels:
                await self.store.add_score(judgement(self.make, exchange, **binary, **person))


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield store
    await store.close()


async def test_a_candidate_that_users_thumb_down_is_out_at_the_next_look(store):
    it = Scored(store, THUMBS)
    await it.begin()
    await it.thumbs(40, "v1", up=True)
    await it.thumbs(4, "v2", up=False)
    await it.look(0)
    assert it.rollout.state is State.CANARY, "four are no proof yet"
    await it.thumbs(8, "v2", up=False)
    await it.look(0)
    assert (it.rollout.state, it.workers.weight) == (State.ROLLED_BACK, 0.0)
    assert it.moves[-2:] == ["harm", "in_force"]


async def test_scores_move_it_though_the_log_has_nothing_new(store):
    it = Scored(store, THUMBS)
    await it.begin()
    liked, disliked = await it.answered(40, "v1"), await it.answered(4, "v2") + await it.answered(8, "v2")
    await it.look(0)
    for up, exchanges in ((True, liked), (False, disliked)):
        for exchange in exchanges:
            await store.add_score(score(it.make, exchange, value=up))
    await it.look()
    assert it.rollout.state is State.ROLLED_BACK


async def test_users_who_fall_silent_about_the_candidate_pause_it(store):
    it = Scored(store, THUMBS)
    await it.begin()
    await it.thumbs(160, "v1", up=True)
    await it.answered(40, "v2")
    await it.look()
    assert (it.rollout.state, it.rollout.pause) == (State.PAUSED, Pause.FEEDBACK)
    await it.act(Event.RESUME, reason="it is shown without its buttons")
    await it.look()
    assert it.rollout.state is State.CANARY


async def test_a_candidate_that_users_like_goes_on(store):
    it = Scored(store, THUMBS)
    await it.begin()
    await it.thumbs(24, "v1", up=True)
    await it.look()
    assert it.rollout.step == 0, "nobody has said anything of the candidate"
    await it.thumbs(6, "v2", up=True)
    await it.look()
    assert it.rollout.step == 1


async def test_what_was_said_while_control_was_away_counts_when_it_is_back(store):
    it = Scored(store, THUMBS)
    await it.begin()
    await it.thumbs(40, "v1", up=True)
    await it.thumbs(12, "v2", up=False)
    await it.restart()
    await it.look()
    assert it.rollout.state is State.ROLLED_BACK


async def test_what_could_not_be_read_is_read_when_the_store_is_back(store, monkeypatch):
    it = Scored(store, THUMBS)
    await it.begin()
    await it.thumbs(40, "v1", up=True)
    await it.thumbs(12, "v2", up=False)

    async def away(_):
        raise StoreUnavailableError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(store, "epoch_counts", away)
        with pytest.raises(StoreUnavailableError):
            await it.look()
    found = it.conductor.running["chat"]
    assert (await it.conductor.evidence(found)).bad["thumbs"][1].candidate == 12
    await it.look()
    assert it.rollout.state is State.ROLLED_BACK


async def test_a_judge_nobody_agrees_with_yet_moves_nothing(store):
    it = Scored(store, TONE)
    await it.begin()
    await it.judged(24, "v1", good=True)
    await it.judged(12, "v2", good=False)
    await it.look()
    assert (it.rollout.state, it.rollout.step) == (State.CANARY, 1), "and nothing waits for it"
    found = it.conductor.running["chat"]
    told = shown(found, moment(it.rollout, await it.conductor.evidence(found), it.clock.time()), None)
    (tone,) = [each for each in told["metrics"] if each["name"] == "tone"]
    assert (tone["kind"], tone["trust"]) == ("advisory", {"rung": "advisory", "labels": 0, "kappa": None})
    assert tone["bad"] == {"stable": 0, "candidate": 12}
    assert any("It is shown and moves nothing" in each for each in told["words"])


async def test_one_that_people_agree_with_rolls_back(store):
    it = Scored(store, TONE)
    await it.begin()
    await it.judged(100, "v1", good=True, labels=100)
    await it.judged(12, "v2", good=False, labels=12)
    await it.look(FRESH_S)
    assert it.rollout.state is State.ROLLED_BACK


async def test_one_that_people_agree_with_somewhat_pauses(store):
    it = Scored(store, TONE)
    await it.begin()
    person = {"source_kind": SourceKind.HUMAN, "source_id": "ann", "name": "kind", "data_type": DataType.BOOL}
    await it.judged(100, "v1", good=True)
    rows = await it.answered(60, "v1")
    for number, exchange in enumerate(rows):  # people see every fourth otherwise
        judge = number % 2 == 0
        said = {"name": "kind", "data_type": DataType.BOOL, "value": judge, "source_id": "rubric-3"}
        await store.add_score(judgement(it.make, exchange, **said))
        await store.add_score(judgement(it.make, exchange, **person | {"value": judge == (number % 4 > 0)}))
    await it.judged(40, "v1", good=True, labels=40)
    await it.judged(40, "v2", good=False)
    await it.look(FRESH_S)
    found = it.conductor.running["chat"]
    standing = (await it.conductor.evidence(found)).trust["tone"]
    assert (standing.labels, standing.rung) == (100, "may_pause"), standing
    assert (it.rollout.state, it.rollout.pause) == (State.PAUSED, Pause.SIGNAL_METRIC)


async def test_trust_that_is_won_later_counts_then(store):
    it = Scored(store, TONE)
    await it.begin()
    await it.judged(100, "v1", good=True, labels=90)
    await it.judged(40, "v2", good=False)
    await it.look(FRESH_S)
    assert it.rollout.state is State.CANARY
    await it.judged(10, "v1", good=False, labels=10)
    await it.look(1)
    assert it.rollout.state is State.CANARY, "it is not looked up each second"
    await it.look(FRESH_S)
    assert it.rollout.state is State.ROLLED_BACK


BEFORE, AFTER = "judge-kindness@0a1b", "judge-kindness@9f8e"


async def test_a_judge_that_was_changed_begins_with_nobody_who_agrees_with_it(store):
    it = Scored(store, replace(TONE, reads=replace(TONE.reads, run=AFTER)))
    await it.begin()
    it.judge = BEFORE
    await it.judged(100, "v1", good=True, labels=100)
    it.judge = AFTER
    await it.judged(24, "v1", good=True)
    await it.judged(12, "v2", good=False, labels=12)
    await it.look(FRESH_S)
    found = it.conductor.running["chat"]
    evidence = await it.conductor.evidence(found)
    assert (evidence.trust["tone"].labels, evidence.trust["tone"].rung) == (12, "advisory")
    assert it.rollout.state is State.CANARY


async def test_a_judge_that_is_changed_while_a_rollout_runs_says_nothing_in_it(store):
    it = Scored(store, replace(TONE, reads=replace(TONE.reads, run=BEFORE)))
    await it.begin()
    it.judge = BEFORE
    await it.judged(100, "v1", good=True, labels=100)
    await it.judged(2, "v2", good=False, labels=2)
    await it.look()
    it.judge = AFTER
    await it.judged(40, "v2", good=False, labels=40)
    await it.look(FRESH_S)
    found = it.conductor.running["chat"]
    evidence = await it.conductor.evidence(found)
    assert sum(each.candidate for each in evidence.bad["tone"].values()) == 2
    assert (evidence.trust["tone"].labels, it.rollout.state) == (102, State.CANARY)
    told = shown(
        found, moment(it.rollout, evidence, it.clock.time()), None, OfJudges(others(found, {"rubric-3": AFTER}))
    )
    assert told["judges_changed"] == ["tone"]
    assert told["words"][-1].startswith("tone: its judge")
    assert others(found, {"rubric-3": BEFORE}) == []
    assert others(found, {}) == ["tone"], "nor is it there any more"
