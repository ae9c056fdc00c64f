"""A rollout whose record is damaged is told of, holds up nobody else, keeps its weight, and is filed away by a person."""

import sqlite3
from contextlib import closing

import pytest
from tests.support.scores import score
from tests.support.staged import entry, record
from tests.unit.controlplane.rollouts.test_conductor import Setting
from tests.unit.controlplane.rollouts.test_people import People, refuses

from llmgateway.controlplane.events import Events
from llmgateway.controlplane.rollouts import conductor
from llmgateway.controlplane.rollouts.scoretally import score_tallies
from llmgateway.controlplane.rollouts.shown import head
from llmgateway.controlplane.rollouts.unreadable import MAX_WHY, alarm, why_of
from llmgateway.domain.event import EventSeverity
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.scores import Cursor, Placement
from llmgateway.ports.store import StoreError
from llmgateway.rollout.rollout import State
from llmgateway.store.sqlite import SqliteStore

DAMAGE = {
    "no JSON": ("policy", '{"plan": {"steps"'),
    "no object": ("place", "[1]"),
    "not its members": ("policy", "{}"),
    "not their types": ("policy", '{"plan": {}, "slow": {}, "scores": []}'),
    "no place": ("place", '{"state": "canary"}'),
    "no such state": ("place", '{"state": "lost"}'),
}


class Damaged(People):
    """With a rollout of its own on `chat`, and one hand in the store's file. `events` are those of the gateway."""

    def __init__(self, store):
        super().__init__(store)
        self.alarms = Events(store)

    def conduct(self):
        made = super().conduct()
        made.on_looked = lambda lost: alarm(lost, self.alarms, self.clock.time())
        return made

    def damage(self, column, value):
        with closing(sqlite3.connect(self.store.path)) as connection, connection:
            connection.execute(f"UPDATE rollout SET {column} = ?", (value,))

    async def broken(self, column="policy", value="{"):
        """Bring it to its second step, damage its record, and start control anew."""
        await self.start()
        await self.both()
        assert (self.rollout.step, self.workers.weight) == (1, 0.5)
        name = self.rollout.id
        self.damage(column, value)
        self.workers.told = {}
        await self.restart()
        return name

    async def told(self):
        """The alarms, the newest first, as the store has them after a look."""
        await self.alarms.write()  # else nobody knows which are there
        await self.look()
        await self.alarms.write()
        found = await self.store.events(WantedEvents(), limit=9)
        return [each for each in found if each.action == "unreadable"]

    @property
    def lost(self):
        return self.conductor.lost["chat"]


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    store.count_scores(score_tallies(lambda: 9.0))
    yield Damaged(store)
    await store.close()


async def test_its_candidate_is_on_trial_still(it):
    assert it.conductor.candidate("chat") is None
    await it.broken()
    assert (it.conductor.running, it.conductor.candidate("chat")) == ({}, "v2")


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_whatever_is_damaged_workers_keep_the_weight_that_they_had(it, damage):
    name = await it.broken(*damage)
    assert it.conductor.running == {}
    assert it.lost.why
    told = it.workers.told["chat"]
    assert (told["rollout"], told["weight"], told["epoch"], told["candidate"]) == (name, 0.5, 2, "v2")
    for _ in range(3):
        await it.look(60)
    assert it.workers.told["chat"] == told


async def test_a_key_that_is_none_is_told_of_too_and_then_the_file_s_weights_hold(it):
    await it.broken("unit_key", "no hex")
    assert it.workers.told == {}
    assert (it.lost.weight, it.lost.share) == (None, 0.0)


async def test_before_the_first_step_nobody_has_had_the_candidate(it):
    await it.conductor.load()
    await it.store.add_rollout(record("r1", policy={}))
    await it.restart()
    assert (it.lost.share, it.workers.told) == (0.0, {})


async def test_the_others_go_on_and_the_log_comes_in(it):
    await it.store.add_rollout(record("r0", route="broken", policy={}))
    it.damage("policy", "{")
    await it.start()
    await it.both()
    assert (set(it.conductor.running), set(it.conductor.lost)) == ({"chat"}, {"broken"})
    assert it.rollout.step == 1


async def test_scores_are_placed_beside_a_damaged_record(it):
    await it.broken("place", "{")
    row = entry(it.make, "ann", rollout=None, epoch=None)
    await it.store.append([row], [], [], None, [score(it.make, row.row["id"])])
    found = await it.store.unplaced(Cursor(), overdue=0.0, limit=9)
    placements = [Placement(each, "valid", target) for each, target in found.pairs]
    await it.store.place_scores(placements, b"{}")
    assert len(placements) == 1


async def test_it_is_one_alarm_over_restarts_until_it_is_filed_away(it):
    await it.broken()
    (event,) = await it.told()
    assert (event.severity, event.route, event.version) == (EventSeverity.ALARM, "chat", "v2")
    assert "its candidate keeps 50 % of assignments" in event.text
    assert "llmgateway rollout discard chat" in event.text
    await it.restart()
    assert [each.id for each in await it.told()] == [event.id]
    await it.people.discard("chat", "ann", "the disk was bad")
    (event,) = await it.told()
    assert event.cleared_at == it.clock.time()


async def test_one_that_can_be_read_again_goes_on_and_its_alarm_is_over(it):
    await it.start()
    with closing(sqlite3.connect(it.store.path)) as connection:
        ((policy,),) = connection.execute("SELECT policy FROM rollout").fetchall()
    it.damage("policy", "{")
    await it.restart()
    await it.told()
    it.damage("policy", policy)
    await it.restart()
    (event,) = await it.told()
    assert event.cleared_at is not None
    assert (it.rollout.state, it.conductor.lost) == (State.CANARY, {})


@pytest.mark.parametrize("act", ["pause", "resume", "promote", "approve"])
async def test_nobody_moves_it_and_everybody_is_told_the_way_out(it, act):
    await it.broken()
    with refuses("rollout_unreadable") as caught:
        await getattr(it.people, act)("chat", "ann", "why")
    assert "llmgateway rollout discard chat --reason" in caught.value.message


async def test_no_other_begins_on_its_route_before_it_is_filed_away(it):
    name = await it.broken()
    with refuses("rollout_unreadable"):
        await it.people.start("chat", "carol", "again")
    with refuses("rollout_refused"):
        await it.people.discard("chat", "ann", " ")
    await it.people.discard("chat", "ann", "the disk was bad")
    assert (it.workers.told, it.conductor.lost) == ({}, {})
    (kept,) = await it.store.rollouts("chat", limit=9)
    assert (kept.id, kept.state, kept.filed) == (name, "aborted", it.snapshot.generation)
    (*_, row) = await it.store.transitions(name)
    assert (row.event, row.from_state, row.to_state, row.weight) == ("abort", "canary", "aborted", 0.0)
    assert (row.actor, row.reason) == ("ann", "the disk was bad (it could not be read)")
    await it.restart()
    again = await it.people.start("chat", "carol", "again")
    assert (again.rollout.state, again.record.id != name) == (State.CANARY, True)


async def test_a_rollback_needs_nobody_and_no_record_either(it):
    name = await it.broken()
    await it.people.rollback("chat", "bob", "")
    assert it.workers.told == {}
    assert (await it.store.transitions(name))[-1].reason == "(it could not be read)"


async def test_what_can_be_read_is_rolled_back_and_not_discarded(it):
    await it.start()
    with refuses("rollout_readable"):
        await it.people.discard("chat", "ann", "no more of that")
    with refuses("route_not_found"):
        await it.people.discard("elsewhere", "ann", "no more of that")


async def test_a_record_that_somebody_else_has_filed_is_read_again(it):
    await it.broken()
    other = it.conduct()
    await other.load()
    await it.conductor.discard("chat", "ann", "why")
    with pytest.raises(StoreError, match="elsewhere"):
        await other.discard("chat", "ben", "why")
    assert other.lost == {}


async def test_one_that_can_be_read_and_not_be_decided_on_is_told_of_the_same_way(it, monkeypatch, caplog):
    await it.start()
    monkeypatch.setattr(it.conductor, "evidence", lambda _: {}["counts"])
    (event,) = await it.told()
    assert "KeyError" in event.text
    for _ in range(3):
        await it.look()
    assert len([each for each in caplog.records if "can't be read or" in each.getMessage()]) == 1, "said once"
    assert it.workers.weight == 0.2
    monkeypatch.undo()
    (event,) = await it.told()
    assert (event.cleared_at, it.conductor.lost) == (it.clock.time(), {})
    monkeypatch.setattr(it.conductor, "evidence", lambda _: {}["counts"])
    await it.look()
    await it.people.discard("chat", "ann", "nobody knows why")
    assert (it.conductor.running, it.workers.told) == ({}, {})


async def test_one_that_people_have_moved_since_is_filed_away_as_it_stands_now(it, monkeypatch, caplog):
    await it.start()
    monkeypatch.setattr(conductor, "decide", lambda *_: {}["counts"])
    (event,) = await it.told()
    await it.people.pause("chat", "ann", "nobody knows why")
    assert [each.id for each in await it.told()] == [event.id]
    await it.people.discard("chat", "ann", "nobody knows why")
    assert (it.conductor.running, it.conductor.lost, it.conductor.known, it.workers.told) == ({}, {}, {}, {})
    assert len([each for each in caplog.records if "can't be read or" in each.getMessage()]) == 1, "said once"


async def test_what_was_lost_before_is_no_word_on_the_one_that_is_lost_now(it, monkeypatch):
    await it.start()
    monkeypatch.setattr(conductor, "decide", lambda *_: {}["counts"])
    await it.look()
    await it.people.pause("chat", "ann", "nobody knows why")
    it.damage("policy", "{")
    with pytest.raises(StoreError, match="elsewhere"):
        await it.people.discard("chat", "ann", "why")
    await it.people.discard("chat", "ann", "why")
    assert (it.conductor.running, it.conductor.lost, it.workers.told) == ({}, {}, {})


async def test_what_is_filed_is_not_lost_any_more(it, monkeypatch):
    await it.start()
    monkeypatch.setattr(conductor, "decide", lambda *_: {}["counts"])
    await it.look()
    await it.conductor.leave(it.conductor.running["chat"], 1)
    assert it.conductor.lost == {}


async def test_a_rollback_needs_no_evidence_that_can_be_counted(it, monkeypatch):
    name = (await it.start()).record.id
    monkeypatch.setattr(it.conductor, "evidence", lambda _: {}["counts"])
    await it.look()
    await it.people.rollback("chat", "bob", "no more of that")
    assert (it.conductor.running, it.conductor.lost, it.workers.told) == ({}, {}, {})
    (*_, row) = await it.store.transitions(name)
    assert (row.actor, row.to_state, row.weight) == ("bob", "aborted", 0.0)


async def test_status_says_what_is_wrong(it):
    await it.broken("policy", "{}")
    (kept,) = await it.store.rollouts("chat", limit=1)
    told = head(kept, it.lost)["unreadable"]
    assert (told["why"], told["weight"]) == ("KeyError: 'plan'", 0.5)
    assert head(kept)["unreadable"] is None


def test_why_is_told_in_some_words():
    assert len(why_of(ValueError("x" * 10_000))) == MAX_WHY


async def test_a_plain_conductor_has_nobody_to_tell(it):
    await it.store.add_rollout(record("r0", route="broken", policy={}))
    plain = Setting(it.store)
    await plain.conductor.load()
    await plain.look()
    assert set(plain.conductor.lost) == {"broken"}
