"""Users who speak of one version more often than of the other: it pauses, and a person may go on all the same."""

from dataclasses import replace

import pytest
from tests.support.rollouts import NOW, evidence, rollout

from llmgateway.rollout.counts import Arms
from llmgateway.rollout.decide import decide
from llmgateway.rollout.evidence import Evidence, read
from llmgateway.rollout.explain import Language, explain
from llmgateway.rollout.guards import moment, no_alarm
from llmgateway.rollout.plan import Metric, Plan, Step
from llmgateway.rollout.readings import readings
from llmgateway.rollout.rollout import Pause, People, State
from llmgateway.rollout.states import Event, Occurrence, follow
from llmgateway.rollout.units import SAID, Seen, count

PLAN = Plan((Step(0.5, 0, 10),), (Metric("error", ceiling=0.5), Metric("thumbs")))
CALM = evidence(
    {"error": {1: (3, 3)}, "thumbs": {1: (5, 5)}},
    (0.5,),
    units={"error": {1: (500, 500)}, "thumbs": {1: (60, 60)}},
    heard=NOW,
)
CANARY = rollout(PLAN, state=State.CANARY, epoch=1, since=NOW - 60, step_since=NOW - 60, started=NOW - 60)


def said(stable, candidate, **more):
    return replace(CALM, said={"thumbs": {1: Arms(stable, candidate)}}, **more)


@pytest.mark.parametrize(("stable", "candidate"), [(100, 30), (30, 100)])
def test_it_pauses_whichever_version_they_are_silent_about(stable, candidate):
    found = said(stable, candidate)
    assert decide(CANARY, found, NOW) is Event.FEEDBACK
    paused = follow(CANARY, Occurrence(Event.FEEDBACK, NOW), found).after
    assert (paused.state, paused.pause) == (State.PAUSED, Pause.FEEDBACK)
    assert no_alarm(moment(CANARY, found, NOW)).values == {"alarms": ["feedback"]}


@pytest.mark.parametrize(("stable", "candidate"), [(0, 0), (60, 60), (60, 45), (3, 0)])
def test_what_chance_does_is_no_cause(stable, candidate):
    assert readings(PLAN, said(stable, candidate)).lopsided == ()
    assert decide(CANARY, said(stable, candidate), NOW) is not Event.FEEDBACK


def test_the_weights_enter():
    tenth = replace(said(900, 100), weights={1: 0.1})
    assert readings(PLAN, tenth).lopsided == ()
    assert readings(PLAN, said(900, 100)).lopsided == ("thumbs",)


def test_it_does_not_end_by_itself_and_who_resumes_is_not_asked_again():
    found = said(100, 30)
    paused = follow(CANARY, Occurrence(Event.FEEDBACK, NOW), found).after
    assert decide(paused, said(100, 100), NOW) is None
    resumed = follow(paused, Occurrence(Event.RESUME, NOW, "ann", "they are shy"), found, People()).after
    assert resumed.accepted == {"!said:thumbs"}
    assert decide(resumed, found, NOW) is not Event.FEEDBACK
    assert readings(PLAN, found, accepted=resumed.accepted).lopsided == ()


def test_what_they_say_still_counts_after_that():
    worse = said(100, 30, bad={"error": {1: Arms(3, 3)}, "thumbs": {1: Arms(0, 30)}})
    resumed = replace(CANARY, accepted=frozenset({SAID + "thumbs"}))
    assert decide(resumed, worse, NOW) is Event.HARM


def test_it_is_a_part_of_the_evidence_and_adds_up():
    one = said(3, 4)
    assert read(one.written()) == one
    assert one.plus(replace(one)).said == {"thumbs": {1: Arms(6, 8)}}
    assert "said" not in CALM.written()
    with pytest.raises(ValueError, match="no weight"):
        Evidence(said={"thumbs": {1: Arms(1, 1)}})


@pytest.mark.parametrize("language", Language)
def test_it_is_told(language):
    told = [each for each in explain(CANARY, said(100, 30), NOW, language=language) if "1,000" in each]
    assert sum(each.startswith("thumbs: ") for each in told) == 1
    assert len([each for each in explain(CANARY, CALM, NOW, language=language) if "1,000" in each]) == len(told) - 1


def test_a_unit_speaks_once():
    seen = [Seen("ann", 1, False, {"thumbs": False}, ("thumbs",)), Seen("ann", 2, True, {"thumbs": True}, ("thumbs",))]
    counted = count(seen, lambda _: False, assigns=False)
    assert counted.units == {
        (SAID + "thumbs", 1): Arms(1, 0), ("thumbs", 1): Arms(1, 0), ("thumbs", 2): Arms(0, 1),
    }  # fmt: skip
    assert counted.bad == {("thumbs", 2): Arms(0, 1)}
