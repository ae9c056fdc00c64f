"""A clock that is set, back or forward, ends no step and makes none longer while control runs; silence is noticed all
the same. A control that is started anew goes by the date.
"""

import os
import random
from dataclasses import replace

import pytest
from tests.support.staged import POLICY
from tests.unit.controlplane.rollouts.test_people import People

from llmgateway.config.rollouts import MetricName, RolloutBake, RolloutMetric, RolloutStep
from llmgateway.controlplane.rollouts.conductor import UNHEARD_S
from llmgateway.controlplane.rollouts.scoretally import score_tallies
from llmgateway.controlplane.rollouts.watchfile import LOST_S, Watchfile
from llmgateway.domain.clock import ManualClock
from llmgateway.rollout.rollout import Pause, State
from llmgateway.store.sqlite import SqliteStore

HOUR, STEP_S, SILENT_S, BAKE_S = 3_600.0, 300.0, 200.0, 600.0
LONG = replace(
    POLICY,
    steps=(RolloutStep(0.2, STEP_S, 5), RolloutStep(0.5, STEP_S, 5)),
    metrics=(RolloutMetric(MetricName.ERROR, ceiling=0.2, silent_s=SILENT_S),),
    bake=RolloutBake(0.05, BAKE_S),
    deadline_s=4 * STEP_S,
)


class Setting(People):
    """A plan whose times are long enough to be told apart from a look."""

    def __init__(self, store):
        super().__init__(store)
        self.configure(LONG)

    async def for_(self, seconds, *, every=20.0):
        """Traffic and looks for so long, as the machine's uptime goes."""
        for _ in range(round(seconds / every)):
            await self.see(2)
            await self.see(max(1, round(2 / self.rollout.weight) - 2), version="v1")
            await self.look(every)

    async def quiet(self, seconds, *, every=20.0):
        for _ in range(round(seconds / every)):
            await self.look(every)


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    made = Setting(store)
    store.count_scores(score_tallies(made.conductor.clock.time))
    yield made
    await store.close()


@pytest.mark.parametrize("back", [0.0, 60.0, 5 * HOUR, -60.0, -5 * HOUR])
async def test_a_step_lasts_as_long_as_it_should_while_control_runs(it, back):
    await it.start()
    await it.for_(100)
    it.clock.jump(-back)
    await it.for_(STEP_S - 120)
    assert it.rollout.step == 0
    await it.for_(20)
    assert it.rollout.step == 1


@pytest.mark.parametrize("jump", [-5 * HOUR, 5 * HOUR])
async def test_what_begins_after_the_clock_was_set_has_its_date_and_its_time(it, jump):
    it.clock.jump(jump)
    found = await it.start()
    assert found.record.created_at == it.clock.time()
    assert {row.at for row in await it.store.transitions(found.record.id)} == {it.clock.time()}
    await it.for_(STEP_S - 20)
    assert it.rollout.step == 0
    await it.for_(20)
    assert it.rollout.step == 1


@pytest.mark.parametrize("jump", [-5 * HOUR, 5 * HOUR])
async def test_a_metric_that_falls_silent_is_noticed_in_its_own_time(it, jump):
    await it.start()
    await it.for_(60)
    it.clock.jump(jump)
    await it.look()
    assert it.rollout.state is State.CANARY, "nothing was silent for longer than it was"
    await it.for_(20)
    assert it.rollout.state is State.CANARY, "what is heard is heard, whatever the date"
    await it.quiet(SILENT_S - 20)
    assert it.rollout.state is State.CANARY
    await it.quiet(40)
    assert (it.rollout.state, it.rollout.pause) == (State.PAUSED, Pause.NO_DATA)
    await it.for_(20)
    assert it.rollout.state is State.CANARY, "and so is that it is heard again"


@pytest.mark.parametrize("back", [60.0, 5 * HOUR])
async def test_so_it_is_when_control_is_started_anew_by_the_new_date(it, back):
    await it.start()
    await it.for_(60)
    it.clock.jump(-back)
    await it.restart()
    await it.quiet(SILENT_S - 20)
    assert it.rollout.state is State.CANARY
    await it.quiet(40)
    assert (it.rollout.state, it.rollout.pause) == (State.PAUSED, Pause.NO_DATA), (
        "what was heard of was, at the latest, now"
    )


@pytest.mark.parametrize("sign", [-1, 1])
async def test_a_bake_lasts_as_long_as_it_should(it, sign):
    await it.start()
    await it.for_(3 * STEP_S)
    assert it.rollout.state is State.AWAITING_APPROVAL
    await it.people.approve("chat", "ann", None)
    it.clock.jump(sign * 99 * HOUR)
    await it.people.exemplars("chat", "ann")
    await it.people.promote("chat", "ann", "as good")
    await it.look(1)
    assert it.rollout.state is State.BAKE, "an approval of before that is one still"
    it.clock.jump(sign * HOUR)
    await it.for_(BAKE_S - 20)
    assert it.rollout.state is State.BAKE
    await it.for_(40)
    assert it.rollout.state is State.SUCCEEDED


@pytest.mark.parametrize("jump", [-9 * HOUR, 9 * HOUR])
async def test_the_deadline_comes_when_it_should(it, jump):
    it.configure(replace(LONG, metrics=(RolloutMetric(MetricName.ERROR, silent_s=SILENT_S),)))  # never proven by few
    await it.start()
    await it.for_(LONG.deadline_s / 2)
    it.clock.jump(jump)
    await it.for_(LONG.deadline_s / 2 - 40)
    assert it.rollout.state is State.CANARY
    await it.for_(60)
    assert it.rollout.state is State.INCONCLUSIVE


@pytest.mark.parametrize("restarts", [False, True])
async def test_workers_that_are_away_are_waited_for_as_long_as_they_should_be(it, restarts):
    await it.start()
    it.workers.is_whole = False
    await it.people.rollback("chat", "ann", "")
    it.clock.jump(-5 * HOUR)
    if restarts:
        await it.restart()
    await it.look(UNHEARD_S - 1)
    assert it.rollout.state is State.ROLLING_BACK
    await it.look(2)
    assert it.rollout.state is State.ROLLED_BACK


@pytest.mark.parametrize("jump", [-5 * HOUR, 5 * HOUR])
async def test_what_others_are_told_of_the_last_look_and_of_a_move_is_the_date(it, jump):
    await it.start()
    it.clock.jump(jump)
    await it.look()
    assert it.conductor.ticked_at == it.clock.time()
    await it.people.pause("chat", "ann", "")
    (*_, last) = await it.store.transitions(it.rollout.id)
    assert last.at == it.clock.time()


async def test_who_starts_it_anew_after_the_date_was_set_forward_goes_by_the_date(it):
    await it.start()
    await it.for_(100)
    it.clock.jump(STEP_S)
    await it.restart()
    await it.for_(20)
    assert it.rollout.step == 1


@pytest.mark.parametrize("seed", range(8))
async def test_however_often_it_is_set_a_step_ends_in_its_time_give_or_take_those_of_restarts(it, seed):
    """What is set while control runs makes no difference; what a restart finds set adds, or takes, itself at most."""
    rng, lasted, allowed, least = random.Random(seed), 0.0, STEP_S, STEP_S
    await it.start()
    while it.rollout.step == 0:
        deed = rng.choice(["go on"] * 6 + ["set back", "set forth", "set right again", "restart"])
        if deed == "set back":
            it.clock.jump(-rng.choice([1.0, 40.0, 900.0]))
        elif deed == "set forth":
            it.clock.jump(rng.choice([1.0, 40.0, 900.0]))
        elif deed == "set right again":
            it.clock.jump(it.conductor.clock.ahead)
        elif deed == "restart":
            allowed += max(0.0, it.conductor.clock.ahead)
            least += min(0.0, it.conductor.clock.ahead)
            await it.restart()
        else:
            await it.for_(20)
            lasted += 20
        assert lasted < allowed + 40, (seed, lasted, allowed)
        assert it.rollout.state is State.CANARY
    assert lasted >= least, (seed, lasted, least)


# --- who watched


@pytest.fixture
def boot(tmp_path):
    path = tmp_path / "boot"
    path.write_text("a-boot\n")
    return path


@pytest.mark.parametrize(("jump", "away_s", "is_lost"), [
    (-5 * HOUR, LOST_S - 1, False), (-5 * HOUR, LOST_S + 1, True), (5 * HOUR, LOST_S - 1, False), (0.0, LOST_S + 1, True),
])  # fmt: skip
def test_that_nobody_watched_is_known_whatever_the_date(tmp_path, boot, jump, away_s, is_lost):
    clock = ManualClock()
    Watchfile(tmp_path / "watched", clock, boot).tick()
    clock.advance(away_s)
    clock.jump(jump)
    assert Watchfile(tmp_path / "watched", clock, boot).was_lost() is is_lost


@pytest.mark.parametrize("content", ["", "other-boot 1000.0", "a-boot noon", "\udcff 1"])
def test_after_another_start_of_the_machine_or_with_nothing_to_go_by_the_date_decides(tmp_path, boot, content):
    clock = ManualClock()
    watch = Watchfile(tmp_path / "watched", clock, boot)
    watch.tick()
    stat = (tmp_path / "watched").stat()
    (tmp_path / "watched").write_bytes(content.encode("utf-8", "surrogateescape"))
    os.utime(tmp_path / "watched", (stat.st_mtime, stat.st_mtime))
    assert not watch.was_lost()
    clock.jump(LOST_S + 1)
    assert watch.was_lost()


def test_without_a_boot_s_name_the_date_decides(tmp_path):
    clock = ManualClock()
    watch = Watchfile(tmp_path / "watched", clock, tmp_path / "nothing")
    watch.tick()
    assert not watch.was_lost()
    clock.jump(LOST_S + 1)
    assert watch.was_lost()
