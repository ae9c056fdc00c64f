"""How far judges are trusted is looked up now and then, and of judges alone."""

from dataclasses import replace

import pytest

from llmgateway.controlplane.rollouts import trusting
from llmgateway.controlplane.rollouts.trusting import FRESH_S, Trusting
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.score import SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.rollout.trust import UNKNOWN, Standing, Trust

TONE = ScoreRule("tone", SourceKind.JUDGE, "kind", bad=(False,))
THUMBS = ScoreRule("helpful", SourceKind.USER, bad=(False,))
AGREED = [(True, True), (False, False)] * 50 + [(True, False)]


class Labels:
    def __init__(self, pairs=()):
        self.pairs, self.asked = list(pairs), []

    async def labelled(self, name, source_id, run):
        self.asked.append((name, source_id, run))
        return self.pairs


@pytest.fixture
def clock():
    return ManualClock()


async def test_a_judge_stands_as_people_agree_with_it(clock):
    store = Labels(AGREED)
    found = await Trusting(store, clock).of({"a": TONE, "b": THUMBS})
    assert found == {"a": Standing(101, pytest.approx(0.98, abs=0.01))}
    assert (found["a"].rung, store.asked) == (Trust.MAY_ROLL_BACK, [("tone", "kind", None)])


async def test_nobody_asks_where_no_model_judges(clock):
    store = Labels()
    assert await Trusting(store, clock).of({"b": THUMBS}) == {}
    assert store.asked == []


async def test_who_says_it_has_to_be_known(clock):
    store = Labels(AGREED)
    for rule in (ScoreRule(None, SourceKind.JUDGE, "kind"), ScoreRule("tone", SourceKind.JUDGE)):
        assert await Trusting(store, clock).of({"a": rule}) == {"a": UNKNOWN}
    assert store.asked == []


async def test_it_is_looked_up_again_after_a_while(clock):
    store = Labels()
    it = Trusting(store, clock)
    assert (await it.of({"a": TONE}))["a"] == UNKNOWN
    store.pairs = AGREED
    assert (await it.of({"a": TONE}))["a"] == UNKNOWN
    clock.advance(FRESH_S)
    assert (await it.of({"a": TONE}))["a"].labels == 101
    assert len(store.asked) == 2


async def test_what_is_remembered_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(trusting, "MAX_JUDGES", 3)
    store = Labels()
    it = Trusting(store, clock)
    for number in range(10):
        await it.of({"a": ScoreRule(f"n{number}", SourceKind.JUDGE, "kind")})
    assert len(it._known) <= 3


async def test_another_judge_of_the_same_name_is_another(clock):
    store = Labels(AGREED)
    it = Trusting(store, clock)
    before, after = replace(TONE, run="judge-a@1"), replace(TONE, run="judge-a@2")
    assert (await it.of({"a": before}))["a"].labels == 101
    store.pairs = []
    assert (await it.of({"a": after}))["a"] == UNKNOWN, "what was remembered is of the other"
    assert [run for *_, run in store.asked] == ["judge-a@1", "judge-a@2"]
