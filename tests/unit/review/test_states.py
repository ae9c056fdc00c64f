"""Where an item may go: every state and event, and walks of many people over many items."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.reviews import item, review

from llmgateway.domain.review import Kind, Review, State
from llmgateway.review.states import KINDS, MAX_SKIPS, TABLE, Event, Moment, NotNowError, step

NOW = 1_700_000_500.0
LEASE_S = 600.0


def at(seen, who="ann", now=NOW, said=(), said_now=None):
    return Moment(seen, who, now, said, said_now, LEASE_S)


def claimed(who="ann", until=NOW + LEASE_S, **changes):
    return replace(item(**changes), claimed_by=who, claimed_until=until)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_what_is_not_in_the_table_is_refused(state, event):
    moment = at(replace(claimed(), state=state), said_now=review(item()))
    if (state, event) in TABLE:
        assert step(event, moment).version == 2
    else:
        with pytest.raises(NotNowError) as refused:
            step(event, moment)
        assert refused.value.code == "not_possible"


def test_a_claim_is_a_lease_that_others_respect_until_it_ends():
    held = step(Event.CLAIM, at(item()))
    assert (held.claimed_by, held.claimed_until, held.version) == ("ann", NOW + LEASE_S, 2)
    with pytest.raises(NotNowError) as refused:
        step(Event.CLAIM, at(held, "bob", NOW + LEASE_S - 1))
    assert refused.value.code == "claimed"
    assert step(Event.CLAIM, at(held, "bob", NOW + LEASE_S)).claimed_by == "bob"
    assert step(Event.RENEW, at(held, "ann", NOW + 100)).claimed_until == NOW + 100 + LEASE_S
    with pytest.raises(NotNowError) as refused:
        step(Event.RENEW, at(held, "bob"))
    assert refused.value.code == "not_claimed"


def test_who_is_late_may_hand_in_what_nobody_else_took():
    late = claimed(until=NOW - 1)
    assert step(Event.SUBMIT, at(late, said_now=review(late))).state is State.DONE
    with pytest.raises(NotNowError):
        step(Event.SUBMIT, at(claimed("bob"), said_now=review(late)))


def test_one_review_is_enough_where_one_is_needed():
    done = step(Event.SUBMIT, at(claimed(), said_now=review(item(), quality="bad")))
    assert (done.state, done.labels, done.closed_at, done.claimed_by) == (State.DONE, {"quality": "bad"}, NOW, None)


@pytest.mark.parametrize(("second", "state"), [("good", State.DONE), ("bad", State.DISPUTED)])
def test_two_reviews_agree_or_are_disputed(second, state):
    seen = claimed(needed=2)
    first = step(Event.SUBMIT, at(seen, said_now=review(seen, "ann")))
    assert (first.state, first.claimed_by, first.labels) == (State.OPEN, None, None)
    said = [review(seen, "ann")]
    after = step(Event.SUBMIT, at(claimed("bob", needed=2), "bob", NOW, said, review(seen, "bob", second)))
    assert after.state is state
    assert after.labels == ({"quality": "good"} if state is State.DONE else None)


def test_only_somebody_else_adjudicates():
    seen = replace(item(), state=State.DISPUTED)
    said = [review(seen, "ann"), review(seen, "bob", "bad")]
    with pytest.raises(NotNowError) as refused:
        step(Event.ADJUDICATE, at(seen, "bob", NOW, said, review(seen, "bob", "bad")))
    assert refused.value.code == "already_reviewed"
    done = step(Event.ADJUDICATE, at(seen, "eve", NOW, said, review(seen, "eve", "acceptable")))
    assert (done.state, done.labels) == (State.DONE, {"quality": "acceptable"})


@pytest.mark.parametrize(("reviews", "state"), [(0, State.SKIPPED), (1, State.DONE)])
def test_what_enough_people_have_skipped_is_closed_with_what_there_is(reviews, state):
    seen = claimed("eve", needed=2)
    said = [review(seen, f"r{number}") for number in range(reviews)]
    said += [review(seen, f"s{number}", kind=Kind.SKIP, labels={}) for number in range(MAX_SKIPS - 2)]
    skip = review(seen, "eve", kind=Kind.SKIP, labels={})
    assert step(Event.SKIP, at(seen, "eve", NOW, said, skip)).state is State.OPEN
    said.append(review(seen, "last", kind=Kind.SKIP, labels={}))
    after = step(Event.SKIP, at(seen, "eve", NOW, said, skip))
    assert after.state is state
    assert after.labels == ({"quality": "good"} if reviews else None)


PEOPLE = ("ann", "bob", "cid", "dan", "eve")
WALK = st.lists(
    st.tuples(st.sampled_from(Event), st.sampled_from(PEOPLE), st.integers(0, 900), st.sampled_from(("good", "bad"))),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(WALK, st.integers(1, 3))
def test_on_any_walk_nobody_speaks_twice_nor_holds_what_is_held_and_what_is_done_was_decided(walk, needed):
    seen, said, now = item(needed=needed), [], NOW
    for event, who, pause, quality in walk:
        now += pause
        kind = KINDS.get(event)
        words = Review(seen.id, who, now, kind, {"quality": quality}) if kind else None
        before = seen.holder(now)
        try:
            after = step(event, Moment(seen, who, now, tuple(said), words, LEASE_S))
        except NotNowError:
            continue
        assert seen.state not in {State.DONE, State.SKIPPED}
        assert after.version == seen.version + 1
        assert event is Event.ADJUDICATE or before in {None, who}
        if words is not None:
            assert all(each.reviewer != who for each in said)
            said.append(words)
        seen = after
    given_labels = [each.labels for each in said if each.kind is Kind.REVIEW]
    skips = sum(each.kind is Kind.SKIP for each in said)
    decided = [each for each in said if each.kind is Kind.ADJUDICATION]
    assert len(given_labels) <= needed
    if seen.state is State.DONE:
        enough = len(given_labels) == needed and all(each == given_labels[0] for each in given_labels)
        assert decided or enough or (skips >= MAX_SKIPS and given_labels)
        assert seen.labels == (decided[-1].labels if decided else given_labels[0])
    if seen.state is State.DISPUTED:
        assert len(given_labels) == needed > 1
        assert any(each != given_labels[0] for each in given_labels)
    if seen.state is State.SKIPPED:
        assert skips >= MAX_SKIPS
        assert not given_labels
