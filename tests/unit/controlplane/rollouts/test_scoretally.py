"""What scores add: for the version and the epoch of their exchange, each unit once, the first bad word once."""

from dataclasses import replace

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import judgement, score
from tests.support.staged import POLICY, entry, record

from llmgateway.config.rollouts import RolloutMetric
from llmgateway.controlplane.rollouts import tally
from llmgateway.controlplane.rollouts.scoretally import score_tally
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.domain.scorerule import ScoreRule
from llmgateway.rollout.units import SAID

NOW = 1_800_000_000.0
THUMBS = ScoreRule("helpful", SourceKind.USER, bad=(False,))
TONE = ScoreRule("relevance", SourceKind.JUDGE, "rubric-3", below=0.4)
SCORED = replace(
    POLICY, metrics=(*POLICY.metrics, RolloutMetric("thumbs", reads=THUMBS), RolloutMetric("tone", reads=TONE))
)


@pytest.fixture
def make():
    return ExchangeFactory()


class Said:
    """Scores of exchanges, and what they add up to with marks that are there already."""

    def __init__(self, make, of=None):
        self.make, self.tally = make, score_tally(of or record(of=SCORED), NOW)

    def say(self, user, value, *, version="v1", **changes):
        row = entry(self.make, user, version=version, **changes).row
        self.tally.add(score(self.make, row["id"], value=value), row)
        return row

    def counts(self, marked=()):
        counts = self.tally.count(marked).counts
        return {(each.epoch, each.metric): tuple(each[2:6]) for each in counts if not each.metric.startswith(SAID)}

    def heard(self, marked=()):
        """Units by arm, as users spoke for the first time."""
        counts = self.tally.count(marked).counts
        return {(each.epoch, each.metric[6:]): tuple(each[2:6]) for each in counts if each.metric.startswith(SAID)}


def test_a_thumb_counts_for_the_version_and_the_epoch_of_its_exchange(make):
    said = Said(make)
    said.say("ann", True, epoch=1)
    said.say("bob", False, version="v2", epoch=1)
    said.say("cat", False, version="v2", epoch=2)
    assert said.counts() == {(1, "thumbs"): (1, 1, 0, 1), (2, "thumbs"): (0, 1, 0, 1)}


def test_it_counts_for_the_version_assigned_whoever_answered(make):
    said = Said(make)
    said.say("ann", False, version="v2", served_version="v1")
    assert said.counts() == {(1, "thumbs"): (0, 1, 0, 1)}


def test_a_unit_counts_once_and_its_first_bad_word_once(make):
    said = Said(make)
    for value in (True, False, False, True):
        said.say("ann", value)
    assert said.counts() == {(1, "thumbs"): (1, 0, 1, 0)}


def test_who_takes_it_back_has_said_it_all_the_same(make):
    said = Said(make)
    row = said.say("ann", False)
    first = said.tally.count(())
    said = Said(make)
    said.tally.add(score(make, row["id"], value=True), row)
    assert said.counts(first.marks) == {(1, "thumbs"): (0, 0, 0, 0)}, "heard of, not counted"
    said = Said(make)
    said.tally.add(score(make, row["id"], value=False), row)
    assert said.counts(first.marks) == {(1, "thumbs"): (0, 0, 0, 0)}


def test_a_word_that_turns_bad_counts_then(make):
    said = Said(make)
    row = said.say("ann", True)
    marks = said.tally.count(()).marks
    said = Said(make)
    said.tally.add(score(make, row["id"], value=False), row)
    assert said.counts(marks) == {(1, "thumbs"): (0, 0, 1, 0)}


def test_without_stickiness_an_exchange_is_a_unit_however_many_speak_of_it(make):
    said = Said(make)
    row = said.say(None, True)
    for who in ("a", "b"):
        said.tally.add(score(make, row["id"], source_id=who, value=False), row)
    said.say(None, True)
    assert said.counts() == {(1, "thumbs"): (2, 0, 1, 0)}
    assert ("thumbs", row["id"], "") in set(said.tally.count(()).marks)


def test_who_speaks_is_counted_once_on_the_arm_where_they_spoke_first(make):
    said = Said(make)
    said.say("ann", True)
    said.say("ann", True, version="v2", epoch=2)  # she has moved on with the weights
    said.say("bob", False, version="v2", epoch=2)
    said.say("bob", False, version="v2", epoch=2)
    assert said.heard() == {(1, "thumbs"): (1, 0, 0, 0), (2, "thumbs"): (0, 1, 0, 0)}
    marks = said.tally.count(()).marks
    later = Said(make)
    later.say("ann", False, version="v2", epoch=2)
    assert later.heard(marks) == {}
    assert later.counts(marks) == {(2, "thumbs"): (0, 0, 0, 1)}, "what she says is judged all the same"


def test_of_judges_and_programs_nobody_counts_how_often_they_speak(make):
    said = Said(make)
    row = entry(make, "ann").row
    said.tally.add(judgement(make, row["id"], value=0.3), row)
    assert said.heard() == {}


def test_assignments_are_not_counted_again(make):
    said = Said(make)
    said.say("ann", True)
    assert not any(metric == "" for _, metric in said.counts())
    assert not any(metric == "" for metric, _, _ in said.tally.count(()).marks)


def test_what_is_said_of_nothing_that_is_asked_about_is_passed_over(make):
    said = Said(make)
    row = entry(make, "ann").row
    for other in ({"name": "kind"}, {"source_kind": SourceKind.CODE}, {"data_type": DataType.NUMBER, "value": 1.0}):
        said.tally.add(score(make, row["id"], **other), row)
    assert (said.counts(), said.tally.units) == ({}, set())


@pytest.mark.parametrize(
    "changes",
    [
        {"assigned_by": "pin"},
        {"shadow_of": "x"},
        {"epoch": None},
        {"version": "v3"},
        {"end": "gateway_error", "status": 500},
        {"end": "interrupted"},
    ],
)
def test_what_the_weights_did_not_assign_or_the_gateway_did_wrong_says_nothing(make, changes):
    said = Said(make)
    said.say("ann", False, **changes)
    assert said.counts() == {}


def test_several_metrics_read_what_is_theirs(make):
    said = Said(make)
    row = said.say("ann", True)
    said.tally.add(judgement(make, row["id"], value=0.3), row)
    said.tally.add(judgement(make, row["id"], value=0.3, source_id="rubric-4"), row)
    assert said.counts() == {(1, "thumbs"): (1, 0, 0, 0), (1, "tone"): (1, 0, 1, 0)}


def test_when_it_was_heard_is_when_it_was_counted(make):
    said = Said(make)
    said.say("ann", True)
    (found,) = [each for each in said.tally.count(()).counts if each.metric == "thumbs"]
    assert (found.stable_at, found.candidate_at) == (NOW, 0.0), "whatever the user's clock says"


def test_very_many_at_once_are_counted_in_parts(make, monkeypatch):
    monkeypatch.setattr(tally, "MAX_BATCH", 3)
    said = Said(make)
    for number in range(10):
        said.say(f"u{number % 5}", number % 2 == 0)
    assert said.counts() == {(1, "thumbs"): (5, 0, 5, 0)}


@pytest.mark.parametrize("state", ["rolled_back", "succeeded", "aborted", "superseded"])
def test_a_rollout_that_has_ended_counts_nothing(state):
    assert score_tally(record(of=SCORED, state=state), NOW) is None


def test_one_that_reads_no_scores_counts_none_nor_does_one_that_can_not_be_read():
    assert score_tally(record(), NOW) is None
    assert score_tally(record(policy={"plan": {}, "slow": {}}), NOW) is None
    assert score_tally(record(policy={"scores": {"a": {"source_kind": "nobody"}}}), NOW) is None
