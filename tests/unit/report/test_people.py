"""What people did: which concerns belong to a time, what reviewers said, who changed what."""

from dataclasses import replace

from tests.support.reports import DAY, START, accepted, concern, head, looked

from llmgateway.domain.review import Kind
from llmgateway.ports.report import Reviewed
from llmgateway.report.people import MAX_AUTHORS, MAX_CHANGES, MAX_CONCERNS, changes_of, concerns_of, reviews_of


def test_a_concern_belongs_to_every_time_it_stood_in():
    raised, closed = START, START + 50
    for one, since, until, belongs in (
        (accepted(0), raised - 9, closed + 9, True),
        (accepted(0), raised + 9, closed - 9, True),  # it was open all the time
        (accepted(0), raised - 9, raised, False),
        (accepted(0), closed + 1, closed + 9, False),
        (concern(0), closed + DAY, closed + 2 * DAY, True),  # it is open still
    ):
        assert bool(concerns_of([one], since, until).told) is belongs


def test_open_concerns_come_first_then_the_newest():
    told = concerns_of([accepted(1), concern(2), accepted(3), concern(4)], START, START + DAY).told
    assert [each.id for each in told] == ["c4", "c2", "c3", "c1"]


def test_of_very_many_concerns_not_all_are_told_and_it_is_said_how_many():
    told = concerns_of([concern(number) for number in range(MAX_CONCERNS + 3)], START, START + DAY)
    assert (len(told.told), told.left_out) == (MAX_CONCERNS, 3)


def test_reviews_of_other_routes_and_later_items_are_left_out():
    seen = looked()
    others = [(replace(seen[0][0], route="chat"), seen[0][1])]
    later = [(replace(seen[0][0], created_at=START + 2 * DAY), seen[0][1])]
    told = reviews_of([], [*seen, *others, *later], "support", START + DAY)
    assert (told.reviews, told.reviewers) == (4, 2)
    (line,) = told.agreement
    assert (line["items"], line["same"], line["share"]) == (2, 1, 0.5)
    (rate,) = told.random_sample
    assert (rate["version"], rate["items"], rate["labels"]["good"]["count"]) == ("v1", 2, 2)


def test_questions_that_one_person_answered_tell_nothing_of_agreement():
    ((seen, (first, _)), *_) = looked()
    skipped = replace(first, kind=Kind.SKIP, labels={}, reviewer="taro")
    assert reviews_of([], [(seen, [first, skipped])], "support", START + DAY).agreement == []


def test_items_are_counted_by_reason_and_state():
    counted = [
        Reviewed("support", "reported", "open", 2),
        Reviewed("support", "reported", "done", 1),
        Reviewed("support", "drift", "done", 4),
    ]
    told = reviews_of(counted, [], "support", START)
    assert told.by_reason == {"drift": {"done": 4}, "reported": {"open": 2, "done": 1}}


def test_changes_are_counted_by_who_made_them_and_refused_ones_by_themselves():
    told = changes_of([head(3), head(2, author="bob"), head(1), head(0, refused="a worker would not")])
    assert (told.made, told.by_author, told.refused) == (3, {"ann": 2, "bob": 1}, 1)
    assert [each.number for each in told.heads.told] == [3, 2, 1, 0]


def test_of_very_many_changes_and_authors_not_all_are_told():
    told = changes_of([head(number, author=f"a{number}") for number in range(MAX_CHANGES + 5)])
    assert (len(told.heads.told), told.heads.left_out) == (MAX_CHANGES, 5)
    assert (len(told.by_author), told.made) == (MAX_AUTHORS, MAX_CHANGES + 5)
