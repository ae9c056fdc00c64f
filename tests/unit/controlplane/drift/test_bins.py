"""Bins for lengths, and the groups that a reference is cut into."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.controlplane.drift.bins import (
    FINISH,
    FINISHES,
    LARGEST,
    LENGTHS,
    SMALL,
    grouped,
    groups,
    length_below,
    of_length,
)
from llmgateway.wire.cutoff import CUT_OFF
from llmgateway.wire.refusals import REASONS


@given(st.integers(0, LARGEST - 1))
def test_a_bin_holds_what_lies_between_its_bounds(tokens):
    found = of_length(tokens)
    assert length_below(found) <= tokens < length_below(found + 1)
    assert 0 <= found < LENGTHS


def test_bins_grow_with_what_is_in_them_and_are_fine_enough_to_tell_a_fifth_more():
    found = [of_length(tokens) for tokens in (*range(SMALL + 100), 10**5, 10**6)]
    assert found == sorted(found)
    assert all(length_below(at + 1) <= max(8, 1.25 * length_below(at)) + 1 for at in range(8, LENGTHS))


@pytest.mark.parametrize("tokens", [LARGEST, 10**9, -1])
def test_what_is_absurd_has_a_bin_as_well(tokens):
    assert of_length(tokens) in {0, LENGTHS - 1}


@given(st.lists(st.integers(0, 1_000), min_size=3, max_size=80).filter(any))
def test_groups_are_all_there_is_and_two_at_least(counts):
    ends = groups(counts)
    assert ends == sorted(set(ends))
    assert ends[-1] == len(counts)
    assert 2 <= len(ends) <= 11
    assert sum(grouped(counts, ends)) == sum(counts)


def test_rare_values_are_no_groups_of_their_own():
    assert groups([1, 0, 50, 2, 47, 1, 1]) == [3, 7]


def test_where_all_is_one_value_less_and_more_are_groups():
    assert groups([0, 0, 100, 0]) == [2, 3, 4]
    assert groups([100, 0, 0]) == [1, 3]
    assert groups([0, 0, 100]) == [2, 3]


def test_the_ends_of_answers_are_those_that_rollouts_judge_by():
    assert {reason for reason, at in FINISH.items() if FINISHES[at] == "length"} == CUT_OFF
    assert {reason for reason, at in FINISH.items() if FINISHES[at] == "refusal"} == REASONS
