"""Golden questions over a real store: when they are asked, what stays, what ends a round, and what is told."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from tests.support.admin import until
from tests.support.exchanges import ExchangeFactory

from llmgateway.config.golden import Golden
from llmgateway.config.snapshot import Route, Snapshot, Version
from llmgateway.controlplane.evaluation.http import NoAnswerError
from llmgateway.controlplane.golden import watch as module
from llmgateway.controlplane.golden.asking import Answer, Round
from llmgateway.controlplane.golden.watch import FIRST_S, GoldenWatch
from llmgateway.domain.event import GatewayEvent
from llmgateway.domain.ids import is_exchange_id
from llmgateway.ports.datasets import Dataset, DatasetItem
from llmgateway.ports.states import StateOf
from llmgateway.ports.store import StoreUnavailableError
from llmgateway.store.sqlite import SqliteStore
from llmgateway.wire.jsoncodec import encode

DAY_S = 86_400.0
REPLY = b'{"choices":[{"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}'
V1, V2, V3 = Version("v1", "aaa", (), weight=1), Version("v2", "bbb", (), weight=1), Version("v3", "ccc", ())


class Bench:
    """A store with a dataset, and whoever answers its questions: `bad` names those that are answered badly."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.make = store, ExchangeFactory()
        self.clock = self.make.clock
        self.events: list[GatewayEvent] = []
        self.asked: list[tuple[str, int]] = []
        self.rounds: set[str] = set()
        self.bad: set[tuple[str, int]] = set()
        self.changes: dict[str, Any] = {}
        self.failure: Exception | None = None
        self.snapshot = self.with_golden(Golden("golden", max_cost=99.0))
        self.watch = self.begin()

    def with_golden(self, golden: Golden | None, *versions: Version) -> Snapshot:
        return Snapshot(1, routes={"chat": Route("chat", versions or (V1, V2, V3), golden=golden)})

    def begin(self) -> GoldenWatch:
        return GoldenWatch(self.store, self.snapshot, self, self.ask, self.clock)

    def note(self, event: GatewayEvent) -> None:
        self.events.append(event)

    def clear(self, event_id: str, at: float) -> None:
        raise AssertionError

    async def ask(self, asked: Round, item: DatasetItem, version: str) -> Answer:
        assert is_exchange_id(asked.id)
        assert asked.route == "chat"
        self.rounds.add(asked.id)
        self.asked.append((version, item.ordinal))
        if self.failure is not None:
            raise self.failure
        row = self.make.row(finish_reason="refusal" if (version, item.ordinal) in self.bad else "stop", **self.changes)
        return Answer(row, REPLY)

    async def dataset(self, items: int, name: str = "golden", *, is_sealed: bool = True) -> None:
        made = await self.store.add_dataset(Dataset(name, 0, "chat", 1.0, "ann", {}))
        questions = [
            DatasetItem(number, None, f"hash-{number:02}", "openai", "/v1/chat/completions", request=b"{}")
            for number in range(items)
        ]
        await self.store.add_dataset_items(name, made.version, questions)
        if is_sealed:
            await self.store.seal_dataset(name, made.version, "hash")

    async def later(self, seconds: float) -> float | None:
        self.clock.advance(seconds)
        return await self.watch.settle()

    async def line(self) -> dict[str, Any]:
        (found,) = await self.watch.status()
        return found


@pytest.fixture
async def bench(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    bench = Bench(store)
    await bench.dataset(3)
    yield bench
    await store.close()


async def test_a_round_asks_each_version_that_has_traffic_and_the_next_one_is_a_day_later(bench):
    assert await bench.watch.settle() == pytest.approx(FIRST_S, abs=1)
    assert bench.asked == []
    assert await bench.later(FIRST_S) == pytest.approx(DAY_S, abs=1)
    assert bench.asked == [(version, number) for version in ("v1", "v2") for number in range(3)]
    assert len(bench.rounds) == 1
    line = await bench.line()
    assert [(each["version"], each["asked"], each["passed"]) for each in line["versions"]] == [
        ("v1", 3, 3),
        ("v2", 3, 3),
    ]
    assert (line["trouble"], line["is_running"], line["cost_usd"]) == (None, False, 1.5)
    assert await bench.later(DAY_S / 2) == pytest.approx(DAY_S / 2, abs=2)
    assert len(bench.asked) == 6
    await bench.later(DAY_S / 2)
    assert len(bench.asked) == 12
    assert len(bench.rounds) == 2


async def test_the_night_s_round_comes_at_its_time_whenever_the_one_before_was(bench):
    bench.snapshot = bench.with_golden(Golden("golden", max_cost=99.0, at=180))
    bench.watch = bench.begin()
    wait_s = await bench.later(FIRST_S)
    assert 3_600 <= wait_s <= DAY_S + 3_600
    assert (bench.clock.time() + wait_s) % DAY_S == pytest.approx(180 * 60, abs=1)
    await bench.later(wait_s)
    assert len(bench.rounds) == 2
    assert (await bench.line())["due"] % DAY_S == pytest.approx(180 * 60)


@pytest.mark.parametrize("at", [None, 180])
@pytest.mark.parametrize("years", [3, 9_000])
async def test_a_date_that_was_wrong_once_puts_off_nothing(bench, at, years):
    bench.snapshot = bench.with_golden(Golden("golden", max_cost=99.0, at=at))
    bench.watch = bench.begin()
    bench.clock.jump(3 * 365 * DAY_S)
    await bench.later(FIRST_S)
    bench.clock.jump(-3 * 365 * DAY_S)
    (await bench.watch._known())["chat"].begun += (years - 3) * 365 * DAY_S
    assert await bench.later(1) < 2 * DAY_S
    assert len(bench.rounds) == 2
    assert await bench.later(3_600) > 0
    assert len(bench.rounds) == 2


async def test_a_date_that_is_set_is_seen_before_long(bench, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    await bench.later(FIRST_S)
    looks, settle = [], bench.watch.settle
    monkeypatch.setattr(bench.watch, "settle", lambda: looks.append(1) or settle())
    task = asyncio.ensure_future(bench.watch.run())
    try:
        await until(lambda: looks)
        bench.clock.jump(2 * DAY_S)
        await until(lambda: len(bench.rounds) == 2)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_is_answered_badly_of_a_sudden_is_told_once(bench):
    await bench.later(FIRST_S)
    bench.bad = {("v2", 0), ("v2", 2)}
    await bench.later(DAY_S)
    (event,) = bench.events
    assert (event.route, event.version, event.figures["failed"]) == ("chat", "v2", 2)
    assert bench.asked.count(("v2", 0)) == 3  # only who is wrong twice has failed
    await bench.later(DAY_S)
    assert len(bench.events) == 1
    failed = (await bench.line())["versions"][1]["failed"]
    assert [each["reason"] for each in failed] == ["refusal", "refusal"]


async def test_the_first_round_only_takes_down_how_things_are(bench):
    bench.bad = {("v1", 1)}
    await bench.later(FIRST_S)
    assert bench.events == []
    assert (await bench.line())["versions"][0]["passed"] == 2


async def test_the_next_round_knows_the_one_before_over_a_restart(bench):
    await bench.later(FIRST_S)
    bench.watch = bench.begin()
    bench.bad = {("v1", 1)}
    await bench.later(FIRST_S)
    assert bench.events == []  # nothing is due yet
    await bench.later(DAY_S)
    assert [event.version for event in bench.events] == ["v1"]


async def test_money_ends_a_round_and_what_was_not_asked_stays_as_it_was(bench):
    await bench.later(FIRST_S)
    bench.watch.configure(bench.with_golden(Golden("golden", max_cost=0.3)))
    bench.bad = {("v1", 0), ("v2", 0)}
    await bench.later(DAY_S)
    assert len(bench.asked) == 6 + 2
    line = await bench.line()
    assert "money is used up" in line["trouble"]
    assert [(each["asked"], each["passed"]) for each in line["versions"]] == [(1, 2), (3, 3)]
    assert [event.version for event in bench.events] == ["v1"]


@pytest.mark.parametrize(
    ("failure", "changes"),
    [(NoAnswerError("status 401"), {}), (None, {"error_code": "pin_not_allowed", "status": 403})],
)
async def test_where_nothing_can_be_asked_the_round_ends_and_nobody_has_failed(bench, failure, changes):
    await bench.later(FIRST_S)
    bench.failure, bench.changes = failure, changes
    await bench.later(DAY_S)
    assert len(bench.asked) == 6 + 3
    line = await bench.line()
    assert line["trouble"].startswith("nothing can be asked: ")
    assert line["versions"][0]["passed"] == 3
    assert bench.events == []


async def test_answers_of_which_nothing_is_known_are_said_and_end_nothing_unless_they_come_in_a_row(bench):
    late = NoAnswerError("no answer in time")
    answers = iter([late, None, late, late, None, None])

    async def ask(asked, item, version):
        bench.failure = next(answers)
        return await bench.ask(asked, item, version)

    bench.watch = GoldenWatch(bench.store, bench.snapshot, bench, ask, bench.clock)
    await bench.later(FIRST_S)
    line = await bench.line()
    assert line["trouble"] == "of some answers nothing is known: no answer in time"
    assert [each["asked"] for each in line["versions"]] == [1, 2]


async def test_without_a_sealed_dataset_it_says_so(bench):
    await bench.dataset(1, "open", is_sealed=False)
    bench.watch.configure(bench.with_golden(Golden("open")))
    await bench.later(FIRST_S)
    assert (await bench.line())["trouble"] == "there is no sealed dataset open"


async def test_items_and_versions_that_are_gone_are_forgotten(bench):
    await bench.later(FIRST_S)
    await bench.dataset(2)
    bench.watch.configure(bench.with_golden(Golden("golden", items=1), V1, replace(V3, weight=1.0)))
    await bench.later(DAY_S)
    line = await bench.line()
    assert [(each["version"], each["passed"]) for each in line["versions"]] == [("v1", 1), ("v3", 1)]


async def test_a_round_that_the_process_died_in_is_not_begun_again_before_it_is_due(bench):
    await bench.watch.settle()
    bench.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        await bench.later(FIRST_S)
    bench.failure = None
    bench.watch = bench.begin()
    assert await bench.later(FIRST_S) > DAY_S / 2
    assert len(bench.asked) == 1


async def test_somebody_may_have_it_asked_now(bench):
    bench.watch.ask_now("chat")
    assert (await bench.line())["due"] == 0
    await bench.watch.settle()
    assert len(bench.asked) == 6
    assert (await bench.line())["due"] > bench.clock.time()


async def test_routes_without_questions_cost_nothing(bench):
    bench.watch.configure(bench.with_golden(None))
    assert await bench.watch.settle() is None
    assert await bench.watch.status() == []
    bench.watch.ask_now("chat")
    assert await bench.watch.settle() is None


@pytest.mark.parametrize("state", [{"chat": 3}, {"chat": {"begun": 1.0}}, []])
async def test_a_state_that_cannot_be_read_begins_anew(bench, state, caplog):
    await bench.store.save_state(StateOf.GOLDEN, encode(state))
    await bench.later(FIRST_S)
    assert len(bench.asked) == 6
    assert ("begins anew" in caplog.text) is bool(state)


async def test_it_runs_and_waits_for_a_store_that_is_away(bench, monkeypatch, caplog):
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    monkeypatch.setattr(module, "FIRST_S", -1.0)
    failures, real = 2, bench.store.saved_state

    async def away(whose):
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreUnavailableError("locked")
        return await real(whose)

    monkeypatch.setattr(bench.store, "saved_state", away)
    task = asyncio.ensure_future(bench.watch.run())
    try:
        async with asyncio.timeout(20):
            while len(bench.asked) < 6:
                await asyncio.sleep(0.01)
        assert "wait for the store" in caplog.text
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
