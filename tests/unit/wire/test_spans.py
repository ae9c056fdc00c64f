"""Matches over each other become findings that are not, and that no far match decides about."""

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.domain.verdict import Finding
from llmgateway.wire.spans import laid

LONGEST = 9
MATCHES = st.lists(
    st.tuples(st.integers(0, 80), st.integers(1, LONGEST), st.sampled_from(["a", "b"])).map(
        lambda each: (each[0], each[0] + each[1], each[2])
    )
)


def test_what_lies_inside_another_is_dropped_and_what_overlaps_begins_where_that_ends():
    assert laid([(0, 4, "a"), (1, 3, "b"), (2, 6, "b"), (6, 7, "a")]) == [
        Finding(0, 4, "a"),
        Finding(4, 6, "b"),
        Finding(6, 7, "a"),
    ]


def test_of_two_that_begin_together_the_longer_counts():
    assert laid([(3, 5, "a"), (3, 8, "b")]) == [Finding(3, 8, "b")]


def test_of_two_alike_the_first_given_counts():
    assert laid([(3, 5, "b"), (3, 5, "a")]) == [Finding(3, 5, "b")]


@given(MATCHES)
def test_findings_cover_what_the_matches_cover_in_order_and_once(matches):
    findings = laid(matches)
    covered = [at for each in findings for at in range(each.start, each.end)]
    assert covered == sorted({at for begin, end, _ in matches for at in range(begin, end)})


@given(MATCHES, st.integers(0, 90))
def test_findings_from_a_place_on_are_those_of_the_whole(matches, start):
    assert laid(matches, start) == [each for each in laid(matches) if each.start >= start]


@given(MATCHES, st.integers(0, 90))
def test_matches_that_end_long_before_a_place_do_not_decide_about_what_follows(matches, start):
    near = [each for each in matches if each[0] >= start - LONGEST]
    assert laid(near, start) == laid(matches, start)


@given(MATCHES, MATCHES, st.integers(0, 90))
def test_later_matches_do_not_change_what_began_before_them(matches, later, live):
    before = [each for each in matches if each[0] < live]
    longer = before + [each for each in later if each[0] >= live]
    cut = max([live, *(end for _, end, _ in before)])
    assert [each for each in laid(longer) if each.start < cut] == laid(before)
