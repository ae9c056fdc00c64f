"""The state table: its shape, each guard by itself, and a random walk in which people and evidence do what they like."""

import json
from dataclasses import fields, replace
from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.rollouts import NOW, PLAN, approvals, everybody, evidence, rollout

from llmgateway.rollout import guards
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.evidence import MAX_EPOCHS, PAIRS, Evidence
from llmgateway.rollout.guards import LAST_EPOCH, Lacking
from llmgateway.rollout.hardstop import Failing
from llmgateway.rollout.plan import MAX_STEPS, Approvals, Kind, Metric, Shadow, Step
from llmgateway.rollout.readings import absent, readings
from llmgateway.rollout.rollout import (
    LIVE,
    MAX_HALTS,
    MUST_SEE,
    PROMOTED,
    TERMINAL,
    Approval,
    Pause,
    People,
    Rollout,
    State,
)
from llmgateway.rollout.states import BY_PEOPLE, PAUSES, TABLE, Event, Occurrence, Refused, Transition, awaited, follow

GOOD = {"error": {1: (200, 10), 2: (200, 60), 3: (400, 380)}}
UNITS = {"error": {1: (9_000, 500), 2: (9_000, 3_000), 3: (9_000, 9_000)}}
W = (0.05, 0.25, 0.5, 0.95)
CALM = evidence({"error": {1: (19, 1), 2: (30, 10)}}, W, units=UNITS, heard=NOW)
PROOF = evidence(GOOD, W, units=UNITS, heard=NOW)
HARM = evidence({"error": {1: (30, 20)}}, W, units=UNITS, heard=NOW)
LAST = rollout(state=State.CANARY, step=2, epoch=3, since=NOW - 90, step_since=NOW - 90, started=NOW - 900)
FIRST = replace(LAST, step=0, epoch=1)
AWAITING = replace(LAST, state=State.AWAITING_APPROVAL, evidence_hash="e")


def what(outcome):
    """What is lacking; empty for a transition."""
    return [each.what for each in outcome.lacks] if isinstance(outcome, Refused) else []


def happen(of, event, seen=CALM, people=None, at=NOW, reason=""):
    return follow(of, Occurrence(event, at, "ann", reason), seen, people or People())


# --- the table's shape


def test_terminal_states_absorb():
    assert {state for state, _ in TABLE}.isdisjoint(TERMINAL)
    assert {*State} - TERMINAL == {state for state, _ in TABLE}


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_rollback_is_one_free_step_away_from_every_live_state(state):
    for event in (Event.ROLL_BACK, Event.HARM):
        edge = TABLE[state, event]
        assert edge.target in {State.ROLLING_BACK, State.ROLLED_BACK}
        assert edge.guards == edge.consent == ()


def test_the_only_way_to_a_promotion_is_a_person_s_word_on_a_proof():
    assert [key for key, edge in TABLE.items() if edge.target is State.PROMOTING] == [
        (State.AWAITING_APPROVAL, Event.PROMOTE)
    ]
    for edge in (edge for edge in TABLE.values() if edge.target is State.AWAITING_APPROVAL):
        assert guards.proven in edge.guards
        assert guards.heard_of_all in edge.guards
    word = TABLE[State.AWAITING_APPROVAL, Event.PROMOTE]
    assert {guards.approved, guards.no_concerns, guards.rationale, guards.seen_enough} <= set(word.consent)


def test_the_edges_are_those_of_the_design():
    edges = {}
    for (state, _), edge in TABLE.items():
        edges.setdefault(state.value, set()).add(edge.target.value)
    assert edges == {
        "draft": {"pending_start", "aborted", "superseded"},
        "pending_start": {"shadow", "canary", "aborted", "superseded"},
        "shadow": {"canary", "rolled_back", "superseded"},
        "canary": {"canary", "paused", "awaiting_approval", "inconclusive", "rolling_back"},
        "paused": {"canary", "paused", "rolling_back", "aborted", "superseded"},
        "awaiting_approval": {"promoting", "rolling_back", "paused"},
        "promoting": {"bake", "rolling_back"},
        "bake": {"succeeded", "rolling_back"},
        "inconclusive": {"awaiting_approval", "rolling_back"},
        "rolling_back": {"rolled_back"},
    }


def test_every_event_leads_somewhere_and_every_pause_has_its_event():
    assert {event for _, event in TABLE} == {*Event}
    assert {*PAUSES.values()} == {*Pause}


def test_what_is_not_in_the_table_is_refused():
    refused = happen(FIRST, Event.PROMOTE)
    assert what(refused) == [Lacking.EDGE]
    assert refused.lacks[0].values == {"state": State.CANARY, "event": Event.PROMOTE}


def test_it_is_superseded_only_where_nobody_gets_more_of_the_candidate_meanwhile():
    """Before the first step at any time; while it is paused with a reason; never on its way."""
    states = {state for state, event in TABLE if event is Event.SUPERSEDE}
    assert states == {State.DRAFT, State.PENDING_START, State.SHADOW, State.PAUSED}
    paused = replace(FIRST, state=State.PAUSED, pause=Pause.ANDON)
    assert what(happen(paused, Event.SUPERSEDE)) == [Lacking.REASON]
    after = happen(paused, Event.SUPERSEDE, reason="v3 is there").after
    assert (after.state, after.weight, after.pause, after.epoch) == (State.SUPERSEDED, 0.0, None, paused.epoch + 1)


# --- the beginning


def test_a_draft_needs_its_preflight_or_a_written_waiver():
    assert what(happen(rollout(), Event.SUBMIT)) == [Lacking.PREFLIGHT]
    assert what(happen(rollout(), Event.SUBMIT, reason="a newer model")) == [Lacking.PREFLIGHT]
    assert what(happen(rollout(), Event.SUBMIT, people=People(waiver=" "))) == [Lacking.PREFLIGHT]
    waived = People(waiver="the old model is gone")
    assert happen(rollout(), Event.SUBMIT, people=waived).after.state is State.PENDING_START
    assert happen(rollout(), Event.SUBMIT, people=People(has_passed_preflight=True)).after.weight == 0


def test_a_start_may_need_approval():
    pending = rollout(replace(PLAN, start=Approvals(1)), state=State.PENDING_START, evidence_hash="e")
    assert what(happen(pending, Event.START)) == [Lacking.APPROVALS]
    started = happen(pending, Event.START, people=People(approvals(pending, NOW, "ann"))).after
    assert (started.state, started.step, started.epoch, started.weight) == (State.CANARY, 0, 1, 0.05)
    assert started.started == started.step_since == NOW


def test_a_shadow_comes_first_where_the_plan_has_one():
    shadowing = rollout(replace(PLAN, shadow=Shadow(60, 5)), state=State.PENDING_START)
    assert (
        what(happen(shadowing, Event.START))
        == what(happen(rollout(state=State.PENDING_START), Event.SHADOW))
        == [Lacking.SHADOW]
    )
    shadow = happen(shadowing, Event.SHADOW).after
    assert shadow.weight == 0
    assert what(happen(shadow, Event.START, at=NOW + 59)) == [Lacking.PAIRS]
    assert what(happen(shadow, Event.START, at=NOW + 60)) == [Lacking.MISSING]  # nothing could be compared
    compared = replace(CALM, heard={PAIRS: (NOW, NOW)})
    assert what(happen(shadow, Event.START, compared, at=NOW + 59)) == [Lacking.PAIRS]
    assert happen(shadow, Event.START, compared, at=NOW + 60).after.epoch == 1
    assert happen(shadow, Event.START, replace(CALM, pairs=Arms(3, 2))).after.state is State.CANARY
    assert what(happen(shadow, Event.START, replace(CALM, pairs=Arms(0, 30)))) == [Lacking.ALARM]
    assert happen(shadow, Event.HARM).after.state is State.ROLLED_BACK


# --- the steps


def test_a_step_has_floors():
    assert happen(FIRST, Event.ADVANCE).after.step == 1
    assert what(happen(replace(FIRST, step_since=NOW - 59), Event.ADVANCE)) == [Lacking.TIME]
    few = replace(CALM, units={"error": {1: Arms(100, 19), 2: Arms(0, 5_000)}})
    refused = happen(FIRST, Event.ADVANCE, few)
    assert refused.lacks[0].values == {"units": 19, "needed": 20}


def test_floors_ask_every_critical_metric_and_no_signal():
    plan = replace(PLAN, metrics=(Metric("error"), Metric("refusal"), Metric("slow", Kind.SIGNAL)))
    seen = replace(CALM, heard=dict.fromkeys(("error", "refusal", "slow"), (NOW, NOW)))
    assert what(happen(replace(FIRST, plan=plan), Event.ADVANCE, seen)) == [Lacking.UNITS]
    seen = replace(seen, units={**seen.units, "refusal": {1: Arms(0, 20)}})
    assert what(happen(replace(FIRST, plan=plan), Event.ADVANCE, seen)) == []


def test_each_step_has_an_epoch_and_units_of_its_own():
    second = happen(FIRST, Event.ADVANCE).after
    assert (second.step, second.epoch, second.weight, second.step_since) == (1, 2, 0.25, NOW)
    assert what(happen(LAST, Event.ADVANCE)) == [Lacking.STEP]


def test_nothing_goes_forward_without_data_or_with_an_alarm():
    silent = replace(CALM, heard={"error": (NOW, NOW - 601)})
    assert what(happen(FIRST, Event.ADVANCE, silent)) == [Lacking.MISSING]
    assert what(happen(FIRST, Event.ADVANCE, replace(CALM, heard={}))) == [Lacking.MISSING]
    assert what(happen(FIRST, Event.ADVANCE, HARM)) == [Lacking.ALARM]
    uneven = replace(CALM, assigned={1: Arms(10_000, 100)})
    assert what(happen(FIRST, Event.ADVANCE, uneven)) == [Lacking.ALARM]
    broken = replace(CALM, failing=Failing(run=Arms(0, 10)))
    assert what(happen(FIRST, Event.ADVANCE, broken)) == [Lacking.ALARM]


GATED = replace(FIRST, plan=replace(PLAN, steps=(Step(0.05, 60, 20, gate=True), Step(0.5))), evidence_hash="e")


def test_at_a_gate_people_are_asked_about_the_evidence_that_it_was_reached_with():
    asking = happen(GATED, Event.ASK).after
    assert (asking.state, asking.step, asking.epoch, asking.weight) == (State.CANARY, 0, 1, 0.05)
    assert (asking.revision, asking.since, asking.step_since) == (GATED.revision + 1, GATED.since, GATED.step_since)
    assert (asking.evidence_hash, asking.is_asking) == (CALM.hash(), True)
    assert what(happen(asking, Event.ASK)) == [Lacking.STEP], "once"
    assert what(happen(asking, Event.ADVANCE)) == [Lacking.APPROVALS]
    after = happen(asking, Event.ADVANCE, people=everybody(asking, NOW)).after
    assert (after.step, after.is_asking) == (1, False)


def test_what_was_approved_before_a_step_had_its_evidence_does_not_count():
    early = everybody(GATED, NOW)
    assert what(happen(GATED, Event.ADVANCE, people=early)) == [Lacking.APPROVALS]
    assert GATED.approvers(early, PLAN.approvals, NOW) == set()
    asking = happen(GATED, Event.ASK).after
    assert what(happen(asking, Event.ADVANCE, people=early)) == [Lacking.APPROVALS]


@pytest.mark.parametrize(
    ("of", "seen", "lacks"),
    [
        (replace(GATED, step_since=NOW - 59), CALM, Lacking.TIME),
        (GATED, replace(CALM, units={"error": {1: Arms(100, 19)}}), Lacking.UNITS),
        (GATED, HARM, Lacking.ALARM),
        (GATED, replace(CALM, heard={}), Lacking.MISSING),
        (FIRST, CALM, Lacking.STEP),
        (replace(GATED, plan=replace(GATED.plan, approvals=Approvals(0))), CALM, Lacking.STEP),
        (replace(GATED, step=1, epoch=2), CALM, Lacking.STEP),
    ],
)
def test_nobody_is_asked_before_a_step_with_a_gate_has_what_it_needs(of, seen, lacks):
    assert lacks in what(happen(of, Event.ASK, seen))


def test_what_interrupts_the_wait_at_a_gate_asks_anew():
    asking = happen(GATED, Event.ASK).after
    people = everybody(asking, NOW)
    resumed = happen(happen(asking, Event.PAUSE).after, Event.RESUME, reason="lunch is over").after
    assert not resumed.is_asking
    assert what(happen(resumed, Event.ADVANCE, people=people)) == [Lacking.APPROVALS]


def test_where_people_are_asked_and_what_has_to_come_before():
    asked = {state for state in State if replace(LAST, state=state).is_asking}
    assert asked == {State.PENDING_START, State.AWAITING_APPROVAL}
    assert [awaited(each) for each in (GATED, FIRST, LAST, AWAITING)] == [Event.ASK, None, Event.PROVEN, None]


def test_a_place_that_an_older_version_wrote_asks_nobody_yet():
    place = {name: value for name, value in GATED.written().items() if name not in {"asked", "halts"}}
    assert rollout(GATED.plan).placed(place) == GATED


# --- pauses


@pytest.mark.parametrize(("event", "pause"), PAUSES.items())
@pytest.mark.parametrize("of", [FIRST, AWAITING])
def test_a_pause_keeps_the_weight_and_says_why(of, event, pause):
    paused = happen(of, event).after
    assert (paused.state, paused.pause, paused.weight, paused.epoch) == (State.PAUSED, pause, of.weight, of.epoch)
    assert happen(paused, Event.RESUME, reason="seen to").after.state is State.CANARY


def test_a_pause_does_not_count_towards_the_step_s_time():
    paused = happen(replace(FIRST, step_since=NOW - 30), Event.PAUSE).after
    resumed = happen(paused, Event.RESUME, at=NOW + 500, reason="lunch is over").after
    assert resumed.step_since == NOW + 470
    assert resumed.pause is None


def test_only_pauses_for_signals_and_data_end_by_themselves():
    for event, pause in PAUSES.items():
        outcome = happen(happen(FIRST, event).after, Event.CLEARED)
        is_automatic = pause in {Pause.SIGNAL_METRIC, Pause.NO_DATA}
        assert what(outcome) == ([] if is_automatic else [Lacking.CAUSE])


def test_a_pause_for_want_of_data_lasts_until_there_is_some_whoever_resumes():
    paused, silent = happen(FIRST, Event.NO_DATA).after, replace(CALM, heard={})
    assert what(happen(paused, Event.CLEARED, silent)) == [Lacking.MISSING]
    assert what(happen(paused, Event.RESUME, silent, reason="go on")) == [Lacking.MISSING]
    assert what(happen(paused, Event.ADVANCE)) == [Lacking.EDGE]


def test_a_person_s_pause_does_not_end_with_another_cause():
    paused = happen(happen(FIRST, Event.NO_DATA).after, Event.ANDON).after
    assert paused.pause is Pause.ANDON
    assert what(happen(paused, Event.CLEARED)) == [Lacking.CAUSE]


def test_resuming_needs_a_reason():
    assert what(happen(happen(FIRST, Event.PAUSE).after, Event.RESUME)) == [Lacking.REASON]


def test_who_resumes_uneven_assignments_begins_to_count_them_anew():
    uneven = replace(CALM, assigned={1: Arms(10_000, 100)})
    resumed = happen(happen(FIRST, Event.SRM).after, Event.RESUME, uneven, reason="a bot, blocked").after
    assert (resumed.epoch, resumed.srm_from, resumed.weight) == (2, 2, 0.05)
    assert not readings(PLAN, uneven, srm_from=resumed.srm_from).is_unequal
    assert happen(resumed, Event.PAUSE).after.epoch == 2


def test_who_resumes_a_signal_has_taken_note_of_it():
    plan = replace(PLAN, metrics=(Metric("error"), Metric("slow", Kind.SIGNAL)))
    seen = evidence({"slow": {1: (30, 20)}, "error": {}}, W, units=UNITS, heard=NOW)
    paused = happen(replace(FIRST, plan=plan), Event.SIGNAL, seen).after
    assert set(what(happen(paused, Event.CLEARED, seen))) == {Lacking.ALARM}
    resumed = happen(paused, Event.RESUME, seen, reason="longer answers").after
    assert resumed.accepted == {"slow"}
    assert what(happen(replace(resumed, step_since=NOW - 90), Event.ADVANCE, seen)) == []


@pytest.mark.parametrize("event", [Event.PAUSE, Event.ANDON])
def test_people_pause_it_only_so_often_and_may_always_roll_it_back(event):
    of = FIRST
    for number in range(MAX_HALTS):
        of = happen(of, event).after
        assert of.halts == number + 1
        if number % 3 == 0:
            of = happen(of, Event.RESUME, reason="fine").after
    states = {State.CANARY, State.PAUSED, State.AWAITING_APPROVAL}
    for full in (
        replace(of, state=state, pause=None if state is not State.PAUSED else Pause.MANUAL) for state in states
    ):
        refused = happen(full, event)
        assert (what(refused), refused.lacks[0].values) == ([Lacking.HALTS], {"halts": MAX_HALTS})
        for back in (Event.ROLL_BACK, Event.HARM):
            assert happen(full, back).after.weight == 0
    running = replace(of, state=State.CANARY, pause=None)
    assert all(happen(running, each).after.halts == MAX_HALTS for each in PAUSES if each not in BY_PEOPLE)
    assert happen(happen(running, Event.SIGNAL).after, Event.RESUME, reason="fine").after.state is State.CANARY


def test_counting_begins_anew_only_as_often_as_leaves_room_for_the_way_to_the_end():
    uneven = replace(CALM, assigned={1: Arms(10_000, 100)})
    of = happen(replace(FIRST, epoch=LAST_EPOCH - 1), Event.SRM).after
    resumed = happen(of, Event.RESUME, uneven, reason="a bot, blocked").after
    assert resumed.epoch == LAST_EPOCH
    paused = happen(resumed, Event.SRM).after
    refused = happen(paused, Event.RESUME, uneven, reason="another bot")
    assert (what(refused), refused.lacks[0].values) == ([Lacking.EPOCHS], {"epochs": LAST_EPOCH})
    assert happen(paused, Event.ROLL_BACK).after.weight == 0
    assert happen(replace(paused, pause=Pause.MANUAL), Event.RESUME, reason="fine").after.epoch == LAST_EPOCH
    assert LAST_EPOCH + MAX_STEPS + len({State.PROMOTING, State.ROLLING_BACK, State.SUCCEEDED}) < MAX_EPOCHS


# --- the end


def test_waiting_for_approval_needs_the_last_step_and_a_proof():
    assert happen(LAST, Event.PROVEN, PROOF).after.evidence_hash == PROOF.hash()
    assert what(happen(LAST, Event.PROVEN)) == [Lacking.PROOF]
    assert what(happen(FIRST, Event.PROVEN, PROOF)) == [Lacking.STEP]


def test_promoting_needs_everything_and_says_all_that_is_lacking():
    assert what(happen(AWAITING, Event.PROMOTE, people=People(open_concerns=1))) == [
        Lacking.APPROVALS,
        Lacking.CONCERNS,
        Lacking.RATIONALE,
        Lacking.UNSEEN,
    ]
    promoted = happen(AWAITING, Event.PROMOTE, people=everybody(AWAITING, NOW), reason="as good, and cheaper").after
    assert (promoted.state, promoted.weight, promoted.epoch) == (State.PROMOTING, 0.95, 4)


@pytest.mark.parametrize(
    ("approval", "counts"),
    [
        (Approval("bob", "hash-of-v2", "e", NOW), True),
        (Approval("bob", "hash-of-v2", "e", NOW - 86_400), True),
        (Approval("bob", "hash-of-v2", "e", NOW - 86_401), False),
        (Approval("bob", "hash-of-v2", "e", NOW + 1), False),
        (Approval("bob", "hash-of-v1", "e", NOW), False),
        (Approval("bob", "hash-of-v2", "f", NOW), False),
        (Approval("carol", "hash-of-v2", "e", NOW), False),
        (Approval("ann", "hash-of-v2", "e", NOW), False),
    ],
)
def test_an_approval_is_bound_to_version_evidence_day_and_a_second_person(approval, counts):
    people = replace(everybody(AWAITING, NOW), approvals=(*approvals(AWAITING, NOW, "ann"), approval))
    assert what(happen(AWAITING, Event.PROMOTE, people=people, reason="why")) == ([] if counts else [Lacking.APPROVALS])


def test_approvals_may_be_by_name_and_a_creator_s_may_count():
    named = replace(AWAITING, plan=replace(PLAN, approvals=Approvals(1, frozenset({"dan"}))))
    refused = happen(named, Event.PROMOTE, people=everybody(named, NOW), reason="why")
    assert refused.lacks[0].values == {"approvals": 0, "needed": 1, "by": ["dan"]}
    alone = replace(AWAITING, plan=replace(PLAN, approvals=Approvals(1, creator_may=True)))
    people = People(approvals(alone, NOW, "carol"), seen=MUST_SEE)
    assert what(happen(alone, Event.PROMOTE, people=people, reason="why")) == []


def test_new_evidence_needs_new_approvals():
    again = happen(replace(happen(AWAITING, Event.SIGNAL).after, pause=Pause.MANUAL), Event.RESUME, reason="fine").after
    again = happen(replace(again, step_since=NOW - 90), Event.PROVEN, PROOF).after
    people = everybody(AWAITING, NOW)
    assert what(happen(again, Event.PROMOTE, people=people, reason="why")) == [Lacking.APPROVALS]


def test_an_alarm_or_silence_stops_a_promotion_at_the_last_moment():
    word = {"people": everybody(AWAITING, NOW), "reason": "why"}
    assert what(happen(AWAITING, Event.PROMOTE, HARM, **word)) == [Lacking.ALARM]
    assert what(happen(AWAITING, Event.PROMOTE, replace(CALM, heard={}), **word)) == [Lacking.MISSING]


def test_an_inconclusive_rollout_needs_the_same_proof():
    assert what(happen(LAST, Event.DEADLINE)) == [Lacking.TIME]
    late = NOW + PLAN.deadline_s
    inconclusive = happen(LAST, Event.DEADLINE, at=late).after
    assert inconclusive.weight == 0.5
    heard = {"heard": {"error": (late, late)}}
    assert what(happen(inconclusive, Event.PROVEN, replace(CALM, **heard), at=late)) == [Lacking.PROOF]
    assert happen(inconclusive, Event.PROVEN, replace(PROOF, **heard), at=late).after.state is State.AWAITING_APPROVAL


def test_a_bake_takes_its_time():
    bake = happen(replace(LAST, state=State.PROMOTING, epoch=4), Event.IN_FORCE).after
    assert (bake.state, bake.weight, bake.epoch) == (State.BAKE, 0.95, 4)
    assert what(happen(bake, Event.BAKED, at=NOW + 500)) == [Lacking.TIME]
    heard = replace(CALM, heard={"error": (NOW + 3_600, NOW + 3_600)})
    done = happen(bake, Event.BAKED, heard, at=NOW + 3_600).after
    assert (done.state, done.weight, done.epoch) == (State.SUCCEEDED, 1.0, 5)


def test_a_rollback_takes_the_weight_away_at_once():
    back = happen(LAST, Event.ROLL_BACK).after
    assert (back.state, back.weight, back.epoch) == (State.ROLLING_BACK, 0.0, 4)
    assert happen(back, Event.IN_FORCE).after.state is State.ROLLED_BACK


def test_a_transition_is_a_row_for_compare_and_set():
    one = happen(LAST, Event.ROLL_BACK)
    assert isinstance(one, Transition)
    assert one.after.revision == one.before.revision + 1
    assert one.key == "r1:1:roll_back"
    assert one.evidence_hash == CALM.hash()


def test_what_began_in_the_future_begins_now_and_the_rest_when_it_did():
    of = replace(FIRST, since=NOW + 50, step_since=NOW - 10, started=NOW + 1)
    assert of.begun_by(NOW) == replace(of, since=NOW, started=NOW)
    assert FIRST.begun_by(NOW) == FIRST


def test_a_place_survives_being_written():
    moved = replace(happen(LAST, Event.SIGNAL).after, accepted=frozenset({"slow", "long"}), srm_from=2, revision=9)
    for of in (moved, rollout(), AWAITING):
        assert rollout().placed(json.loads(json.dumps(of.written()))) == of
    assert set(rollout().written()) == {field.name for field in fields(Rollout)} - {
        "id",
        "plan",
        "version_hash",
        "creator",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"state": "lost"},
        {"step": 3},
        {"step": -1},
        {"pause": "tea"},
        {"accepted": None},
        {"since": "noon"},
        {"step_since": None},
        {"started": []},
        {"epoch": 1.5},
        {"revision": True},
        {"evidence_hash": 7},
        {"asked": 1},
    ],
)
def test_a_place_that_is_none_is_refused(change):
    with pytest.raises((ValueError, TypeError)):
        rollout().placed(LAST.written() | change)


# --- all of it, in every combination

EVIDENCE = {
    "calm": CALM,
    "proof": PROOF,
    "harm": HARM,
    "silent": replace(PROOF, heard={}),
    "uneven": replace(PROOF, assigned={1: Arms(10_000, 100)}),
}
FITS = Approval("bob", "hash-of-v2", "e", NOW)
WORDS = {
    "fits": FITS,
    "creator's": replace(FITS, by="carol"),
    "stale": replace(FITS, at=NOW - 90_000),
    "other version": replace(FITS, version_hash="v1"),
    "other evidence": replace(FITS, evidence_hash="f"),
    "same person": replace(FITS, by="ann"),
}


@pytest.mark.parametrize("seen", EVIDENCE)
def test_a_promotion_happens_exactly_when_nothing_is_lacking(seen):
    for word, concerns, shown, reason in product(WORDS, (0, 1), (9, 10), ("", "why")):
        people = People((replace(FITS, by="ann"), WORDS[word]), concerns, shown)
        happened = what(happen(AWAITING, Event.PROMOTE, EVIDENCE[seen], people, reason=reason)) == []
        should = seen in {"calm", "proof"} and word == "fits" and not concerns and shown == 10 and reason
        assert happened == bool(should), (word, concerns, shown, reason)


@pytest.mark.parametrize("seen", EVIDENCE)
@pytest.mark.parametrize("state", [State.CANARY, State.INCONCLUSIVE])
def test_a_proof_is_taken_exactly_when_nothing_is_lacking(state, seen):
    for step, waited in product((0, 1, 2), (59, 61)):
        of = replace(LAST, state=state, step=step, epoch=step + 1, step_since=NOW - waited)
        happened = what(happen(of, Event.PROVEN, EVIDENCE[seen])) == []
        assert happened == (seen == "proof" and step == 2 and waited > 60)


@pytest.mark.parametrize("seen", EVIDENCE)
def test_a_step_is_taken_exactly_when_nothing_is_lacking(seen):
    for step, waited, units, gate in product((0, 1, 2), (59, 61), (19, 20), (False, True)):
        plan = replace(PLAN, steps=tuple(replace(each, gate=gate) for each in PLAN.steps))
        of = replace(LAST, plan=plan, step=step, epoch=step + 1, step_since=NOW - waited, evidence_hash="e")
        evidence = replace(EVIDENCE[seen], units={"error": {step + 1: Arms(500, units)}})
        for people in (People(), everybody(of, NOW)):
            is_ready = seen in {"calm", "proof"} and step < 2 and waited > 60 and units == 20
            assert (what(happen(of, Event.ASK, evidence, people)) == []) == (is_ready and gate)
            for asked in (False, True):
                happened = what(happen(replace(of, asked=asked), Event.ADVANCE, evidence, people)) == []
                assert happened == bool(is_ready and (not gate or (people.approvals and asked)))


# --- the walk

WALK = replace(
    PLAN,
    steps=(Step(0.05, 10, 5), Step(0.5, 10, 5, gate=True), Step(0.9, 10, 5)),
    metrics=(Metric("error", silent_s=50), Metric("slow", Kind.SIGNAL, silent_s=50)),
    approvals=Approvals(1),
    deadline_s=500,
)


class Walk(RuleBasedStateMachine):
    """Everybody does what they like, in any order; the promises hold after each step."""

    plan = WALK

    def __init__(self):
        super().__init__()
        self.now = NOW
        self.rollout = Rollout("r1", self.plan, "hash-of-v2", "carol")
        self.people = People(has_passed_preflight=True)
        self.bad = {"error": {}, "slow": {}}
        self.units = {"error": {}, "slow": {}}
        self.weights = {}
        self.pairs = Arms()
        self.heard = {}
        self.asked = {}  # when people were asked about which evidence
        self.path = [self.rollout]

    @property
    def evidence(self):
        return Evidence(weights=self.weights, units=self.units, bad=self.bad, pairs=self.pairs, heard=self.heard)

    @initialize(steps=st.integers(0, 6))
    def begin(self, steps):
        """Somewhere on the good way, most often where a promotion is near."""
        for _ in range(steps):
            self.forward()

    @rule(choice=st.integers(0, 20), reason=st.sampled_from(["", "because"]), by=st.sampled_from(["", "ann"]))
    def happen(self, choice, reason, by):
        events = sorted(event for state, event in TABLE if state is self.rollout.state) or list(Event)
        self.try_(events[choice % len(events)], reason, by)

    @rule(event=st.sampled_from(list(Event)))
    def happen_anywhere(self, event):
        self.try_(event, "because", "ann")

    @precondition(lambda self: self.rollout.state is State.AWAITING_APPROVAL)
    @rule(reason=st.sampled_from(["", "because"]))
    def promote(self, reason):
        self.try_(Event.PROMOTE, reason, "ann")

    @rule()
    def forward(self):
        """Walks that only stumble don't get far."""
        self.traffic("good", 2_000)
        self.now += 20
        self.heard = dict.fromkeys(self.heard, (self.now, self.now))
        self.copies(1, 1)
        if self.rollout.plan.steps[self.rollout.step].gate:
            self.approve("ann", "hash-of-v2", fits=True)
        for event in (
            Event.SUBMIT,
            Event.SHADOW,
            Event.START,
            Event.ASK,
            Event.ADVANCE,
            Event.PROVEN,
            Event.RESUME,
            Event.PROMOTE,
            Event.IN_FORCE,
        ):
            if self.try_(event, "because", "ann"):
                break

    def try_(self, event, reason, by):
        seen, before = self.evidence, self.rollout
        outcome = follow(before, Occurrence(event, self.now, by, reason), seen, self.people)
        if isinstance(outcome, Refused):
            assert outcome.lacks
            return False
        self.check(outcome, event, seen, reason)
        self.rollout = outcome.after
        self.path.append(self.rollout)
        if event in {Event.ASK, Event.PROVEN}:
            self.asked[self.rollout.evidence_hash] = self.now
        if 0 < self.rollout.weight < 1:
            self.weights[self.rollout.epoch] = self.rollout.weight
        return True

    def check(self, outcome, event, seen, reason):
        before, after = outcome.before, outcome.after
        assert before.state not in TERMINAL
        assert after.revision == before.revision + 1
        assert after.epoch - before.epoch == (after.weight != before.weight or after.srm_from > before.epoch)
        if event is Event.ADVANCE:
            assert not absent(self.plan, seen, self.now)
            assert after.step == before.step + 1
            assert not self.plan.steps[before.step].gate or self.is_approved(before)
        else:
            assert after.step == before.step
        if after.state is State.SUPERSEDED:
            assert before.state in {State.DRAFT, State.PENDING_START, State.SHADOW, State.PAUSED}
            assert after.weight == 0
            assert reason or before.weight == 0
        if before.state is State.SHADOW and after.state is State.CANARY:
            assert self.pairs.both >= 5 or (PAIRS in seen.heard and self.now - before.since >= 60)
            assert not readings(self.plan, seen).is_harmful
        if after.state is State.AWAITING_APPROVAL:
            assert readings(self.plan, seen).is_proven
            assert not absent(self.plan, seen, self.now)
        if after.state is State.PROMOTING:
            self.check_promotion(before, seen, reason)

    def check_promotion(self, before, seen, reason):
        assert before.state is State.AWAITING_APPROVAL
        assert self.people.open_concerns == 0
        assert self.people.seen >= MUST_SEE
        assert reason
        assert not absent(self.plan, seen, self.now)
        assert self.is_approved(before)

    def is_approved(self, of):
        """Whether somebody who may has said yes to what it was asked about, when it was there to be looked at."""
        asked = self.asked[of.evidence_hash]
        return any(
            (each.by, each.version_hash, each.evidence_hash) == ("ann", of.version_hash, of.evidence_hash)
            and max(asked, self.now - 86_400) <= each.at <= self.now
            for each in self.people.approvals
        )

    @precondition(lambda self: 0 < self.rollout.weight < 1)
    @rule(sort=st.sampled_from(["good", "harm", "slow"]), size=st.sampled_from([1, 50, 2_000]))
    def traffic(self, sort, size):
        if not 0 < self.rollout.weight < 1:
            return
        epoch, weight = self.rollout.epoch, self.rollout.weight
        for metric in self.bad:
            share = 0.98 if (sort, metric) in {("harm", "error"), ("slow", "slow")} else weight
            bad, units = self.bad[metric].get(epoch, Arms()), self.units[metric].get(epoch, Arms())
            self.bad[metric] = self.bad[metric] | {
                epoch: bad.plus(Arms(round(size * (1 - share) / 4), round(size * share / 4)))
            }
            self.units[metric] = self.units[metric] | {epoch: units.plus(Arms(size, size))}
        self.heard = {**self.heard, **dict.fromkeys(("error", "slow"), (self.now, self.now))}

    @precondition(lambda self: self.rollout.state is State.SHADOW)
    @rule(stable=st.integers(0, 3), candidate=st.integers(0, 12))
    def copies(self, stable, candidate):
        if self.rollout.state is State.SHADOW:
            self.pairs = self.pairs.plus(Arms(stable, candidate))
            self.heard = {**self.heard, PAIRS: (self.now, self.now)}

    @rule(seconds=st.sampled_from([1, 20, 100, 90_000]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(
        by=st.sampled_from(["ann", "carol"]), version=st.sampled_from(["hash-of-v2", "hash-of-v1"]), fits=st.booleans()
    )
    def approve(self, by, version, fits):
        one = Approval(by, version, self.rollout.evidence_hash if fits else "other", self.now)
        self.people = replace(self.people, approvals=(*self.people.approvals, one)[-5:])

    @rule(concerns=st.integers(0, 1), seen=st.sampled_from([0, 9, 10]))
    def people_change(self, concerns, seen):
        self.people = replace(self.people, open_concerns=concerns, seen=seen)

    @invariant()
    def the_weight_is_never_above_the_step_s(self):
        if self.rollout.state in PROMOTED:
            assert any(each.state is State.PROMOTING for each in self.path)
        else:
            assert self.rollout.weight in (0.0, self.plan.steps[self.rollout.step].weight)

    @invariant()
    def a_rollback_is_free(self):
        if self.rollout.state in LIVE:
            back = follow(self.rollout, Occurrence(Event.ROLL_BACK, self.now), Evidence())
            assert back.after.weight == 0

    @invariant()
    def a_pause_for_want_of_data_never_advances(self):
        if self.rollout.pause is Pause.NO_DATA:
            silent = replace(self.evidence, heard={})
            for event in Event:
                outcome = follow(self.rollout, Occurrence(event, self.now, "ann", "because"), silent, self.people)
                assert isinstance(outcome, Refused) or outcome.after.weight in (0, self.rollout.weight)
                if isinstance(outcome, Transition):
                    assert outcome.after.state not in {State.CANARY, State.AWAITING_APPROVAL}

    @invariant()
    def terminal_states_absorb(self):
        if self.rollout.state in TERMINAL:
            for event in Event:
                assert what(follow(self.rollout, Occurrence(event, self.now), self.evidence, self.people)) == [
                    Lacking.EDGE
                ]


class ShadowWalk(Walk):
    """The same where copies alone go to the candidate first."""

    plan = replace(WALK, shadow=Shadow(60, 5))

    @invariant()
    def no_caller_has_the_candidate_before_the_first_step(self):
        if all(each.state is not State.CANARY for each in self.path):
            assert all(each.weight == 0 for each in self.path)


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestShadowWalk = ShadowWalk.TestCase
TestShadowWalk.settings = TestWalk.settings


def test_the_walk_gets_to_the_end():
    walk = Walk()
    for _ in range(6):
        walk.forward()
    assert not walk.try_(Event.PROMOTE, "because", "ann")
    walk.approve("ann", "hash-of-v2", fits=True)
    walk.people_change(0, MUST_SEE)
    assert walk.try_(Event.PROMOTE, "because", "ann")
    walk.forward()
    walk.now += 3_600
    walk.heard = dict.fromkeys(walk.heard, (walk.now, walk.now))
    assert walk.try_(Event.BAKED, "", "")
    assert [each.state for each in walk.path[1:]] == [
        State.PENDING_START,
        *[State.CANARY] * 4,  # one of them asks at its gate
        State.AWAITING_APPROVAL,
        State.PROMOTING,
        State.BAKE,
        State.SUCCEEDED,
    ]
