"""Between a user's word and its place: whoever is killed, nothing is lost and nothing doubled. And the whole way once."""

import asyncio
import random
from pathlib import Path

import pytest
from tests.component.test_ingest_kill import kill_one, stored
from tests.support.exchanges import ExchangeFactory
from tests.support.ingesting import Plant, Worker
from tests.support.plane import plane
from tests.support.rows import BODY, CHAT, CONFIG, JSON, answering
from tests.support.wire_backend import WireBackend, reply

from llmgateway.controlplane.feedbackfigures import FeedbackFigures
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.ids import named_id
from llmgateway.domain.score import Reason, State
from llmgateway.ports.scores import WantedScores
from llmgateway.ports.store import StoreRejectedError, Wanted

KILLS = 10
ALL = WantedScores(every=True)


async def settled(plant: Plant) -> None:
    """Wait until all that was written is ingested and placed."""
    await plant.drained()
    await plant.scoring.settle()


async def test_kill_minus_nine_at_any_moment_loses_and_doubles_no_score(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    make = ExchangeFactory(start=SystemClock.time())
    worker = Worker(tmp_path, make, segment_bytes=64 * 1024)
    expected: set[str] = set()
    slots: dict[tuple[str, str], str] = {}  # the last word of each

    def say(exchange_id: str, name: str, value: bool, score_id: str | None = None) -> None:
        said = worker.say(exchange_id, name=name, value=value, **({"id": score_id} if score_id else {}))
        expected.add(said.id)
        slots[exchange_id, name] = said.id

    reach_s, known = 0.3, 0  # within which a child is killed; longer where the machine is too busy for it to begin
    for number in range(KILLS):
        slow = [worker.admit() for _ in range(5)]  # still running while they are scored
        done = worker.carry(40)
        for exchange_id in (*done, *(exchange.id for exchange in slow)):
            say(exchange_id, "helpful", True)
            if chance.random() < 0.3:
                say(exchange_id, "helpful", False)
        again = named_id("user", "team-a", f"click-{number}")
        for _ in range(3):
            say(done[0], "again", True, again)
        await kill_one(tmp_path, chance.uniform(0.0, reach_s))
        before, known = known, stored(tmp_path)
        reach_s = min(4.0, reach_s * 1.5) if known == before else max(0.3, reach_s * 0.8)
        for exchange in slow:
            worker.settle(exchange)
        if number % 4 == 3:
            worker.close()
            worker = Worker(tmp_path, make, segment_bytes=64 * 1024)
    worker.close()

    plant = Plant(tmp_path)
    await plant.store.open()
    by_children = FeedbackFigures.restored(await plant.store.scores_state())
    async with plant.running():
        await settled(plant)
        found = await plant.store.scores(ALL, limit=10 * len(expected))
        placed = sum(by_children.counts.values())
        print(f"seed {seed}: {placed} of {len(expected)} placed by those who were killed")
        assert placed > len(expected) / 10, f"{seed}: the children were killed before they worked"
        assert sorted(each.id for each in found) == sorted(expected), seed
        assert {each.state for each in found} == {State.VALID}, seed
        current = {(each.exchange_id, each.name): each.id for each in found if each.is_current}
        assert current == slots, seed
        assert sum(each.is_current for each in found) == len(slots), seed
        figures = FeedbackFigures.restored(await plant.store.scores_state())
        assert sum(figures.counts.values()) == len(expected), seed
        assert set(figures.rejected.values()) == {0}, seed


async def test_the_journal_from_its_beginning_once_more_changes_nothing(tmp_path: Path) -> None:
    make = ExchangeFactory()
    worker = Worker(tmp_path, make)
    open_for_long = worker.admit()  # what lies behind it is read again at each start
    for exchange_id in worker.carry(20):
        worker.say(exchange_id)
        worker.say(exchange_id, value=False)
    pictures = []
    for _ in range(3):
        plant = Plant(tmp_path)
        async with plant.running():
            await settled(plant)
            pictures.append((await plant.store.scores(ALL, limit=100), await plant.store.scores_state()))
    assert pictures[0][0] == pictures[1][0] == pictures[2][0]
    figures = [FeedbackFigures.restored(state).counts for _, state in pictures]
    assert figures[0] == figures[1] == figures[2]
    assert sum(figures[0].values()) == 40
    worker.settle(open_for_long)
    worker.close()


async def test_a_score_that_no_store_takes_becomes_a_dead_letter_and_the_others_get_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = ExchangeFactory()
    worker = Worker(tmp_path, make)
    (exchange_id,) = worker.carry(1)
    bad, good = worker.say(exchange_id, name="bad"), worker.say(exchange_id, name="good")
    worker.close()
    plant = Plant(tmp_path)
    append = plant.store.append

    async def picky(entries, positions, finished, ledger, scores=(), **more):  # type: ignore[no-untyped-def]
        if any(each.name == "bad" for each in scores):
            raise StoreRejectedError("no")
        await append(entries, positions, finished, ledger, scores, **more)

    monkeypatch.setattr(plant.store, "append", picky)
    async with plant.running():
        await settled(plant)
        assert [each.id for each in await plant.store.scores(ALL, limit=9)] == [good.id]
        assert len(await plant.store.page(Wanted(), limit=9)) == 1
    assert [path.name for path in plant.journal.glob("dead-letter/*")] == [f"{bad.id}-scored.frame"]


async def test_ten_thousand_scores_find_their_exchanges(tmp_path: Path) -> None:
    make = ExchangeFactory(start=SystemClock.time())
    worker = Worker(tmp_path, make)
    known = worker.carry(2_000)
    for number in range(10_000):
        worker.say(known[number % len(known)], source_id=f"user-{number // len(known)}", key="team-a")
    for _ in range(100):
        worker.say(named_id("nobody"), key="team-a")
    worker.close()
    plant = Plant(tmp_path)
    async with plant.running():
        await asyncio.wait_for(plant.drained(), 60)
        await asyncio.wait_for(plant.scoring.settle(), 60)
        assert plant.scoring.figures is not None
        assert sum(plant.scoring.figures.counts.values()) == 10_000
        (group,) = await plant.store.score_groups(WantedScores())
        assert (group.count, group.total) == (10_000, 10_000.0)


async def test_from_the_answer_to_its_score_the_whole_way(tmp_path: Path) -> None:
    """One key's own exchange by id and by reference; another key's; one that is not there."""
    async with (
        WireBackend(answering(reply(BODY, headers=JSON))) as backend,
        plane(tmp_path, backend.url, config=CONFIG) as running,
    ):
        answer = await running.post("/v1/chat/completions", CHAT, {"x-request-id": "order-17"})
        exchange_id = answer.headers["x-llmgateway-exchange-id"]
        nobodys = exchange_id[:-1] + ("e" if exchange_id.endswith("f") else "f")
        thumb = {"name": "helpful", "value": True}
        sent = [
            await running.post("/v1/feedback", {**thumb, "exchange_id": exchange_id}),
            await running.post("/v1/feedback", {"name": "stars", "value": 4, "reference": "order-17"}),
            await running.post(
                "/v1/feedback", {**thumb, "exchange_id": exchange_id}, {"authorization": "Bearer lgw_limited"}
            ),
            await running.post("/v1/feedback", {**thumb, "exchange_id": nobodys}),
        ]
        assert [each.status for each in sent] == [202] * 4
    plant = Plant(tmp_path)
    async with plant.running():
        await settled(plant)
        found = {each.id: each for each in await plant.store.scores(ALL, limit=9)}
        own, named, theirs, young = (found[each.json()["id"]] for each in sent)
        assert (own.state, own.exchange_id, own.route, own.version) == (State.VALID, exchange_id, "once", "v1")
        assert (named.state, named.exchange_id, named.value) == (State.VALID, exchange_id, 4.0)
        assert (theirs.state, theirs.reason) == (State.REJECTED, Reason.OTHER_KEY)
        assert young.state is State.PENDING
        assert own.is_current
