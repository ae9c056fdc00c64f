"""What the controller does by itself, and a whole rollout driven by it, second by second, through restarts."""

import json
import random
from dataclasses import replace
from timeit import timeit

import pytest
from tests.support.rollouts import NOW, PLAN, evidence, rollout

from llmgateway.rollout.counts import NOTHING, Arms
from llmgateway.rollout.decide import FORWARD, decide
from llmgateway.rollout.eprocess import value
from llmgateway.rollout.evidence import Evidence, read
from llmgateway.rollout.hardstop import Failing
from llmgateway.rollout.plan import Approvals, Kind, Metric, Plan, Shadow, Step
from llmgateway.rollout.readings import readings
from llmgateway.rollout.rollout import LIVE, TERMINAL, Approval, Pause, People, State
from llmgateway.rollout.states import TABLE, Event, Occurrence, Transition, follow

W = (0.05, 0.25, 0.5, 0.95)
UNITS = {"error": {1: (900, 50), 2: (900, 300), 3: (900, 900)}}
CALM = evidence({"error": {1: (19, 1)}}, W, units=UNITS, heard=NOW)
PROOF = evidence({"error": {3: (400, 380)}}, W, units=UNITS, heard=NOW)
HARM = evidence({"error": {1: (30, 20)}}, W, units=UNITS, heard=NOW)
UNEVEN = replace(CALM, assigned={1: Arms(10_000, 100)})
SILENT = replace(CALM, heard={})
LAST = rollout(state=State.CANARY, step=2, epoch=3, since=NOW - 900, step_since=NOW - 900, started=NOW - 900)
FIRST = replace(LAST, step=0, epoch=1)
GATED = replace(FIRST, plan=replace(PLAN, steps=(Step(0.05, 60, 20, gate=True), *PLAN.steps[1:])))
PERSONS = {
    Event.PROMOTE,
    Event.RESUME,
    Event.SUBMIT,
    Event.PAUSE,
    Event.ANDON,
    Event.ROLL_BACK,
    Event.ABORT,
    Event.SUPERSEDE,
}


@pytest.mark.parametrize(
    ("of", "seen", "event"),
    [
        (FIRST, CALM, Event.ADVANCE),
        (GATED, CALM, Event.ASK),
        (replace(GATED, asked=True), CALM, Event.ADVANCE),
        (replace(GATED, step_since=NOW), CALM, None),
        (FIRST, HARM, Event.HARM),
        (FIRST, UNEVEN, Event.SRM),
        (FIRST, SILENT, Event.NO_DATA),
        (replace(FIRST, since=NOW - 599), SILENT, None),
        (replace(FIRST, step_since=NOW), CALM, None),
        (FIRST, replace(UNEVEN, heard={}), Event.SRM),
        (LAST, CALM, None),
        (LAST, PROOF, Event.PROVEN),
        (replace(LAST, started=NOW - PLAN.deadline_s), CALM, Event.DEADLINE),
        (replace(LAST, started=NOW - PLAN.deadline_s), PROOF, Event.PROVEN),
        (replace(LAST, started=NOW - PLAN.deadline_s), HARM, Event.HARM),
        (replace(LAST, state=State.INCONCLUSIVE), CALM, None),
        (replace(LAST, state=State.INCONCLUSIVE), PROOF, Event.PROVEN),
        (replace(FIRST, state=State.PAUSED, pause=Pause.NO_DATA), SILENT, None),
        (replace(FIRST, state=State.PAUSED, pause=Pause.NO_DATA), CALM, Event.CLEARED),
        (replace(FIRST, state=State.PAUSED, pause=Pause.MANUAL), CALM, None),
        (replace(FIRST, state=State.PAUSED, pause=Pause.ANDON), HARM, Event.HARM),
        (replace(LAST, state=State.AWAITING_APPROVAL), PROOF, None),
        (replace(LAST, state=State.AWAITING_APPROVAL), HARM, Event.HARM),
        (replace(LAST, state=State.AWAITING_APPROVAL), SILENT, Event.NO_DATA),
        (replace(LAST, state=State.PROMOTING), HARM, Event.HARM),
        (replace(LAST, state=State.PROMOTING), CALM, None),
        (replace(LAST, state=State.BAKE, since=NOW - 3_599), CALM, None),
        (replace(LAST, state=State.BAKE, since=NOW - 3_600), CALM, Event.BAKED),
        (replace(LAST, state=State.BAKE, since=NOW - 3_600), SILENT, None),
        (replace(LAST, state=State.BAKE, since=NOW - 3_600), HARM, Event.HARM),
        (replace(LAST, state=State.ROLLING_BACK), HARM, None),
        (rollout(), CALM, None),
        (rollout(state=State.PENDING_START), Evidence(), Event.START),
        (rollout(replace(PLAN, shadow=Shadow()), state=State.PENDING_START), Evidence(), Event.SHADOW),
        (
            rollout(replace(PLAN, shadow=Shadow()), state=State.SHADOW, since=NOW),
            Evidence(pairs=Arms(1, 30)),
            Event.HARM,
        ),
        (
            rollout(replace(PLAN, shadow=Shadow()), state=State.SHADOW, since=NOW),
            Evidence(pairs=Arms(30, 30)),
            Event.START,
        ),
        *((rollout(state=state), HARM, None) for state in sorted(TERMINAL)),
    ],
)
def test_the_first_thing_that_the_evidence_calls_for(of, seen, event):
    assert decide(of, seen, NOW) is event


def test_a_signal_pauses_and_goes_on_when_it_has_calmed_down():
    plan = replace(PLAN, metrics=(Metric("error"), Metric("slow", Kind.SIGNAL)))
    bad = evidence({"error": {}, "slow": {1: (30, 20)}}, W, units=UNITS, heard=NOW)
    assert decide(replace(FIRST, plan=plan), bad, NOW) is Event.SIGNAL
    paused = replace(FIRST, plan=plan, state=State.PAUSED, pause=Pause.SIGNAL_METRIC)
    assert decide(paused, bad, NOW) is None
    assert decide(paused, replace(bad, bad={"slow": {1: Arms(400, 20)}}), NOW) is Event.CLEARED
    near = next(each for n in range(200) if value(readings(plan, each := slow(n)).signal) < 19)
    assert value(readings(plan, near).signal) > 10
    assert decide(paused, near, NOW) is None, "it would pause again at the next event"


def slow(stable):
    return evidence({"error": {}, "slow": {1: (stable, 20)}}, W, units=UNITS, heard=NOW)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_candidate_that_fails_most_of_the_time_goes_from_anywhere(state):
    broken = replace(CALM, failing=Failing(run=Arms(0, 10)))
    pause = Pause.MANUAL if state is State.PAUSED else None
    assert decide(replace(FIRST, state=state, pause=pause), broken, NOW) is Event.HARM


def test_it_never_speaks_for_people():
    assert PERSONS.isdisjoint(FORWARD)
    assert {Event.IN_FORCE, Event.CONTROLLER_LOST}.isdisjoint(FORWARD)


def test_what_it_says_follows_unless_people_have_to_agree():
    for state in State:
        for seen in (CALM, PROOF, HARM, UNEVEN, SILENT):
            one = replace(LAST, state=state, pause=Pause.NO_DATA if state is State.PAUSED else None)
            if (event := decide(one, seen, NOW)) is not None:
                assert isinstance(follow(one, Occurrence(event, NOW), seen), Transition)


def test_it_is_asked_each_second_and_takes_a_moment():
    plan = replace(PLAN, metrics=tuple(Metric(name, ceiling=0.01) for name in "abcdef"))
    seen = evidence({name: {1: (90, 9), 2: (80, 30), 3: (100, 100)} for name in "abcdef"}, W, heard=NOW)
    one = replace(FIRST, plan=plan)
    assert min(timeit(lambda: decide(one, seen, NOW), number=20) / 20 for _ in range(20)) < 6 * 200e-6


# --- whole rollouts

FAST = Plan(
    steps=(Step(0.05, 30, 20), Step(0.25, 30, 50), Step(0.5, 30, 100)),
    metrics=(Metric("error", ceiling=0.05), Metric("refusal", ceiling=0.05)),
    approvals=Approvals(1),
    deadline_s=3_600,
)


def lived(rates, rng, seconds=4_000):
    """A rollout from its start, 40 requests a second, control losing its memory now and then; the states and events."""
    of, seen, now = rollout(FAST, state=State.PENDING_START), Evidence(), NOW
    path = []
    for _ in range(seconds):
        now += 1
        seen = seen.plus(second(of, now, rates, rng))
        if rng.random() < 0.05:
            seen = read(json.loads(json.dumps(seen.written())))
            of = rollout(FAST).placed(json.loads(json.dumps(of.written())))
        people = People((Approval("ann", of.version_hash, of.evidence_hash, now - 1),), seen=10)
        event = decide(of, seen, now)
        if of.state is State.AWAITING_APPROVAL and event is None:
            event = Event.PROMOTE
        if of.state in {State.PROMOTING, State.ROLLING_BACK} and event is None:
            event = Event.IN_FORCE
        if event is None:
            continue
        outcome = follow(of, Occurrence(event, now, "ann", "because"), seen, people)
        assert isinstance(outcome, Transition), outcome
        of = outcome.after
        path.append((event, of.state))
        if of.state in {State.BAKE, *TERMINAL}:
            break
    return path, seen


def second(of, now, rates, rng, requests=40):
    """What one second of traffic adds. `rates`: metric → (stable, candidate)."""
    weight = of.weight
    if not 0 < weight < 1:
        return Evidence()
    candidate = sum(rng.random() < weight for _ in range(requests))
    arms = Arms(requests - candidate, candidate)
    bad = {}
    for metric, (ours, theirs) in rates.items():
        hits = Arms(
            sum(rng.random() < ours for _ in range(arms.stable)), sum(rng.random() < theirs for _ in range(candidate))
        )
        bad[metric] = {of.epoch: hits} if hits != NOTHING else {}
    return Evidence(
        {of.epoch: weight},
        {of.epoch: arms},
        dict.fromkeys(rates, {of.epoch: arms}),
        bad,
        heard=dict.fromkeys(rates, (now, now)),
    )


def test_a_good_candidate_goes_all_the_way():
    path, _ = lived({"error": (0.01, 0.01), "refusal": (0.005, 0.005)}, random.Random(4))
    assert [event for event, _ in path] == [
        Event.START, Event.ADVANCE, Event.ADVANCE, Event.PROVEN, Event.PROMOTE, Event.IN_FORCE,
    ]  # fmt: skip
    assert path[-1][1] is State.BAKE


@pytest.mark.parametrize(
    "rates", [{"error": (0.01, 0.05), "refusal": (0.01, 0.01)}, {"error": (0.01, 0.01), "refusal": (0.01, 0.5)}]
)
def test_a_bad_candidate_is_rolled_back(rates):
    path, _ = lived(rates, random.Random(5))
    assert path[-2:] == [(Event.HARM, State.ROLLING_BACK), (Event.IN_FORCE, State.ROLLED_BACK)]


def test_an_outage_of_both_is_nobody_s_fault():
    path, seen = lived({"error": (0.3, 0.3), "refusal": (0.01, 0.01)}, random.Random(6), seconds=300)
    assert Event.HARM not in [event for event, _ in path]
    assert seen.candidate_units("error") > 1_000


def test_a_table_of_forward_events_covers_the_states():
    assert {event for _, event in TABLE} >= set(FORWARD)
