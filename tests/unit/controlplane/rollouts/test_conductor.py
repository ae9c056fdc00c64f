"""Rollouts are moved by evidence, workers hear of it, and a control that dies in between is no loss."""

from dataclasses import replace

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.staged import SNAPSHOT, entry, record

from llmgateway.config.snapshot import Route
from llmgateway.controlplane.rollouts.conductor import UNHEARD_S, Act, Conductor
from llmgateway.controlplane.rollouts.watchfile import LOST_S, Watchfile
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.review import Concern, Severity
from llmgateway.ports.events import WantedEvents
from llmgateway.ports.rollouts import ApprovalRecord
from llmgateway.ports.store import StoreError
from llmgateway.rollout.rollout import Pause, State
from llmgateway.rollout.states import Event, Refused
from llmgateway.store.sqlite import SqliteStore


class Workers:
    """Two workers who do as they are told, unless they are deaf."""

    def __init__(self):
        self.is_whole, self.is_deaf = True, False
        self.told, self.held = {}, "nothing yet"

    def weigh(self, routes):
        self.told = dict(routes)
        name = str(sorted((route, each["rollout"], each["epoch"], each["weight"]) for route, each in routes.items()))
        self.held = self.held if self.is_deaf else name
        return name

    def is_weighed(self, name):
        return self.held == name

    @property
    def weight(self):
        return self.told["chat"]["weight"]


class Setting:
    """A conductor with all that is around it; `restart` puts a new one in its place, as a killed control is."""

    def __init__(self, store):
        self.store, self.workers, self.clock = store, Workers(), ManualClock()
        self.snapshot, self.moves, self.make = SNAPSHOT, [], ExchangeFactory()
        self.events = []
        self.conductor = self.conduct()

    def conduct(self):
        def note(_, row):
            self.moves.append(row.event)

        return Conductor(
            self.store,
            self.workers,
            lambda: self.snapshot,
            self.clock,
            on_move=note,
            on_event=self.events.append,
        )

    async def restart(self):
        self.conductor = self.conduct()
        await self.conductor.load()

    async def begin(self):
        await self.conductor.load()
        await self.conductor.begin(record())
        await self.act(Event.SUBMIT)
        await self.conductor.look()

    async def act(self, event, actor="ann", reason="why"):
        found = self.conductor.running["chat"]
        return await self.conductor.act("chat", Act(event, actor, reason), await self.conductor.people(found, actor))

    async def see(self, count, *, version="v2", **changes):
        """Have so many callers' exchanges ingested."""
        epoch = self.rollout.epoch
        users = [f"{version}-{self.clock.monotonic()}-{number}" for number in range(count)]
        at = {"ended_at": self.clock.time(), "rollout": self.rollout.id}
        entries = [entry(self.make, user, version=version, epoch=epoch, **(at | changes)) for user in users]
        tallies = self.conductor.tallies(entries)
        await self.store.append(entries, [], [], None, tallies=tallies)
        self.conductor.counted(tallies)

    async def look(self, seconds=1.0):
        self.clock.advance(seconds)
        await self.conductor.look()

    async def both(self, count=6):
        """As many callers of either version as its share says, all of them content."""
        weight = self.rollout.weight
        await self.see(count)
        await self.see(round(count * (1 - weight) / weight), version="v1")
        await self.look()

    @property
    def rollout(self):
        return self.conductor.running["chat"].rollout


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield Setting(store)
    await store.close()


async def ready(it):
    """Bring it to where nothing is lacking for the promotion."""
    await it.begin()
    await it.both()
    await it.both(20)
    await it.both(20)
    found = it.rollout
    assert found.state is State.AWAITING_APPROVAL
    await it.store.approve_rollout(
        ApprovalRecord("r1", "ann", found.version_hash, found.evidence_hash, it.clock.time())
    )
    rows = await it.store.exemplars("r1", "v2", limit=10)
    await it.store.note_exemplars("r1", "ann", [row["id"] for row in rows], 1.0)


async def promoted(it):
    """Bring it to the promotion."""
    await ready(it)
    assert not isinstance(await it.act(Event.PROMOTE), Refused)
    await it.conductor.look()


async def test_a_good_candidate_goes_step_by_step_and_is_promoted_by_people(it):
    await it.begin()
    assert (it.rollout.state, it.workers.weight) == (State.CANARY, 0.2)
    await it.both()
    assert (it.rollout.step, it.workers.weight) == (1, 0.5)
    await it.both(20)
    await it.both(20)
    assert (it.rollout.state, it.workers.weight) == (State.AWAITING_APPROVAL, 0.5)
    refused = await it.act(Event.PROMOTE)
    assert {each.what.value for each in refused.lacks} == {"approvals", "unseen"}


async def test_after_the_promotion_it_bakes_and_then_everybody_has_it(it):
    await promoted(it)
    assert (it.rollout.state, it.workers.weight) == (State.BAKE, 0.95)
    await it.both(19)
    await it.look(10)
    assert (it.rollout.state, it.workers.weight) == (State.SUCCEEDED, 1.0)
    assert it.moves[-2:] == ["in_force", "baked"]


async def test_a_candidate_that_fails_is_out_at_the_next_look(it):
    await it.begin()
    await it.see(10, status=500)
    await it.see(40, version="v1")
    await it.look(0)
    assert it.workers.weight == 0.0
    assert it.rollout.state is State.ROLLED_BACK  # the workers had it at once


async def test_it_is_rolling_back_until_every_worker_has_said_so(it):
    await it.begin()
    it.workers.is_deaf = True
    await it.act(Event.ROLL_BACK)
    await it.look()
    assert it.rollout.state is State.ROLLING_BACK
    it.workers.is_deaf = False
    it.conductor.tell()
    await it.look()
    assert it.rollout.state is State.ROLLED_BACK


async def test_a_worker_that_is_away_is_not_waited_for_forever(it):
    await it.begin()
    it.workers.is_whole = False
    await it.act(Event.ROLL_BACK)
    await it.look()
    assert it.rollout.state is State.ROLLING_BACK
    await it.look(UNHEARD_S)
    assert it.rollout.state is State.ROLLED_BACK


async def test_a_new_control_goes_on_where_the_store_is(it):
    await it.begin()
    await it.both()
    before = it.rollout
    it.workers.told = {}
    await it.restart()
    assert it.rollout == before
    assert it.workers.weight == 0.5
    await it.both(20)
    await it.both(20)
    assert it.rollout.state is State.AWAITING_APPROVAL


async def test_no_worker_is_told_anything_before_the_store_was_read(it):
    await it.begin()
    new = it.conduct()
    it.workers.told = {"chat": "as before"}
    new.tell()
    await new.look()
    assert it.workers.told == {"chat": "as before"}


def die(store, when, monkeypatch):
    """Have control killed before or after the next move is in the store."""
    real = store.move_rollout

    async def dying(*move):
        if when == "after":
            await real(*move)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "move_rollout", dying)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_around_the_commit_of_a_move_it_is_made_once(it, when, monkeypatch):
    await it.begin()
    die(it.store, when, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        await it.act(Event.ROLL_BACK)
    assert it.workers.weight == 0.2, "nobody hears of what is not in the store"
    monkeypatch.undo()
    await it.restart()
    if when == "before":
        await it.act(Event.ROLL_BACK)
    await it.look()
    assert it.rollout.state is State.ROLLED_BACK
    events = [row.event for row in await it.store.transitions("r1")]
    assert events == ["submit", "start", "roll_back", "in_force"]


async def test_a_move_that_was_saved_and_never_heard_of_is_read_again(it, monkeypatch):
    await it.begin()
    real = it.store.move_rollout

    async def forgetful(*move):
        await real(*move)
        raise StoreError("gone")

    monkeypatch.setattr(it.store, "move_rollout", forgetful)
    with pytest.raises(StoreError):
        await it.act(Event.ROLL_BACK)
    monkeypatch.undo()
    it.workers.is_deaf = True
    await it.conductor.look()
    assert (it.rollout.state, it.workers.weight) == (State.ROLLING_BACK, 0.0), "nobody had to ask again"
    it.workers.is_deaf = False
    it.conductor.tell()
    await it.conductor.look()
    assert it.rollout.state is State.ROLLED_BACK


async def test_a_rollout_whose_beginning_was_saved_and_never_heard_of_can_be_given_up(it, monkeypatch):
    await it.conductor.load()
    real = it.store.add_rollout

    async def forgetful(new):
        await real(new)
        raise StoreError("gone")

    monkeypatch.setattr(it.store, "add_rollout", forgetful)
    with pytest.raises(StoreError):
        await it.conductor.begin(record())
    monkeypatch.undo()
    await it.conductor.look()
    assert it.rollout.state is State.DRAFT
    await it.act(Event.ABORT)
    assert it.rollout.state is State.ABORTED


async def test_a_rollout_that_somebody_else_has_moved_is_not_moved_by_what_was_thought(it):
    await it.begin()
    other = it.conduct()
    await other.load()
    await it.act(Event.PAUSE)
    with pytest.raises(StoreError, match="elsewhere"):
        await other.act("chat", Act(Event.ROLL_BACK, "bob", "why"))
    assert other.running["chat"].rollout.state is State.PAUSED


async def test_what_it_does_by_itself_is_an_event_and_what_people_do_is_none(it):
    await it.begin()
    await it.act(Event.PAUSE)
    await it.act(Event.RESUME)
    await it.see(6, status=500)
    await it.look()
    await it.look()
    kept = await it.store.events(WantedEvents(), limit=9)
    assert [(each.id, each.action) for each in reversed(kept)] == [
        ("rollout-r1-2", "start"), ("rollout-r1-5", "roll_back"), ("rollout-r1-6", "in_force"),
    ]  # fmt: skip
    assert [each.id for each in it.events] == [each.id for each in reversed(kept)]
    assert "rolled back: the candidate does harm. Bad so far: error 6 of 6 on the candidate" in kept[1].text


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_around_the_commit_of_a_move_no_event_is_lost_and_none_is_there_twice(it, when, monkeypatch):
    await it.begin()
    await it.see(6, status=500)
    die(it.store, when, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        await it.look()
    monkeypatch.undo()
    await it.restart()
    await it.look()
    await it.look()
    moves = [f"rollout-r1-{row.revision}" for row in await it.store.transitions("r1") if not row.actor]
    kept = await it.store.events(WantedEvents(), limit=9)
    assert [each.id for each in reversed(kept)] == moves
    assert [each.action for each in kept] == ["in_force", "roll_back", "start"]


@pytest.mark.parametrize("what", ["gone", "candidate", "stable"])
async def test_a_configuration_with_other_versions_ends_it(it, what):
    await it.begin()
    route = it.snapshot.routes["chat"]
    one, two = route.versions
    versions = (one, replace(two, id="x")) if what == "candidate" else (replace(one, id="x"), two)
    routes = {} if what == "gone" else {"chat": Route("chat", versions)}
    it.snapshot = replace(it.snapshot, routes=routes)
    await it.look()
    assert it.rollout.state is State.ROLLED_BACK
    assert (await it.store.transitions("r1"))[2].reason == "the configuration has other versions now"


async def test_other_weights_in_the_configuration_do_not(it):
    await it.begin()
    one, two = it.snapshot.routes["chat"].versions
    it.snapshot = replace(it.snapshot, routes={"chat": Route("chat", (replace(one, weight=7.0), two))})
    await it.look()
    assert it.rollout.state is State.CANARY


async def test_a_rollout_that_cannot_be_read_is_left_alone_and_the_others_run(it):
    await it.store.add_rollout(record("r0", route="broken", policy={}))
    await it.begin()
    await it.restart()
    assert set(it.conductor.running) == {"chat"}


async def test_when_it_is_filed_nobody_goes_by_it(it):
    await it.begin()
    await it.act(Event.ROLL_BACK)
    await it.look()
    await it.conductor.leave(it.conductor.running["chat"], 3)
    assert it.workers.told == {} == it.conductor.running
    assert await it.store.running_rollouts() == []


async def test_an_open_concern_keeps_it_from_being_promoted(it):
    await it.begin()
    await it.both()
    await it.both(20)
    await it.both(20)
    await it.store.add_concern(Concern("c1", 1.0, "bob", "chat", "id-2", Severity.LOW, "it is rude"))
    refused = await it.act(Event.PROMOTE)
    assert "concerns" in {each.what.value for each in refused.lacks}


async def test_a_concern_that_comes_while_the_promotion_is_on_its_way_keeps_it_back(it, monkeypatch):
    await ready(it)
    real = it.store.move_rollout

    async def raised(*move):
        await it.store.add_concern(Concern("c1", 1.0, "bob", "chat", "id-2", Severity.LOW, "it is rude"))
        return await real(*move)

    monkeypatch.setattr(it.store, "move_rollout", raised)
    with pytest.raises(StoreError):
        await it.act(Event.PROMOTE)
    monkeypatch.undo()
    assert it.rollout.state is State.AWAITING_APPROVAL
    await it.restart()
    assert it.rollout.state is State.AWAITING_APPROVAL
    refused = await it.act(Event.PROMOTE)
    assert [each.what.value for each in refused.lacks] == ["concerns"]


@pytest.mark.parametrize(("away_s", "state"), [(LOST_S - 1, State.CANARY), (LOST_S + 1, State.PAUSED)])
async def test_nobody_watched_for_a_while(it, tmp_path, away_s, state):
    def watched():
        return Conductor(
            it.store, it.workers, lambda: it.snapshot, it.clock, watch=Watchfile(tmp_path / "watched", it.clock)
        )

    it.conductor = watched()
    await it.begin()
    it.clock.advance(away_s)
    it.conductor = watched()
    await it.conductor.load()
    await it.conductor.look()
    assert (it.rollout.state, it.workers.weight) == (state, 0.2)
    if state is State.PAUSED:
        assert it.rollout.pause is Pause.CONTROLLER_LOST
        await it.act(Event.RESUME)
        await it.look()
        assert it.rollout.state is State.CANARY, "it pauses once"


async def test_nobody_watched_and_the_store_is_away_at_the_first_look(it, tmp_path, monkeypatch):
    watch = Watchfile(tmp_path / "watched", it.clock)
    await it.begin()
    watch.tick()
    it.clock.advance(LOST_S + 1)
    it.conductor = Conductor(it.store, it.workers, lambda: it.snapshot, it.clock, watch=watch)
    await it.conductor.load()

    async def away(*_):
        raise StoreError("locked")

    monkeypatch.setattr(it.store, "move_rollout", away)
    with pytest.raises(StoreError):
        await it.conductor.look()
    monkeypatch.undo()
    await it.conductor.look()
    assert it.rollout.pause is Pause.CONTROLLER_LOST


def test_who_says_goodbye_is_not_missed(tmp_path):
    clock = ManualClock()
    watch = Watchfile(tmp_path / "watched", clock)
    watch.tick()
    clock.advance(LOST_S + 1)
    assert watch.was_lost()
    watch.close()
    assert not watch.was_lost()


async def test_one_that_can_not_be_decided_holds_up_no_other(it, monkeypatch, caplog):
    await it.begin()
    await it.conductor.begin(record("r2", route="a-first"))
    it.conductor.running = dict(sorted(it.conductor.running.items()))
    await it.see(10, status=500)
    await it.see(40, version="v1")
    real = it.conductor._step

    async def step(route):
        if route == "a-first":
            raise ValueError("no weight is known for epoch 7")
        return await real(route)

    monkeypatch.setattr(it.conductor, "_step", step)
    await it.look(0)
    assert it.rollout.state is State.ROLLED_BACK
    assert "a-first could not be looked at" in caplog.text
