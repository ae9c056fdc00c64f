"""What the file is to say when a rollout has ended, and when it is let go of."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.support.staged import made

from llmgateway.config.snapshot import Route, Version
from llmgateway.controlplane.rollouts import filing
from llmgateway.controlplane.rollouts.filing import Filing, wanted_weights
from llmgateway.rollout.rollout import State


def ended(state):
    found = made()
    return replace(found, rollout=replace(found.rollout, state=state))


def route(**weights):
    made = (Version(name, name.replace("v", "id-"), (), weight=weight) for name, weight in weights.items())
    return Route("chat", tuple(made))


@pytest.mark.parametrize(
    ("state", "before", "wanted"),
    [
        (State.SUCCEEDED, {"v1": 3, "v2": 0}, {"v1": 0, "v2": 3}),
        (State.SUCCEEDED, {"v1": 0, "v2": 3}, {}),  # written before control was killed
        (State.SUCCEEDED, {"v1": 3, "v2": 0, "v3": 1}, {"v1": 0, "v2": 3}),
        (State.SUCCEEDED, {"v2": 0}, {"v2": 1}),
        (State.SUCCEEDED, {"v1": 1}, {}),  # the candidate is gone
        (State.ROLLED_BACK, {"v1": 3, "v2": 0}, {}),
        (State.ROLLED_BACK, {"v1": 3, "v2": 1}, {"v2": 0}),
        (State.ROLLED_BACK, {"v1": 0, "v2": 1}, {}),  # nothing else would be left
        (State.ABORTED, {"v1": 1, "v2": 0}, {}),
    ],
)
def test_weights(state, before, wanted):
    assert wanted_weights(ended(state), route(**before)) == wanted


def test_what_has_become_another_version_under_the_candidates_name_gets_no_weight():
    one, two = route(v1=3, v2=0).versions
    assert wanted_weights(ended(State.SUCCEEDED), Route("chat", (one, replace(two, id="edited")))) == {}


class Setting:
    """A rollout that has ended, workers that hear of it in `is_heard`, and a log that is level when `level` is set."""

    def __init__(self):
        self.running = {"chat": ended(State.ABORTED)}
        self.is_heard = False
        self.level = asyncio.Event()
        reloader = SimpleNamespace(snapshot=SimpleNamespace(routes={}), links=SimpleNamespace(generation=7))
        self.filing = Filing(self, None, reloader, self.level.wait)
        self.task = None

    async def leave(self, each, generation):
        assert generation == 7
        self.running.pop(each.route)

    async def turns(self):
        """Let it run on."""
        self.task = self.task or asyncio.ensure_future(self.filing.run())
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def it(monkeypatch):
    for name in ("LOOK_S", "POLL_S", "UNDER_WAY_S"):
        monkeypatch.setattr(filing, name, 0)
    setting = Setting()
    yield setting
    setting.task.cancel()
    await asyncio.gather(setting.task, return_exceptions=True)


async def test_it_is_let_go_of_when_every_worker_has_heard_and_all_it_assigned_is_counted(it):
    it.level.set()
    await it.turns()
    assert it.running
    it.level.clear()
    it.is_heard = True
    await it.turns()
    assert it.running
    it.level.set()
    await it.turns()
    assert not it.running


@pytest.mark.parametrize("is_heard", [True, False])
async def test_who_never_hears_and_a_log_far_behind_are_waited_for_no_longer_than_that(it, monkeypatch, is_heard):
    monkeypatch.setattr(filing, "PATIENCE_S", 0)
    it.is_heard = is_heard
    await it.turns()
    assert not it.running
