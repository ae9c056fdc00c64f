"""An evaluator that has stopped judging is an alarm until it judges again; one that has nothing to judge is none."""

from types import SimpleNamespace

import pytest

from llmgateway.controlplane.evaluation.figures import Figures, Result
from llmgateway.controlplane.evaluation.silence import MIN_MISSED, SILENT_S, Silence, Silences
from llmgateway.controlplane.events import Events
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.event import EventKind, EventSeverity
from llmgateway.ports.evaluator import Why
from llmgateway.ports.events import WantedEvents
from llmgateway.store.sqlite import SqliteStore

AT = 1_800_000_000.0


class Setting:
    """A judge, its figures, and who looks whether it still judges."""

    def __init__(self, store):
        self.store, self.clock, self.figures = store, ManualClock(time=AT), Figures()
        self.evaluation = SimpleNamespace(figures=self.figures, members=[SimpleNamespace(name="kind")])
        self.restart()

    def restart(self):
        self.events = Events(self.store)
        self.silences = Silences(self.events, self.evaluation, self.clock)

    def judge(self, result=Result.GOOD, count=1):
        for _ in range(count):
            self.figures.ran("kind", result, self.clock.time())

    async def look(self, seconds=0.0):
        await self.events.write()
        self.clock.advance(seconds)
        self.silences.look()
        await self.events.write()

    async def kept(self, **wanted):
        return await self.store.events(WantedEvents(**wanted), limit=100)


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    setting = Setting(store)
    await setting.look()
    yield setting
    await store.close()


async def test_one_that_only_fails_for_a_while_is_silent(it):
    it.judge()
    await it.look()
    it.judge(Result.JUDGE_ERROR, 2)
    it.judge(Result.FAILED, 2)
    await it.look(10)
    await it.look(SILENT_S - 1)
    assert await it.kept() == []
    await it.look(1)
    (event,) = await it.kept(is_open=True)
    assert (event.kind, event.action, event.severity) == (EventKind.JUDGE, "silent", EventSeverity.ALARM)
    assert event.text == ("The evaluator kind has judged none of 4 exchanges in 15 minutes: 2 failed, 2 judge_error.")
    assert event.figures == {
        "evaluator": "kind", "since": AT + 10, "judged_at": AT, "missed": {"failed": 2, "judge_error": 2},
    }  # fmt: skip


async def test_it_is_one_alarm_and_over_when_it_judges_again(it):
    it.judge(Result.FAILED, MIN_MISSED)
    await it.look(1)
    await it.look(SILENT_S)
    it.judge(Result.FAILED)
    await it.look(SILENT_S)
    assert len(await it.kept()) == 1
    it.clock.advance(1)
    it.judge(Result.BAD)  # a bad answer is a judgement
    await it.look(1)
    (event,) = await it.kept()
    assert event.cleared_at == it.clock.time()


async def test_it_is_over_when_it_judges_again_also_where_the_clock_was_set_back(it):
    it.judge(Result.FAILED, MIN_MISSED)
    await it.look(1)
    await it.look(SILENT_S)
    it.clock.advance(-3600)
    await it.look()
    assert len(await it.kept(is_open=True)) == 1
    it.judge()
    await it.look()
    assert await it.kept(is_open=True) == []


async def test_where_nothing_is_due_nobody_is_silent(it):
    it.judge()
    await it.look()
    await it.look(10 * SILENT_S)
    assert await it.kept() == []


async def test_a_slip_now_and_then_is_no_silence(it):
    it.judge(Result.FAILED, MIN_MISSED - 1)
    await it.look(1)
    await it.look(10 * SILENT_S)
    assert await it.kept() == []


async def test_one_that_judges_between_failures_is_not_silent(it):
    for _ in range(20):
        it.judge(Result.FAILED, 5)
        await it.look(SILENT_S / 2)
        it.judge()
        await it.look(1)
    assert await it.kept() == []


async def test_what_is_left_out_because_too_much_waits_counts_as_missed(it):
    it.figures.skip("kind", Why.BACKLOG, 500)
    await it.look(1)
    it.figures.skip("kind", Why.NOT_SAMPLED, 500)
    it.figures.skip("kind", Why.BACKLOG, 500)
    await it.look(1)
    await it.look(SILENT_S)
    (event,) = await it.kept()
    assert event.figures["missed"] == {"backlog": 1_000}


async def test_an_alarm_outlives_a_restart_and_is_not_raised_twice(it):
    it.judge(Result.FAILED, MIN_MISSED)
    await it.look(1)
    await it.look(SILENT_S)
    it.restart()
    await it.look(1)
    it.judge(Result.FAILED, MIN_MISSED)
    await it.look(1)
    await it.look(SILENT_S)
    assert len(await it.kept()) == len(await it.kept(is_open=True)) == 1


async def test_one_that_is_no_longer_configured_is_not_silent(it):
    it.judge(Result.FAILED, MIN_MISSED)
    await it.look(1)
    await it.look(SILENT_S)
    it.evaluation.members = []
    await it.look(1)
    assert await it.kept(is_open=True) == []
    assert it.silences._silence._heard == {}


async def test_a_day_whose_money_is_used_up_is_a_warning_once(it):
    for _ in range(3):
        it.figures.skip("kind", Why.COST_CAP)
        await it.look(60)
    (event,) = await it.kept()
    assert (event.action, event.severity) == ("capped", EventSeverity.WARNING)
    it.figures.skip("kind", Why.COST_CAP)
    await it.look(86_400)
    assert len(await it.kept()) == 2


async def test_before_the_figures_are_known_nothing_is_said(it):
    it.evaluation.figures = None
    await it.look(SILENT_S)
    assert await it.kept() == []


def test_figures_that_begin_anew_are_no_harm():
    silence, figures = Silence(), Figures()
    figures.ran("kind", Result.FAILED, AT)
    assert silence.look(figures, ["kind"], AT) == []
    assert silence.look(Figures(), ["kind"], AT + 1) == []
