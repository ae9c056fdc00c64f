"""What the gateway did by itself is undone by one act, once, and only where things are as the event left them."""

import asyncio
import tomllib
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from tests.support.staged import POLICY
from tests.unit.controlplane.rollouts.test_people import People, refuses

from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.rollouts.conductor import Act
from llmgateway.controlplane.undoing import Undoing
from llmgateway.domain.event import EventKind, EventSeverity, GatewayEvent
from llmgateway.ports.events import WantedEvents
from llmgateway.rollout.rollout import State
from llmgateway.rollout.states import Event
from llmgateway.store.sqlite import SqliteStore


class Backends:
    """Knows one backend, and counts who heals it."""

    def __init__(self):
        self.healed, self.gate = 0, asyncio.Event()
        self.gate.set()

    async def heal(self, name):
        if name != "one":
            raise KeyError(name)
        self.healed += 1
        await self.gate.wait()


@dataclass
class Changes:
    """Notes what is changed in which text."""

    text: str
    orders: list
    file = SimpleNamespace(path="config.toml")

    async def make(self, edit, order):
        self.text = edit(self.text)
        self.orders.append(order)


class Drift:
    """Watches one version, and notes who takes a new reference for it."""

    def __init__(self):
        self.begun = []

    async def begin_anew(self, route, version, by, content=None):
        if (route, version, content) != ("chat", "v1", "aaa"):
            return []
        self.begun.append(by)
        return [version]


class Setting(People):
    def __init__(self, store):
        super().__init__(store)
        self.backends, self.changes, self.drift = Backends(), Changes("", []), Drift()
        rollouts = SimpleNamespace(conductor=self.conductor, people=self.people)
        self.undoing = Undoing(
            store,
            self.clock,
            lambda: self.snapshot,
            backends=self.backends,
            rollouts=rollouts,
            changes=self.changes,
            drift=self.drift,
        )

    async def last(self, action):
        """The last event of this action."""
        found = await self.store.events(WantedEvents(), limit=100)
        return next(each for each in found if each.action == action)

    async def undo(self, action, reason="it was right before"):
        return await self.undoing.undo((await self.last(action)).id, "ann", reason)

    async def harmed(self):
        """A rollout that was rolled back because of harm, and filed."""
        await self.start()
        await self.see(6, status=500)
        await self.look()
        await self.look()
        found = self.conductor.running["chat"]
        assert found.rollout.state is State.ROLLED_BACK
        return found


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    yield Setting(store)
    await store.close()


def event(**changes):
    made = GatewayEvent("e1", 5.0, EventKind.BACKEND, "ejected", EventSeverity.ALARM, "it is out", backend="one")
    return replace(made, **({"undo": {"act": "backends.heal", "backend": "one"}} | changes))


async def test_a_backend_that_was_put_out_is_healed(it):
    await it.store.add_events([event()])
    done = await it.undoing.undo("e1", "ann", "the disk is new")
    assert (it.backends.healed, done.undone_by, done.undone_at) == (1, "ann", it.clock.time())


async def test_what_is_undone_stays_undone(it):
    await it.store.add_events([event()])
    await it.undoing.undo("e1", "ann", "why")
    with refuses("undone_already"):
        await it.undoing.undo("e1", "bob", "why")
    assert it.backends.healed == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"undo": None}, "nothing_to_undo"), ({"cleared_at": 6.0}, "over_already")],
)
async def test_what_can_not_be_undone_is_said(it, changes, code):
    await it.store.add_events([replace(event(), **changes)])
    with refuses(code):
        await it.undoing.undo("e1", "ann", "why")
    assert it.backends.healed == 0


async def test_an_unknown_event_a_gone_backend_and_a_missing_reason_are_said(it):
    gone = replace(event(), id="e2", undo={"act": "backends.heal", "backend": "gone"})
    await it.store.add_events([event(), gone])
    with refuses("event_not_found"):
        await it.undoing.undo("nothing", "ann", "why")
    with refuses("backend_not_found"):
        await it.undoing.undo("e2", "ann", "why")
    for blank in ("", " ", "\n\t"):
        with refuses("reason_missing"):
            await it.undoing.undo("e1", "ann", blank)
    assert (await it.store.event("e2")).undone_at is None, "what failed is not undone"


async def test_drift_is_undone_by_a_new_reference_of_the_version_it_is_of(it):
    undo = {"act": "drift.reset", "route": "chat", "version": "v1", "id": "aaa"}
    moved = event(id="e2", kind=EventKind.DRIFT, undo=undo | {"id": "bbb"})
    await it.store.add_events([event(kind=EventKind.DRIFT, undo=undo), moved])
    done = await it.undoing.undo("e1", "ann", "the prompt is new")
    assert (it.drift.begun, done.undone_by) == (["ann"], "ann")
    with refuses("moved_on"):
        await it.undoing.undo("e2", "ann", "why")
    assert it.drift.begun == ["ann"]


async def test_a_start_is_undone_by_a_rollback(it):
    await it.start()
    await it.undo("start", "too early")
    assert it.rollout.state is State.ROLLING_BACK
    row = (await it.store.transitions(it.rollout.id))[-1]
    assert (row.actor, row.reason) == ("ann", "too early")


async def test_a_step_that_others_followed_is_not_undone(it):
    await it.start()
    await it.both(6)
    assert it.rollout.step == 1
    with refuses("moved_on"):
        await it.undo("start")
    await it.undo("advance")
    assert it.rollout.state is State.ROLLING_BACK


async def test_a_pause_is_undone_by_going_on(it):
    await it.start()
    await it.conductor.act(
        "chat", _nobodys(Event.CONTROLLER_LOST), await it.conductor.people(it.conductor.running["chat"])
    )
    assert it.rollout.state is State.PAUSED
    await it.undo("pause", "I have looked")
    assert it.rollout.state is State.CANARY


async def test_a_pause_that_a_person_has_taken_over_is_theirs(it):
    await it.start()
    await it.conductor.act(
        "chat", _nobodys(Event.CONTROLLER_LOST), await it.conductor.people(it.conductor.running["chat"])
    )
    await it.act(Event.PAUSE)
    with refuses("moved_on"):
        await it.undo("pause")


async def test_a_rollback_is_undone_by_another_start_once_the_file_says_what_came_of_it(it):
    ended = await it.harmed()
    with refuses("not_yet"):
        await it.undo("roll_back")
    await it.conductor.leave(ended, 2)
    done = await it.undo("roll_back", "the backend was at fault")
    assert done.undone_by == "ann"
    assert it.rollout.id != ended.record.id
    assert (it.rollout.state, it.rollout.creator) == (State.CANARY, "ann")


@pytest.mark.parametrize("what", ["another candidate", "another content", "no rollout"])
async def test_a_rollback_is_not_undone_by_the_start_of_something_else(it, what):
    ended = await it.harmed()
    await it.conductor.leave(ended, 2)
    route = it.snapshot.routes["chat"]
    one, two = route.versions
    changed = {
        "another candidate": replace(
            route, versions=(one, two, replace(two, name="v3", id="id-3")), rollout=replace(POLICY, candidate="v3")
        ),
        "another content": replace(route, versions=(one, replace(two, id="edited"))),
        "no rollout": replace(route, rollout=None),
    }
    it.snapshot = replace(it.snapshot, routes={"chat": changed[what]})
    with refuses("moved_on"):
        await it.undo("roll_back")
    assert not it.conductor.running


async def test_a_rollback_that_another_rollout_followed_is_not_undone(it):
    ended = await it.harmed()
    await it.conductor.leave(ended, 2)
    it.clock.advance(5.0)
    await it.people.start("chat", "bob", "again")
    with refuses("moved_on"):
        await it.undo("roll_back")


async def succeeded(it):
    """Bring it to its end, and the file to say so."""
    await it.store.add_events([event(id="e9", action="succeed", undo=UNDO)])
    await it.harmed()
    (record,) = await it.store.rollouts("chat", limit=9)
    await it.store.add_events([event(id="e10", action="succeed", undo=UNDO | {"rollout": record.id})])
    await it.conductor.leave(it.conductor.running["chat"], 2)
    it.configure(v1=0, v2=1)


UNDO = {"act": "routes.weight", "route": "chat", "rollout": "r1", "revision": 8, "weights": {"v1": 1.0, "v2": 0.0}}
TEXT = """[routes.chat.versions.v1]
weight = 0
[routes.chat.versions.v2]
weight = 1
"""


async def test_a_success_is_undone_by_the_weights_before_it(it):
    await succeeded(it)
    it.changes.text = TEXT
    await it.undoing.undo("e10", "ann", "it is worse after all")
    versions = tomllib.loads(it.changes.text)["routes"]["chat"]["versions"]
    assert {name: each["weight"] for name, each in versions.items()} == {"v1": 1, "v2": 0}
    (order,) = it.changes.orders
    assert (order.author, order.reason) == ("ann", "it is worse after all")


async def test_weights_that_somebody_has_changed_since_are_left_alone(it):
    await succeeded(it)
    it.configure(v1=1, v2=1)
    with refuses("moved_on"):
        await it.undoing.undo("e10", "ann", "why")
    with refuses("moved_on"):
        await it.undoing.undo("e9", "ann", "of another rollout")
    assert it.changes.orders == []


async def test_no_weight_goes_back_to_what_is_another_version_by_now(it):
    await succeeded(it)
    route = it.snapshot.routes["chat"]
    one, two = route.versions
    it.snapshot = replace(it.snapshot, routes={"chat": replace(route, versions=(replace(one, id="edited"), two))})
    with refuses("moved_on"):
        await it.undoing.undo("e10", "ann", "why")
    assert it.changes.orders == []


async def test_where_nothing_rolls_out_and_nothing_can_be_written_that_is_said(it):
    await succeeded(it)
    bare = Undoing(it.store, it.clock, lambda: it.snapshot, backends=it.backends, rollouts=None, changes=None)
    with refuses("config_read_only"):
        await bare.undo("e10", "ann", "why")
    await it.store.add_events([event(id="e11", undo=UNDO | {"act": "rollout.resume"})])
    with refuses("no_rollouts"):
        await bare.undo("e11", "ann", "why")


async def test_two_who_ask_at_once_do_it_once(it):
    await it.store.add_events([event()])
    it.backends.gate.clear()
    asked = [asyncio.ensure_future(it.undoing.undo("e1", name, "why")) for name in ("ann", "bob")]
    for _ in range(10):  # the store answers in turn: whoever asks it has been answered by then
        await it.store.event("e1")
    it.backends.gate.set()
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert it.backends.healed == 1
    assert isinstance(done[1], RefusedError)


def _nobodys(event):
    return Act(event, reason="no control process was there")
