"""What a model's word may do follows people's agreement with it; what people and programs count is not asked."""

import math
from dataclasses import replace

import pytest
from tests.support.rollouts import NOW, evidence, rollout

from llmgateway.rollout import guards
from llmgateway.rollout.decide import decide
from llmgateway.rollout.evidence import Evidence, read
from llmgateway.rollout.explain import Language, explain
from llmgateway.rollout.guards import Lacking, moment
from llmgateway.rollout.plan import Kind, Metric, Plan, Step
from llmgateway.rollout.readings import absent, readings
from llmgateway.rollout.rollout import Approval, People, State
from llmgateway.rollout.standing import in_force
from llmgateway.rollout.states import Event, Occurrence, Transition, follow
from llmgateway.rollout.trust import Standing

PLAN = Plan((Step(0.5, 0, 10),), (Metric("error", ceiling=0.5), Metric("tone", is_judged=True)))
ADVISORY, PAUSES, ROLLS_BACK = Standing(99, 1.0), Standing(100, 0.6), Standing(400, 0.75)
HARMFUL = {"error": {1: (3, 3)}, "tone": {1: (0, 40)}}
UNITS = {"error": {1: (500, 500)}, "tone": {1: (200, 200)}}


def seen(standing, *, bad=HARMFUL, units=UNITS, heard=NOW):
    found = evidence(bad, (0.5,), units=units, heard=heard)
    return replace(found, trust={"tone": standing} if standing is not None else {})


def at_the_step(plan=PLAN):
    return rollout(plan, state=State.CANARY, epoch=1, since=NOW - 60, step_since=NOW - 60, started=NOW - 60)


@pytest.mark.parametrize(
    ("standing", "kind"),
    [
        (None, Kind.ADVISORY),
        (Standing(), Kind.ADVISORY),
        (ADVISORY, Kind.ADVISORY),
        (Standing(1_000, 0.59), Kind.ADVISORY),
        (PAUSES, Kind.SIGNAL),
        (ROLLS_BACK, Kind.CRITICAL),
    ],
)
def test_the_rungs_of_the_ladder(standing, kind):
    error, tone = in_force(PLAN, {"tone": standing} if standing is not None else {})
    assert (error, tone) == (PLAN.metrics[0], replace(PLAN.metrics[1], kind=kind))


def test_trust_makes_nothing_more_than_the_plan_says():
    plan = replace(PLAN, metrics=(Metric("error"), Metric("tone", Kind.SIGNAL, is_judged=True)))
    assert [each.kind for each in in_force(plan, {"tone": ROLLS_BACK})] == [Kind.CRITICAL, Kind.SIGNAL]
    assert [each.kind for each in in_force(plan, {"tone": Standing()})] == [Kind.CRITICAL, Kind.ADVISORY]


@pytest.mark.parametrize(
    ("standing", "event"), [(None, Event.PROVEN), (PAUSES, Event.SIGNAL), (ROLLS_BACK, Event.HARM)]
)
def test_what_a_judges_alarm_does(standing, event):
    assert decide(at_the_step(), seen(standing), NOW) is event


def test_an_advisory_judge_is_waited_for_in_nothing():
    silent = seen(None, bad={"error": {1: (3, 3)}}, units={"error": {1: (500, 500)}})
    assert absent(PLAN, silent, NOW) == []
    assert guards.step_units(moment(at_the_step(), silent, NOW)) is None
    assert readings(PLAN, silent).is_proven
    assert decide(at_the_step(), silent, NOW) is Event.PROVEN


def test_a_trusted_one_is():
    silent = seen(ROLLS_BACK, bad={"error": {1: (3, 3)}}, units={"error": {1: (500, 500)}})
    assert absent(PLAN, silent, NOW) == ["tone"]
    assert guards.step_units(moment(at_the_step(), silent, NOW)).values["units"] == 0
    assert readings(PLAN, silent).unproven() == ["tone"]


@pytest.mark.parametrize(("standing", "tone"), [(ADVISORY, ()), (ROLLS_BACK, ("tone",)), (PAUSES, ("tone",))])
def test_who_is_trusted_while_people_are_waited_for_has_to_find_no_harm_either(standing, tone):
    even = {"error": {1: (3, 3)}, "tone": {1: (2, 2)}}
    asked = rollout(PLAN, state=State.AWAITING_APPROVAL, epoch=1, since=NOW - 60, evidence_hash="e", started=NOW - 60)
    told = People((Approval("ann", asked.version_hash, "e", NOW),), seen=10)
    found = follow(asked, Occurrence(Event.PROMOTE, NOW, "ann", "good"), seen(standing, bad=even), told)
    lacks = [(each.what, tuple(each.values["metrics"])) for each in found.lacks] if tone else found
    assert lacks == [(Lacking.PROOF, tone)] if tone else isinstance(found, Transition)


def test_an_advisory_metric_takes_no_part_of_alpha():
    alone = readings(replace(PLAN, metrics=PLAN.metrics[:1]), seen(None))
    beside = readings(PLAN, seen(None))
    assert (beside.harm, beside.signal) == (alone.harm, 0.0)
    assert beside.metrics[1].harm > math.log(20), "and it is shown"


def test_a_plan_does_not_rest_on_a_models_word_alone():
    with pytest.raises(ValueError, match="no model's word"):
        Plan((Step(0.5),), (Metric("tone", is_judged=True), Metric("error", Kind.SIGNAL)))


def test_trust_is_a_part_of_the_evidence():
    one = seen(PAUSES)
    assert read(one.written()) == one
    assert one.hash() != seen(ADVISORY).hash()
    assert "trust" not in seen(None).written(), "where no model judges, the hash is what it was"
    assert Evidence().plus(one).trust == one.trust


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("standing", [None, ADVISORY, PAUSES, ROLLS_BACK])
def test_it_is_said_in_words(standing, language):
    said = explain(at_the_step(), seen(standing), NOW, language=language)
    (told,) = [each for each in said if each.startswith("tone: ") and "kappa" in each]
    assert str((standing or Standing()).labels) in told
    assert "{" not in told
    tested = [each for each in said if each.startswith("tone: ") and "1.5" in each]
    assert len(tested) == (standing in (PAUSES, ROLLS_BACK)), "what moves nothing is not told to be enough for anything"


def test_what_is_said_of_an_advisory_judge():
    said = explain(at_the_step(), seen(Standing(40, None)), NOW)
    (told,) = [each for each in said if each.startswith("tone: a model judges this.")]
    assert "It is shown and moves nothing" in told
    assert "40 of the 100" in told
    assert "kappa unknown" in told
