"""Evaluators over a real store: who is due, what is written, what waits, what is left out, and what survives."""

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.evaluating import body
from tests.support.exchanges import ExchangeFactory

from llmgateway import plugins
from llmgateway.config.evaluating import Evaluator, Keep
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.evaluation import evaluation as module
from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.controlplane.evaluation.http import NoAnswerError, OnTrialError
from llmgateway.domain.score import SourceKind
from llmgateway.ports.evaluator import Given, Unknown, Why
from llmgateway.ports.scores import WantedScores
from llmgateway.ports.store import Entry, StoreUnavailableError
from llmgateway.store.sqlite import SqliteStore

JUDGE = {"route": "wise", "rubric": "Be kind."}
ANSWER = "It is on its way to you, and it arrives tomorrow before noon."


def chat(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}


def verdict(word: str) -> bytes:
    return json.dumps(chat(json.dumps({"verdict": word, "reason": "because"}))).encode()


def snapshot(*definitions: Evaluator) -> Snapshot:
    return Snapshot(1, evaluators={each.name: each for each in definitions})


def rule(name: str, plugin: str | None = None, **changes: Any) -> Evaluator:
    return Evaluator(name, plugin or name, **changes)


class Odd:
    """A plug-in that misbehaves as its option says."""

    name = "odd"
    version = "1"
    gives = ("odd",)
    needs_bodies = needs_reference = False
    measures = ()

    def __init__(self, options):
        self._how = options["how"]

    def evaluate(self, case):
        if self._how == "raises":
            raise ZeroDivisionError
        if self._how == "secret reason":
            return Unknown("a reason of my own")
        return (Given("odd", [1]),) if self._how == "list" else "nothing of the kind"


class Bench:
    """A store, what comes into it, and evaluators over it. `answers`: what judges are told; None: nobody answers."""

    def __init__(self, store: SqliteStore, make: ExchangeFactory) -> None:
        self.store, self.make = store, make
        self.answers: list[bytes | None] = []
        self.asked: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def evaluation(self, *definitions: Evaluator) -> Evaluation:
        makers = {**plugins.classes("evaluator"), "odd": Odd}
        return Evaluation(self.store, snapshot(*definitions), makers, self.ask, self.make.clock)

    async def ask(self, definition, exchange_id, question):
        self.asked.append((definition.name, exchange_id))
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else verdict("pass")
        if answer is None:
            raise NoAnswerError("status 500")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def come(self, answer: str | None = ANSWER, **changes: Any) -> str:
        row = self.make.row(**changes)
        asked = {"messages": [{"role": "user", "content": "Where is it?"}]}
        bodies = [] if answer is None else [body("request", asked), body("reply", chat(answer))]
        await self.store.append([Entry(row, bodies)], [], [], None)
        return row["id"]

    async def said(self) -> list[tuple[str, str | None, Any]]:
        scores = await self.store.scores(WantedScores(every=True), limit=1_000)
        return sorted((each.source_id, each.exchange_id, each.value) for each in scores)

    @asynccontextmanager
    async def asking(self, evaluation: Evaluation):
        task = asyncio.create_task(evaluation.asking.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(evaluation: Evaluation) -> None:
    while await evaluation.look():
        pass


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@pytest.fixture
async def bench(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3", query_s=5.0)
    await store.open()
    yield Bench(store, ExchangeFactory())
    await store.close()


async def test_what_was_there_before_is_not_judged_and_what_comes_is_judged_once(bench):
    await bench.come()
    evaluation = bench.evaluation(rule("error"), rule("refusal"))
    await settled(evaluation)
    assert await bench.said() == []
    good = await bench.come()
    bad = await bench.come("I'm sorry, but I can't help with that.")
    await settled(evaluation)
    await settled(evaluation)
    expected = sorted([("error", good, False), ("error", bad, False), ("refusal", good, False), ("refusal", bad, True)])
    assert await bench.said() == expected
    assert evaluation.figures.runs["refusal", "good"] == evaluation.figures.runs["refusal", "bad"] == 1
    (one, *_) = await bench.store.scores(WantedScores(exchange_id=bad, name="refusal"), limit=5)
    assert (one.source_kind, one.run, one.comment, one.route, one.version) == (
        SourceKind.CODE, "refusal-3", "phrase", "support", "v1",
    )  # fmt: skip


async def test_another_process_goes_on_where_this_one_was(bench):
    first = bench.evaluation(rule("error"))
    await settled(first)
    await bench.come()
    await settled(first)
    await bench.come()
    second = bench.evaluation(rule("error"))
    await settled(second)
    assert len(await bench.said()) == 2
    assert second.figures.runs["error", "good"] == 2


async def test_a_store_that_fails_is_looked_at_again_and_nothing_counts_twice(bench, monkeypatch):
    evaluation = bench.evaluation(rule("error"))
    await settled(evaluation)
    await bench.come()
    saves = bench.store.add_scores

    async def away(scores, state):
        raise StoreUnavailableError("away")

    monkeypatch.setattr(bench.store, "add_scores", away)
    with pytest.raises(StoreUnavailableError):
        await evaluation.look()
    assert evaluation.figures.runs["error", "good"] == 0
    monkeypatch.setattr(bench.store, "add_scores", saves)
    await settled(evaluation)
    assert evaluation.figures.runs["error", "good"] == len(await bench.said()) == 1


async def test_the_share_is_decided_by_the_id_and_what_is_outside_is_counted(bench):
    evaluation = bench.evaluation(rule("half", "error", sample=0.5), rule("fifth", "error", sample=0.2))
    await settled(evaluation)
    for _ in range(60):
        await bench.come(None)
    await settled(evaluation)
    found = await bench.said()
    half, fifth = ({at for name, at, _ in found if name == which} for which in ("half", "fifth"))
    assert fifth < half
    assert 15 < len(half) < 45
    assert evaluation.figures.skipped["half", Why.NOT_SAMPLED] == 60 - len(half)


async def test_only_the_routes_that_are_named_and_never_the_gateways_own_questions(bench):
    kind = rule("kind", "judge", options=JUDGE, sample=0.0)
    evaluation = bench.evaluation(rule("error", routes=("chat", "wise")), kind)
    await settled(evaluation)
    mine = {"route": "wise", "key": "anonymous", "caller_request_id": "evaluator:kind:0190"}
    wanted = [await bench.come(route="chat"), await bench.come(**mine | {"route": "chat"})]
    wanted += [await bench.come(**mine | {"key": "team-a"}), await bench.come(**mine | {"caller_request_id": "0190"})]
    await bench.come(route="other")
    await bench.come(**mine)
    await bench.come(route="chat", tags={"guardrail": "harm", "judged": "0190"})
    await bench.come(route="chat", tags={"replay": "r1"}, assigned_by="pin")
    wanted.append(await bench.come(route="chat", tags={"replay": "r1"}))  # any caller may write that
    await settled(evaluation)
    assert await bench.said() == sorted(("error", each, False) for each in wanted)


async def test_bad_ones_alone_are_written_where_that_is_wanted(bench):
    evaluation = bench.evaluation(rule("error", keep=Keep.BAD))
    await settled(evaluation)
    await bench.come()
    bad = await bench.come(end="timeout", status=504)
    await settled(evaluation)
    assert await bench.said() == [("error", bad, True)]
    assert evaluation.figures.runs["error", "good"] == 1


async def test_a_copy_is_compared_with_its_primary_whichever_comes_first(bench):
    evaluation = bench.evaluation(rule("similarity"), rule("error"))
    await settled(evaluation)
    one = await bench.come()
    copy = await bench.come(shadow_of=one)
    late = bench.make.mint()
    early = await bench.come(shadow_of=late)
    await settled(evaluation)
    assert ("similarity", early, 1.0) not in await bench.said()
    assert ("error", early, False) in await bench.said()
    await bench.come(id=late)
    await settled(evaluation)
    assert {each for each in await bench.said() if each[0] == "similarity"} == {
        ("similarity", copy, 1.0), ("similarity", early, 1.0),
    }  # fmt: skip


async def test_a_copy_has_its_primarys_share(bench):
    evaluation = bench.evaluation(rule("error", sample=0.5))
    await settled(evaluation)
    primaries = [await bench.come(None) for _ in range(30)]
    copies = {await bench.come(None, shadow_of=each): each for each in primaries}
    await settled(evaluation)
    judged = {at for _, at, _ in await bench.said()}
    assert 0 < len(judged) < 60
    assert {at for at in copies if at in judged} == {at for at, each in copies.items() if each in judged}


async def test_of_copies_that_wait_for_their_primary_the_oldest_go(bench, monkeypatch):
    monkeypatch.setattr("llmgateway.controlplane.evaluation.apart.MAX_APART", 2)
    evaluation = bench.evaluation(rule("similarity"))
    await settled(evaluation)
    primaries = [bench.make.mint() for _ in range(5)]
    for each in primaries:
        await bench.come(shadow_of=each)
    await settled(evaluation)
    assert evaluation.figures.skipped == {("similarity", Why.NO_REFERENCE): 3}


async def test_what_can_not_be_looked_at_in_time_is_left_out_the_oldest_first_and_told(bench, monkeypatch, caplog):
    monkeypatch.setattr(module, "MAX_BACKLOG", 3)
    evaluation = bench.evaluation(rule("error"))
    await settled(evaluation)
    ids = [await bench.come(None) for _ in range(8)]
    await settled(evaluation)
    assert [at for _, at, _ in await bench.said()] == ids[-3:]
    assert evaluation.figures.skipped["error", Why.BACKLOG] == 5
    assert "can't keep up: the 5 oldest" in caplog.text


@pytest.mark.parametrize("how", ["raises", "list", "nothing"])
async def test_a_plug_in_that_fails_stops_nobody_else(bench, how):
    evaluation = bench.evaluation(rule("odd", options={"how": how}), rule("error"))
    await settled(evaluation)
    await bench.come()
    await settled(evaluation)
    assert evaluation.figures.runs["odd", "failed"] == evaluation.figures.runs["error", "good"] == 1
    assert "odd" not in evaluation.figures.last_success


async def test_a_reason_that_nobody_knows_is_other(bench):
    evaluation = bench.evaluation(rule("odd", options={"how": "secret reason"}))
    await settled(evaluation)
    await bench.come()
    await settled(evaluation)
    assert evaluation.figures.skipped == {("odd", "other"): 1}


async def test_what_is_usual_is_frozen_from_the_first_ones_and_survives(bench, monkeypatch):
    monkeypatch.setattr("llmgateway.controlplane.evaluation.usual.ENOUGH", 4)
    evaluation = bench.evaluation(rule("slow"))
    await settled(evaluation)
    for _ in range(4):
        await bench.come(None, duration_s=1.0)
    await settled(evaluation)
    assert evaluation.figures.skipped["slow", Why.NO_BASELINE] == 4
    again = bench.evaluation(rule("slow"))
    for seconds in (1.0, 1.1, 9.0):
        await bench.come(None, duration_s=seconds)
        await settled(again)
    assert [value for _, _, value in await bench.said()] == [False, True, True]
    assert again.figures.usual.shown() == {"support": {"duration_s": 1.0}}


async def test_a_judge_asks_and_its_word_is_a_score_of_its_rubric(bench):
    evaluation = bench.evaluation(rule("kind", "judge", options=JUDGE))
    await settled(evaluation)
    one = await bench.come()
    two = await bench.come()
    bench.answers = [verdict("fail"), verdict("pass")]
    async with bench.asking(evaluation):
        await settled(evaluation)
        await until(lambda: evaluation.figures.runs["kind", "good"] + evaluation.figures.runs["kind", "bad"] == 2)
    assert await bench.said() == [("kind", one, False), ("kind", two, True)]
    (score, *_) = await bench.store.scores(WantedScores(), limit=1)
    assert score.source_kind is SourceKind.JUDGE
    assert score.run == evaluation.judges["kind"]
    assert score.run.startswith("judge-")


@pytest.mark.parametrize("answer", [None, verdict("perhaps"), b"{}"])
async def test_no_verdict_is_an_error_of_the_judge_and_no_score(bench, answer):
    evaluation = bench.evaluation(rule("kind", "judge", options=JUDGE))
    await settled(evaluation)
    await bench.come()
    bench.answers = [answer]
    async with bench.asking(evaluation):
        await settled(evaluation)
        await until(lambda: evaluation.figures.runs["kind", "judge_error"] == 1)
    assert await bench.said() == []
    assert "kind" not in evaluation.figures.last_success


async def test_what_the_candidate_of_a_rollout_has_said_is_no_word_and_no_failure_but_a_question(bench):
    evaluation = bench.evaluation(rule("kind", "judge", options=JUDGE))
    await settled(evaluation)
    await bench.come()
    bench.answers = [OnTrialError("the candidate of a rollout has answered")]
    async with bench.asking(evaluation):
        await settled(evaluation)
        await until(lambda: evaluation.figures.skipped.get(("kind", "on_trial")) == 1)
    assert (await bench.said(), evaluation.figures.runs["kind", "judge_error"]) == ([], 0)
    assert evaluation.figures.today("kind", bench.make.clock.time()).questions == 1


async def test_a_day_has_only_so_many_questions_and_the_next_has_as_many(bench):
    evaluation = bench.evaluation(rule("kind", "judge", options=JUDGE, daily_questions=2))
    await settled(evaluation)
    async with bench.asking(evaluation):
        for _ in range(5):
            await bench.come()
        await settled(evaluation)
        await until(lambda: evaluation.figures.skipped.get(("kind", "cost_cap")) == 3)
        assert len(bench.asked) == 2
        bench.make.clock.advance(86_400)
        await bench.come()
        await settled(evaluation)
        await until(lambda: evaluation.figures.runs["kind", "good"] == 3)


async def test_what_its_questions_cost_in_the_log_ends_its_day(bench):
    evaluation = bench.evaluation(rule("kind", "judge", options=JUDGE, daily_cost=0.5))
    await settled(evaluation)
    async with bench.asking(evaluation):
        await bench.come(route="wise", key="anonymous", caller_request_id="evaluator:kind:0190", cost_usd=0.5)
        await bench.come(route="wise", caller_request_id="evaluator:kind:0190", cost_usd=9.0)  # somebody else says so
        await bench.come()
        await settled(evaluation)
        await until(lambda: evaluation.figures.skipped.get(("kind", "cost_cap")) == 2)
    assert bench.asked == []
    assert evaluation.figures.cost == {"kind": 0.5}
    again = bench.evaluation(rule("kind", "judge", options=JUDGE))
    await settled(again)
    assert again.figures.spent["kind"].cost == 0.5


async def test_of_what_waits_for_a_judge_the_oldest_go(bench, monkeypatch):
    monkeypatch.setattr("llmgateway.controlplane.evaluation.questions.MAX_WAITING", 3)
    evaluation = bench.evaluation(rule("kind", "judge", options=JUDGE))
    await settled(evaluation)
    ids = [await bench.come() for _ in range(7)]
    await settled(evaluation)
    assert evaluation.asking.waiting("kind") == 3
    async with bench.asking(evaluation):
        await until(lambda: evaluation.figures.runs["kind", "good"] == 3)
    assert [at for _, at in bench.asked] == ids[-3:]
    assert evaluation.figures.skipped["kind", Why.BACKLOG] == 4


async def test_a_slow_judge_holds_up_no_rule_and_asks_only_a_little_at_a_time(bench):
    evaluation = bench.evaluation(rule("kind", "judge", options=JUDGE), rule("error"))
    await settled(evaluation)
    bench.gate.clear()
    async with bench.asking(evaluation):
        for _ in range(5):
            await bench.come()
        await settled(evaluation)
        await until(lambda: len(bench.asked) == 2)
        assert evaluation.figures.runs["error", "good"] == 5
        assert evaluation.asking.waiting("kind") == 3


async def test_who_is_gone_from_the_configuration_is_forgotten_and_who_is_new_begins(bench):
    evaluation = bench.evaluation(rule("error"))
    await settled(evaluation)
    await bench.come()
    await settled(evaluation)
    evaluation.configure(snapshot(rule("refusal")))
    await bench.come()
    await settled(evaluation)
    assert {name for name, _ in evaluation.figures.runs} == {"refusal"}
    assert [name for name, _, _ in await bench.said()] == ["error", "refusal"]


async def test_without_evaluators_nothing_is_read_but_where_the_log_ends(bench):
    evaluation = bench.evaluation()
    await bench.come()
    await settled(evaluation)
    evaluation.configure(snapshot(rule("error")))
    await settled(evaluation)
    assert await bench.said() == []


PAIRWISE = rule("pairs", "judge", options=JUDGE | {"form": "pairwise"}, sample=0.0)


async def test_a_judge_of_pairs_compares_what_it_is_given_though_it_is_in_no_share(bench):
    evaluation = bench.evaluation(PAIRWISE)
    candidate, baseline = await bench.come("No."), await bench.come()
    other, alone = await bench.come("Tomorrow."), await bench.come("Never.")
    bench.answers = [verdict("second"), verdict("first"), verdict("first"), verdict("first")]
    async with bench.asking(evaluation):
        assert await evaluation.compare("pairs", [(candidate, baseline)]) == 1
        await until(lambda: evaluation.figures.runs.get(("pairs", "bad")) == 1)
        assert await evaluation.compare("pairs", [(other, baseline), (alone, "gone"), ("gone", baseline)]) == 2
        await until(lambda: evaluation.figures.runs.get(("pairs", "good")) == 1)
    expected = sorted([("pairs", candidate, "worse"), ("pairs", other, "tie")])
    assert await bench.said() == expected
    assert evaluation.figures.skipped["pairs", "no_reference"] == 1
    assert evaluation.figures.runs["pairs", "judge_error"] == 0


async def test_compared_again_it_is_the_same_score(bench):
    evaluation = bench.evaluation(PAIRWISE)
    candidate, baseline = await bench.come("No."), await bench.come()
    for at in (1, 2):
        bench.answers = [verdict("second"), verdict("first")]
        async with bench.asking(evaluation):
            await evaluation.compare("pairs", [(candidate, baseline)])
            await until(lambda at=at: evaluation.figures.runs.get(("pairs", "bad")) == at)
    assert len(await bench.said()) == 1


@pytest.mark.parametrize("name", ["error", "kind", "nobody"])
async def test_who_judges_no_pairs_is_not_asked_to(bench, name):
    evaluation = bench.evaluation(rule("error"), rule("kind", "judge", options=JUDGE))
    with pytest.raises(KeyError):
        await evaluation.compare(name, [])
