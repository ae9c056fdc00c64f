"""What people may do with rollouts, and what they are told when they may not."""

import asyncio
from dataclasses import replace

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.staged import POLICY, SNAPSHOT, record
from tests.unit.controlplane.rollouts.test_conductor import Setting

from llmgateway.config.rollouts import MetricName, RolloutApprovals, RolloutMetric
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.rollouts import people as module
from llmgateway.controlplane.rollouts.people import MIN_BASELINE, Rollouts
from llmgateway.controlplane.rollouts.preflight import Checked, is_kept
from llmgateway.domain.review import Concern, Severity
from llmgateway.domain.score import SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.rollouts import ApprovalRecord
from llmgateway.ports.store import Entry, StoreError
from llmgateway.rollout import guards
from llmgateway.rollout.rollout import Pause, State
from llmgateway.rollout.states import Event, Refused
from llmgateway.store import sqlite_rollouts
from llmgateway.store.sqlite import SqliteStore


class People(Setting):
    """A setting with people in it. `judges`: who judges now, by evaluator."""

    judges = {"kind": "judge-kindness@0a1b"}

    @property
    def people(self):
        return Rollouts(self.store, self.conductor, lambda: self.snapshot, self.conductor.clock, lambda: self.judges)

    def configure(self, policy=POLICY, **weights):
        route = self.snapshot.routes["chat"]
        versions = tuple(replace(each, weight=weights.get(each.name, each.weight)) for each in route.versions)
        self.snapshot = replace(SNAPSHOT, routes={"chat": replace(route, rollout=policy, versions=versions)})

    async def start(self):
        await self.conductor.load()
        return await self.people.start("chat", "carol", "a newer model")

    async def asked(self):
        """Bring it to where it asks people."""
        await self.start()
        for count in (6, 20, 20):
            await self.both(count)
        assert self.rollout.state is State.AWAITING_APPROVAL


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield People(store)
    await store.close()


def refuses(code):
    return pytest.raises(RefusedError, check=lambda error: error.code == code)


async def test_a_start_begins_the_first_step(it):
    found = await it.start()
    assert (found.rollout.state, found.rollout.weight, found.record.creator) == (State.CANARY, 0.2, "carol")
    assert (found.record.candidate, found.record.stable) == ("v2", "v1")
    assert [row.reason for row in await it.store.transitions(found.record.id)] == ["a newer model", ""]


async def test_one_rollout_at_a_time_runs_on_a_route(it):
    await it.start()
    with refuses("rollout_runs"):
        await it.start()


@pytest.mark.parametrize(
    ("weights", "code"),
    [({"v2": 1}, "candidate_in_use"), ({"v1": 0}, "not_comparable")],
)
async def test_what_can_not_be_compared_is_not_begun(it, weights, code):
    it.configure(**weights)
    with refuses(code):
        await it.start()


async def test_a_route_without_a_table_has_nothing_to_begin(it):
    it.configure(None)
    with refuses("not_configured"):
        await it.start()
    with refuses("rollout_not_found"):
        await it.people.pause("chat", "ann", "")
    it.snapshot = Snapshot(1)
    with refuses("route_not_found"):
        await it.start()
    with refuses("route_not_found"):
        await it.people.pause("chat", "ann", "")


async def test_a_start_that_needs_approval_waits_for_it(it):
    it.configure(replace(POLICY, approvals=RolloutApprovals(1, 1)))
    found = await it.start()
    assert (found.rollout.state, it.workers.weight) == (State.PENDING_START, 0.0)
    await it.people.approve("chat", "ann", found.rollout.evidence_hash)
    await it.look()
    assert it.rollout.state is State.CANARY


async def test_what_is_slow_is_what_the_stable_version_was_frozen_at_the_start(it):
    it.configure(replace(POLICY, metrics=(*POLICY.metrics, RolloutMetric(MetricName.SLOW))))
    with refuses("no_baseline"):
        await it.start()
    make = ExchangeFactory()
    rows = [
        make.row(route="chat", served_version="v1", stream=True, first_token_s=n / 100, duration_s=n / 10)
        for n in range(1, 101)
    ]
    assert len(rows) >= MIN_BASELINE
    await it.store.append([Entry(row) for row in rows], [], [], None)
    found = await it.start()
    assert (found.policy.slow.first_token_s, found.policy.slow.total_s) == (0.95, 9.5)


async def test_what_a_replay_asked_of_it_says_nothing_of_what_is_slow(it, monkeypatch):
    monkeypatch.setattr(module, "BASELINE", 50)
    it.configure(replace(POLICY, metrics=(*POLICY.metrics, RolloutMetric(MetricName.SLOW))))
    make = ExchangeFactory()
    of_replay = {"assigned_by": "pin", "tags": {"replay": "p1"}, "duration_s": 0.01}
    rows = [make.row(route="chat", served_version="v1", duration_s=n / 10) for n in range(1, 101)]
    rows += [make.row(route="chat", served_version="v1", **of_replay) for _ in range(120)]
    await it.store.append([Entry(row) for row in rows], [], [], None)
    assert (await it.start()).policy.slow.total_s == pytest.approx(9.8, abs=0.11), "of the newest fifty of callers"


async def test_the_judge_is_who_it_was_at_the_start(it):
    rules = {
        "tone": ScoreRule("kind", SourceKind.JUDGE, "kind", bad=(False,)),
        "mine": ScoreRule("kind", SourceKind.JUDGE, "our-own", bad=(False,)),
        "refused": ScoreRule("refusal", SourceKind.CODE, "kind", bad=(True,)),
    }
    metrics = (*POLICY.metrics, *(RolloutMetric(name, reads=rule) for name, rule in rules.items()))
    it.configure(replace(POLICY, metrics=metrics))
    await it.start()
    it.judges = {"kind": "judge-kindness@9f8e"}
    await it.restart()
    kept = it.conductor.running["chat"].policy.scores
    assert {name: rule.run for name, rule in kept.items()} == {
        "tone": "judge-kindness@0a1b",
        "mine": None,
        "refused": None,
    }


async def test_a_pause_stays_until_somebody_says_why_it_is_over(it):
    await it.start()
    await it.people.pause("chat", "bob", "it smells")
    assert it.rollout.pause is Pause.MANUAL
    await it.look(60)
    assert (it.rollout.state, it.workers.weight) == (State.PAUSED, 0.2)
    with pytest.raises(RefusedError, match="reason has to be given") as refused:
        await it.people.resume("chat", "bob", " ")
    assert refused.value.more["lacks"] == [{"what": "reason"}]
    await it.people.resume("chat", "bob", "it was the fridge")
    assert it.rollout.state is State.CANARY


async def test_a_promotion_needs_approvals_ten_answers_seen_and_a_rationale(it):
    await it.asked()
    await it.people.approve("chat", "ann", it.rollout.evidence_hash)
    with pytest.raises(RefusedError, match="Whoever promotes reads 10"):
        await it.people.promote("chat", "bob", "good")
    rows = await it.people.exemplars("chat", "bob")
    assert {row["assigned_version"] for row in rows} == {"v2"}
    with pytest.raises(RefusedError, match="has to write why"):
        await it.people.promote("chat", "bob", "")
    with pytest.raises(RefusedError, match="Whoever promotes reads 10"):
        await it.people.promote("chat", "ann", "bob has looked")
    found = await it.people.promote("chat", "bob", "as good, and cheaper")
    assert found.rollout.state is State.PROMOTING
    row = (await it.store.transitions(found.record.id))[-1]
    assert (row.actor, row.reason) == ("bob", "as good, and cheaper")


async def test_an_approval_is_of_the_evidence_that_was_seen(it):
    await it.asked()
    with refuses("evidence_changed"):
        await it.people.approve("chat", "ann", "another")


GATED = replace(POLICY, steps=(replace(POLICY.steps[0], gate=True), POLICY.steps[1]))


async def test_at_a_gate_nobody_approves_before_the_step_has_its_evidence(it):
    it.configure(GATED)
    await it.start()
    with refuses("nothing_to_approve_yet") as caught:
        await it.people.approve("chat", "ann", None)
    assert [each["what"] for each in caught.value.more["lacks"]] == ["units", "missing"]
    assert "judged in this step: 0 of 5" in caught.value.message
    found = it.rollout
    word = ApprovalRecord(found.id, "ann", found.version_hash, found.evidence_hash, it.clock.time())
    await it.store.approve_rollout(word)  # as one who was quicker than the refusal
    await it.both()
    await it.both()
    assert (it.rollout.step, it.rollout.asked) == (0, True), "it stands for no evidence"
    with refuses("evidence_changed"):
        await it.people.approve("chat", "ann", found.evidence_hash)
    await it.people.approve("chat", "ann", it.rollout.evidence_hash)
    await it.look()
    assert (it.rollout.step, it.rollout.asked) == (1, False)
    rows = await it.store.transitions(found.id)
    assert [row.event for row in rows] == ["submit", "start", "ask", "advance"]
    (word,) = [each for each in await it.store.approvals(found.id) if each.evidence_hash == rows[2].evidence_hash]
    assert word.by == "ann", "on what the row says that was there"
    with refuses("nothing_to_approve_yet"):
        await it.people.approve("chat", "ann", None)


async def test_a_step_without_a_gate_asks_nobody(it):
    await it.start()
    with refuses("nothing_to_approve"):
        await it.people.approve("chat", "ann", None)


async def test_a_gate_asks_once_and_over_a_restart(it):
    it.configure(GATED)
    await it.start()
    await it.both()
    before = it.rollout
    assert (before.asked, it.moves.count("ask")) == (True, 1)
    await it.restart()
    await it.both()
    assert (it.rollout, it.moves.count("ask")) == (before, 1)


async def test_who_began_it_may_not_approve_of_it_unless_they_may(it):
    await it.asked()
    with refuses("creator_may_not"):
        await it.people.approve("chat", "carol", None)


async def test_only_who_is_named_may_approve(it):
    it.configure(replace(POLICY, approvals=RolloutApprovals(by=("bob",))))
    await it.asked()
    with refuses("may_not_approve"):
        await it.people.approve("chat", "ann", None)
    await it.people.approve("chat", "bob", None)


async def test_there_is_nothing_to_approve_while_it_is_paused(it):
    await it.start()
    await it.people.pause("chat", "bob", "")
    with refuses("nothing_to_approve"):
        await it.people.approve("chat", "ann", None)


async def test_anybody_rolls_back_at_any_time(it):
    it.configure(replace(POLICY, approvals=RolloutApprovals(1, 1)))
    await it.start()
    await it.people.rollback("chat", "bob", "never mind")
    assert it.rollout.state is State.ABORTED


async def test_what_people_say_and_do_has_a_bound_that_keeps_nobody_from_a_rollback(it, monkeypatch):
    monkeypatch.setattr(sqlite_rollouts, "MAX_APPROVALS", 2)
    monkeypatch.setattr(sqlite_rollouts, "MAX_SEEN", 12)
    monkeypatch.setattr(guards, "MAX_HALTS", 3)
    await it.asked()
    for name in ("ann", "ben"):
        await it.people.approve("chat", name, None)
    with refuses("too_many_approvals"):
        await it.people.approve("chat", "cat", None)
    await it.people.exemplars("chat", "ann")
    with refuses("too_many_exemplars"):
        await it.people.exemplars("chat", "ben")
    for _ in range(3):
        await it.people.pause("chat", "ann", "it smells")
    with refuses("rollout_refused") as caught:
        await it.people.pause("chat", "ann", "it smells")
    assert "People have paused it 3 times" in caught.value.message
    rows = len(await it.store.transitions(it.rollout.id))
    await it.restart()
    with refuses("rollout_refused"):
        await it.people.pause("chat", "ben", "it still smells")
    assert len(await it.store.transitions(it.rollout.id)) == rows
    await it.people.rollback("chat", "ben", "enough")
    assert it.workers.weight == 0.0


async def test_a_concern_is_about_the_candidate(it):
    await it.asked()
    await it.store.add_concern(Concern("c1", 1.0, "bob", "chat", "id-2", Severity.HIGH, "it lies"))
    await it.people.approve("chat", "ann", None)
    await it.people.exemplars("chat", "ann")
    with pytest.raises(RefusedError, match="Open concerns: 1"):
        await it.people.promote("chat", "ann", "good")


REQUIRED = replace(POLICY, replay=("golden",))


async def test_a_replay_that_is_asked_for_has_to_be_there(it):
    it.configure(REQUIRED)
    with refuses("replay_needed") as caught:
        await it.start()
    assert "golden: there is no such dataset." in caught.value.message
    assert caught.value.more["lacks"][0]["dataset"] == "golden"
    assert await it.store.rollouts("chat", limit=9) == []


@pytest.mark.parametrize("waiver", ["", " "])
async def test_nobody_does_without_in_silence(it, waiver):
    it.configure(REQUIRED)
    await it.conductor.load()
    with refuses("replay_needed"):
        await it.people.start("chat", "carol", "a newer model", waiver)


async def test_who_does_without_says_why_and_that_stays(it):
    it.configure(REQUIRED)
    await it.conductor.load()
    found = await it.people.start("chat", "carol", "a newer model", "the old one is gone on Monday")
    assert found.rollout.state is State.CANARY
    first, _ = await it.store.transitions(found.record.id)
    assert first.reason == "a newer model (without a replay: the old one is gone on Monday)"
    (kept,) = await it.store.rollouts("chat", limit=1)
    assert kept.policy["preflight"]["waived"] == "the old one is gone on Monday"


@pytest.mark.parametrize("regression", [True, False])
async def test_whether_a_rollback_grows_the_regression_dataset_is_fixed_at_the_start(it, regression):
    it.configure(replace(POLICY, regression=regression))
    assert is_kept((await it.start()).record) is regression


async def test_a_reason_is_no_waiver(it):
    """Why a rollout is begun does not say why it may do without."""
    await it.conductor.load()
    lacking = [{"dataset": "golden", "version": 1, "replay": None, "reason": "none", "command": None}]
    made = record("r1")
    await it.conductor.begin(replace(made, policy=made.policy | {"preflight": {"replays": lacking, "waived": None}}))
    assert isinstance(await it.act(Event.SUBMIT, reason="a newer model"), Refused)


async def test_a_replay_that_was_passed_stands_with_the_rollout(it, monkeypatch):
    async def passed(*_):
        return [Checked("golden", 3, "p1")]

    monkeypatch.setattr("llmgateway.controlplane.rollouts.preflight.Preflight.look", passed)
    it.configure(REQUIRED)
    found = await it.start()
    assert found.record.policy["preflight"]["replays"][0]["replay"] == "p1"
    assert found.record.policy["preflight"]["waived"] is None


# --- a newer one


def with_candidate(it, version_hash, policy=POLICY):
    """The route's table, with other content behind the candidate's name."""
    it.configure(policy)
    route = it.snapshot.routes["chat"]
    versions = tuple(replace(each, id=version_hash) if each.name == "v2" else each for each in route.versions)
    it.snapshot = replace(it.snapshot, routes={"chat": replace(route, versions=versions)})


WAITING = replace(POLICY, approvals=RolloutApprovals(1, 1))


async def started(it, policy=POLICY, reason="a newer model"):
    it.configure(policy)
    await it.conductor.load()
    return await it.people.start("chat", "carol", reason)


async def states(it):
    return {each.id: each.state for each in await it.store.rollouts("chat", limit=9)}


async def test_of_two_who_start_at_once_the_second_finds_the_firsts_on_its_way(it, monkeypatch):
    await it.conductor.load()
    act, gate, people = it.conductor.act, asyncio.Event(), it.people

    async def slowly(*wanted):
        await gate.wait()
        return await act(*wanted)

    monkeypatch.setattr(it.conductor, "act", slowly)
    first = asyncio.create_task(people.start("chat", "carol", "cheaper"))
    while "chat" not in it.conductor.running:
        await asyncio.sleep(0)
    second = asyncio.create_task(people.start("chat", "dan", "better"))
    await it.store.rollouts("chat", limit=9)  # the other has had its turn
    gate.set()
    assert (await first).record.creator == "carol"
    with pytest.raises(RefusedError, match="it has to end first"):
        await second
    (found,) = await it.store.rollouts("chat", limit=9)
    assert [row.actor for row in await it.store.transitions(found.id)][0] == "carol"


async def test_before_the_first_step_a_newer_one_takes_its_place(it):
    first = await started(it, WAITING)
    with_candidate(it, "id-3")
    second = await it.people.start("chat", "dan", "")
    assert await states(it) == {first.record.id: "superseded", second.record.id: "canary"}
    (*_, last) = await it.store.transitions(first.record.id)
    assert (last.event, last.actor) == ("supersede", "dan")
    assert it.workers.told["chat"]["rollout"] == second.record.id
    assert it.moves.count(Event.SUPERSEDE) == 1
    await it.restart()
    assert it.conductor.running["chat"].record.id == second.record.id


async def test_so_does_the_same_version_with_another_plan_but_not_the_very_same(it):
    await started(it, WAITING)
    with refuses("rollout_runs"):
        await it.people.start("chat", "carol", "again")
    it.configure(POLICY)
    assert (await it.people.start("chat", "carol", "nobody has to approve")).rollout.state is State.CANARY


async def test_a_draft_that_was_left_behind_is_no_obstacle(it):
    """Control was killed between the first row and the first move."""
    await it.conductor.load()
    await it.conductor.begin(record("r0"))
    second = await started(it)
    assert await states(it) == {"r0": "superseded", second.record.id: "canary"}


async def test_a_paused_one_gives_way_to_another_candidate_for_a_reason(it):
    first = await started(it)
    await it.people.pause("chat", "bob", "")
    with_candidate(it, "id-3")
    with refuses("rollout_refused") as caught:
        await it.people.start("chat", "dan", " ")
    assert caught.value.more["lacks"] == [{"what": "reason"}]
    assert await states(it) == {first.record.id: "paused"}
    second = await it.people.start("chat", "dan", "mended")
    (*_, last) = await it.store.transitions(first.record.id)
    assert (last.to_state, last.weight, last.reason) == ("superseded", 0.0, f"mended (rollout {second.record.id})")
    assert it.workers.weight == 0.2


async def test_a_paused_one_does_not_give_way_to_itself(it):
    await started(it)
    await it.people.pause("chat", "bob", "")
    it.configure(replace(POLICY, alpha=0.01))
    with refuses("rollout_runs") as caught:
        await it.people.start("chat", "dan", "let us forget about that")
    assert "resume it, or roll it back" in caught.value.message


async def test_one_that_is_on_its_way_does_not_give_way(it):
    await started(it)
    with_candidate(it, "id-3")
    with refuses("rollout_runs") as caught:
        await it.people.start("chat", "dan", "quick")
    assert "is canary: it has to end first" in caught.value.message


async def test_one_that_has_ended_is_filed_first(it):
    await started(it)
    await it.people.rollback("chat", "bob", "never mind")
    await it.look()
    with refuses("rollout_runs") as caught:
        await it.people.start("chat", "dan", "again")
    assert "ask again in some seconds" in caught.value.message


async def test_what_was_superseded_counts_nothing_more(it):
    first = await started(it)
    await it.see(3)
    await it.people.pause("chat", "bob", "")
    with_candidate(it, "id-3")
    await it.people.start("chat", "dan", "mended")
    await it.see(3, rollout=first.record.id)
    counts, _ = await it.store.epoch_counts(first.record.id)
    assert max(each.candidate_units for each in counts) == 3


async def test_a_move_in_between_is_noticed(it, monkeypatch):
    await started(it, WAITING)

    async def elsewhere(*_):
        return False

    monkeypatch.setattr(it.store, "replace_rollout", elsewhere)
    with_candidate(it, "id-3")
    with pytest.raises(StoreError, match="elsewhere"):
        await it.people.start("chat", "dan", "")


async def test_before_the_first_step_another_configuration_supersedes_it(it):
    first = await started(it, WAITING)
    with_candidate(it, "id-3", WAITING)
    await it.look()
    assert await states(it) == {first.record.id: "superseded"}
    (*_, last) = await it.store.transitions(first.record.id)
    assert last.reason == "the configuration has other versions now"
