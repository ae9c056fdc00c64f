"""What each move is to people, and what takes it back."""

from dataclasses import replace

import pytest
from tests.support.staged import SNAPSHOT, made, row

from llmgateway.config.snapshot import Version
from llmgateway.controlplane.rollouts.eventful import MOVES, automatic
from llmgateway.domain.event import EventKind, EventSeverity
from llmgateway.domain.undo import UndoAct
from llmgateway.rollout.counts import Arms
from llmgateway.rollout.evidence import Evidence
from llmgateway.rollout.states import PAUSES, TABLE, Event

ROUTE = SNAPSHOT.routes["chat"]


def event(name, evidence=None, route=ROUTE, **changes):
    return automatic(made(), row(3, event=name, **changes), evidence or Evidence(), route)


def test_every_event_of_the_table_that_may_come_by_itself_has_its_words():
    people = {Event.SUBMIT, Event.PAUSE, Event.ANDON, Event.RESUME, Event.PROMOTE}
    assert set(MOVES) == {event for _, event in TABLE} - people


def test_what_people_do_is_no_event():
    assert event("harm", actor="ann") is None


def test_a_rollback_says_what_it_rests_on_and_that_the_candidate_may_be_tried_again():
    counted = Evidence(weights={1: 0.1}, units={"error": {1: Arms(90, 10)}}, bad={"error": {1: Arms(1, 7)}})
    found = event("harm", counted)
    assert (found.id, found.kind, found.action) == ("rollout-r1-3", EventKind.ROLLOUT, "roll_back")
    assert (found.severity, found.route, found.version) == (EventSeverity.WARNING, "chat", "v2")
    assert found.text == (
        "The rollout of v2 on chat is rolled back: the candidate does harm. "
        "Bad so far: error 7 of 10 on the candidate, 1 of 90 on the stable version."
    )
    assert found.figures["metrics"]["error"]["bad"] == {"stable": 1, "candidate": 7}
    assert found.undo == {"act": "rollout.start", "route": "chat", "rollout": "r1", "revision": 3}


@pytest.mark.parametrize("name", sorted(PAUSES.keys() & MOVES.keys()))
def test_every_pause_can_be_resumed(name):
    assert event(name).action == "pause"
    assert event(name).undo["act"] == UndoAct.RESUME


def test_a_step_says_where_it_is():
    found = event("advance", step=1, weight=0.5)
    assert found.text == "The rollout of v2 on chat is at step 2 of 2: 50 % go to the candidate."
    assert (found.severity, found.undo["act"]) == (EventSeverity.INFO, "rollout.rollback")


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("ask", "waits for people at its gate: llmgateway rollout approve chat."),
        ("proven", "waits for people: llmgateway rollout approve chat, and promote."),
    ],
)
def test_whoever_is_waited_for_is_told_what_to_do(name, end):
    assert event(name).text.endswith(end)


def test_a_reason_that_was_given_is_told():
    found = event("roll_back", reason="the configuration has other versions now")
    assert "is rolled back (the configuration has other versions now)." in found.text
    assert found.undo is None


def test_what_has_succeeded_goes_back_to_the_weight_of_the_version_before():
    found = event("baked")
    assert found.undo["weights"] == {"v1": 1, "v2": 0.0}
    assert found.undo["act"] == "routes.weight"


@pytest.mark.parametrize("route", [None, replace(ROUTE, versions=(Version("v2", "id-2", (), weight=1),))])
def test_where_the_version_before_is_gone_nothing_goes_back_to_it(route):
    assert event("baked", route=route).undo is None
