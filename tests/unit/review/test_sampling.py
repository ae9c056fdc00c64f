"""What is drawn: by the hash, evenly over strata, and the same again."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.domain.review import Reason
from llmgateway.review import sampling

IDS = [f"0190a0b0-0000-7000-8000-{number:012x}" for number in range(4_000)]


def test_an_item_is_the_same_for_the_same_words_and_no_others():
    name = sampling.item_id("q", "x", None, Reason.RANDOM)
    assert name == sampling.item_id("q", "x", None, Reason.RANDOM)
    others = {
        sampling.item_id("r", "x", None, Reason.RANDOM), sampling.item_id("q", "y", None, Reason.RANDOM),
        sampling.item_id("q", "x", "y", Reason.RANDOM), sampling.item_id("q", "x", None, Reason.DRIFT),
    }  # fmt: skip
    assert len(others | {name}) == 5


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.5, 1.0])
def test_a_share_of_the_items_needs_two(overlap):
    share = sum(sampling.needed(each, overlap) == 2 for each in IDS) / len(IDS)
    assert share == pytest.approx(overlap, abs=0.03)
    assert overlap not in {0.0, 1.0} or share == overlap


def test_sides_are_even_and_stay():
    sides = [sampling.is_swapped(each) for each in IDS]
    assert sum(sides) / len(sides) == pytest.approx(0.5, abs=0.03)
    assert sides == [sampling.is_swapped(each) for each in IDS]


def test_every_exchange_is_as_likely_and_a_seed_draws_others():
    drawn = sampling.draw(IDS, 400)
    assert len(set(drawn)) == 400
    assert sum(IDS.index(each) < 2_000 for each in drawn) == pytest.approx(200, abs=40)
    assert sampling.draw(reversed(IDS), 400) == drawn
    assert len(set(sampling.draw(IDS, 400, "other")) & set(drawn)) == pytest.approx(40, abs=25)
    assert sorted(sampling.draw(IDS[:3], 10)) == IDS[:3]
    assert sampling.draw(IDS, 40) == drawn[:40]  # a larger draw has the smaller one in it


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ({"v1": 3_000, "v2": 900}, 60, {"v1": 30, "v2": 30}),
        ({"v1": 3_000, "v2": 5}, 60, {"v1": 55, "v2": 5}),
        ({"v1": 100, "v2": 100, "v3": 100}, 10, {"v1": 4, "v2": 3, "v3": 3}),
        ({"v1": 2, "v2": 3}, 60, {"v1": 2, "v2": 3}),
        ({}, 5, {}),
    ],
)
def test_strata_are_even_as_far_as_they_go(sizes, count, expected):
    rows = [(IDS[number], version) for version, size in sizes.items() for number in range(size)]
    rows = [(f"{version}{name}", version) for name, version in rows]
    drawn = sampling.draw_stratified(rows, count, lambda row: row[0], lambda row: row[1])
    assert sorted(Counter(name[:2] for name in drawn).values()) == sorted(expected.values())


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(0, 60))
def test_strata_give_all_they_can_and_no_more(sizes, count):
    rows = [(f"{at}:{number}", str(at)) for at, size in enumerate(sizes) for number in range(size)]
    drawn = sampling.draw_stratified(rows, count, lambda row: row[0], lambda row: row[1])
    assert len(drawn) == len(set(drawn)) == min(count, len(rows))
    each = Counter(name.partition(":")[0] for name in drawn)
    full = [at for at, size in enumerate(sizes) if size and each[str(at)] == size]
    short = [each[str(at)] for at, size in enumerate(sizes) if size and at not in full]
    assert not short or max(short) - min(short) <= 1
