"""A judge's rates in a rollout, corrected by people who saw some answers by chance, beside its metric."""

from dataclasses import replace

import pytest
from tests.support.reviews import item
from tests.support.scores import judgement
from tests.support.staged import entry
from tests.unit.controlplane.rollouts.test_scored import AFTER, BEFORE, TONE, Scored

from llmgateway.controlplane.rollouts import correcting
from llmgateway.controlplane.rollouts.correcting import FRESH_S, Arms, Correcting
from llmgateway.controlplane.rollouts.shown import NO_JUDGES, OfJudges, explained, shown
from llmgateway.domain.review import Reason
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.ports.scores import Judged
from llmgateway.rollout.guards import moment
from llmgateway.store.sqlite import SqliteStore

BINARY = {"name": "kind", "data_type": DataType.BOOL}
PERSON = {"name": "kind", "data_type": DataType.CATEGORY, "source_kind": SourceKind.HUMAN, "source_id": "ann"}


class Corrected(Scored):
    """With people who look at some of what is judged."""

    async def said(self, count, version, *, good, person=None, reason=Reason.RANDOM):
        for exchange in await self.answered(count, version):
            await self.store.add_score(judgement(self.make, exchange, run=self.judge, value=good, **BINARY))
            if person is not None:
                found = item(exchange, id=f"i-{exchange}", reason=reason)
                await self.store.add_items([found], max_waiting=9_999)
                await self.store.add_score(judgement(self.make, exchange, value=person, **PERSON))
        self.clock.advance(1)

    async def rates(self):
        found = self.conductor.running["chat"]
        return found, await Correcting(self.store, self.clock).of(found)


@pytest.fixture
async def it(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    made = Corrected(store, TONE)
    await made.begin()
    yield made
    await store.close()


async def test_a_judge_that_is_too_strict_is_put_right_by_people(it):
    await it.said(30, "v2", good=True)
    await it.said(10, "v2", good=False)
    await it.said(6, "v2", good=True, person="yes")
    await it.said(2, "v2", good=False, person="yes")
    _, rates = await it.rates()
    (arms,) = rates.values()
    assert arms.stable is None, "nobody has seen any of it"
    assert (arms.candidate.judged, arms.candidate.labelled) == (40, 8)
    assert arms.candidate.rate.rate == pytest.approx(0.25 - 0.25), "each quarter that it found was none"


async def test_what_people_were_handed_for_a_reason_is_no_fair_sample(it):
    await it.said(10, "v1", good=True)
    await it.said(4, "v1", good=True, person="no", reason=Reason.DISAGREEMENT)
    assert (await it.rates())[1]["tone"] == Arms(None, None)
    await it.said(2, "v1", good=True, person="no", reason=Reason.STRATIFIED)
    stable = (await it.rates())[1]["tone"].stable
    assert (stable.judged, stable.labelled) == (14, 2)


async def test_it_is_shown_beside_the_metric_with_its_interval_and_in_sentences(it):
    for version in ("v1", "v2"):
        await it.said(20, version, good=True)
        await it.said(5, version, good=False, person="no")
        await it.said(5, version, good=True, person="yes")
    found, rates = await it.rates()
    at = moment(it.rollout, await it.conductor.evidence(found), it.clock.time())
    told = shown(found, at, None, OfJudges((), rates))
    error, tone = told["metrics"]
    assert error["corrected"] is None, "no model says it"
    candidate = tone["corrected"]["candidate"]
    assert candidate.keys() == {"rate", "low", "high", "judged", "labelled"}
    assert 0 <= candidate["low"] <= candidate["rate"] <= candidate["high"] <= 1
    assert (candidate["judged"], candidate["labelled"]) == (20, 10)
    said = [each for each in told["words"] if "corrected by what people said of 10 answers" in each]
    assert "candidate's 30 judged answers" in said[0]
    assert "stable version's 30" in said[1]
    assert any("無作為に選んだ 10 件" in each for each in explained(at, "ja", OfJudges((), rates)))
    (_, plain) = shown(found, at, None)["metrics"]
    assert (plain["corrected"], NO_JUDGES.corrected) == (None, {})


async def test_only_the_judge_that_the_rollout_hears_is_told_of_and_only_of_its_exchanges(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite3")
    await store.open()
    it = Corrected(store, replace(TONE, reads=replace(TONE.reads, run=BEFORE)))
    await it.begin()
    for it.judge in (BEFORE, AFTER):
        await it.said(4, "v1", good=True)
        await it.said(3, "v1", good=True, person="yes")
    copy = entry(it.make, "copy", rollout=None, epoch=None)
    await store.append([copy], [], [], None)
    await store.add_score(judgement(it.make, copy.row["id"], run=BEFORE, value=False, **BINARY))
    stable = (await it.rates())[1]["tone"].stable
    assert (stable.judged, stable.labelled) == (4, 3)
    await store.close()


class Remembering:
    def __init__(self, store, said=()):
        self.store, self.said, self.asked = store, said, []

    async def judged(self, wanted):
        self.asked.append(wanted)
        return list(self.said)


async def test_it_is_looked_up_again_after_a_while_and_what_is_remembered_is_bounded(it, monkeypatch):
    found, store = it.conductor.running["chat"], Remembering(it.store)
    correct = Correcting(store, it.clock)
    for _ in range(3):
        await correct.of(found)
    assert len(store.asked) == 2, "both versions once"
    it.clock.advance(FRESH_S)
    await correct.of(found)
    assert len(store.asked) == 4
    monkeypatch.setattr(correcting, "MAX_KNOWN", 1)
    correct._known["another"] = (0.0, {})
    it.clock.advance(FRESH_S)
    await correct.of(found)
    assert len(correct._known) == 1


async def test_of_a_judge_that_is_not_known_by_name_nothing_is_told(it):
    found, correct = it.conductor.running["chat"], Correcting(Remembering(it.store), it.clock)
    assert await correct._rate(found, "v1", ScoreRule(None, SourceKind.JUDGE, "kind", bad=(False,))) is None
    assert await correct._rate(found, "v1", ScoreRule("kind", SourceKind.JUDGE, bad=(False,))) is None


@pytest.mark.parametrize(
    ("said", "bad"),
    [
        (Judged(False, "yes"), (True, False)),
        (Judged(True, "no"), (False, True)),
        (Judged(True, True), (False, False)),
        (Judged(True, "bad"), (False, None)),
        (Judged("good", "no"), (None, None)),
        (Judged(0.4, 0.5), (None, None)),
        (Judged(True), (False, None)),
    ],
)
def test_a_person_s_yes_is_the_judge_s_true(said, bad):
    assert correcting._bad(said, TONE.reads) == bad
