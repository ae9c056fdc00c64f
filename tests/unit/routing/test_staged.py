"""The weights of a rollout over a route's own."""

from collections import Counter

import pytest

from llmgateway.config.snapshot import Route, Version
from llmgateway.routing.staged import StagedWeight, staged_split

KEY = b"k" * 16
ROUTE = Route("r", (Version("v1", "1", (), weight=3), Version("v2", "2", (), weight=0)), salt="s")


def staged(weight, epoch=1):
    return StagedWeight("r1", epoch, "v2", weight, KEY)


def names(weight, route=ROUTE, callers=2_000):
    split = staged_split(route, staged(weight))
    return [split.choose(f"user-{number}", 0.0).version.name for number in range(callers)]


@pytest.mark.parametrize("weight", [0.05, 0.5, 0.95])
def test_the_candidate_gets_its_share_and_the_probability_is_told(weight):
    share = Counter(names(weight))["v2"] / 2_000
    assert abs(share - weight) < 4 * (weight * (1 - weight) / 2_000) ** 0.5
    chances = {choice.version.name: choice.probability for choice in staged_split(ROUTE, staged(weight)).choices}
    assert chances == pytest.approx({"v1": 1 - weight, "v2": weight})


def test_a_larger_share_moves_callers_to_the_candidate_alone():
    ramp = [names(weight) for weight in (0.05, 0.25, 0.5, 0.95, 1.0)]
    for before, after in zip(ramp, ramp[1:], strict=False):
        assert all(now == "v2" for was, now in zip(before, after, strict=True) if was == "v2")


def test_nobody_gets_a_candidate_of_no_weight_and_everybody_one_of_all():
    assert set(names(0.0)) == {"v1"}
    assert set(names(1.0)) == {"v2"}


def test_the_others_keep_their_shares_among_themselves():
    three = Route("r", (*ROUTE.versions, Version("v3", "3", (), weight=1)), salt="s")
    chances = {choice.version.name: choice.probability for choice in staged_split(three, staged(0.2)).choices}
    assert chances == pytest.approx({"v1": 0.6, "v2": 0.2, "v3": 0.2})


def test_the_files_own_weight_of_the_candidate_does_not_count():
    heavy = Route("r", (ROUTE.versions[0], Version("v2", "2", (), weight=100)), salt="s")
    assert names(0.25, heavy) == names(0.25)


@pytest.mark.parametrize("versions", [ROUTE.versions[:1], ROUTE.versions[1:]])
def test_a_route_without_the_candidate_or_another_version_has_no_such_split(versions):
    assert staged_split(Route("r", versions), staged(0.5)) is None


def test_what_is_told_is_what_is_read():
    assert StagedWeight.read(staged(0.25, 7).told()) == staged(0.25, 7)


@pytest.mark.parametrize(
    "told",
    [None, [], {}, {"rollout": 1}, {**staged(0.5).told(), "epoch": True}, {**staged(0.5).told(), "weight": "1"},
     {**staged(0.5).told(), "key": "no hex"}, {**staged(0.5).told(), "weight": True}],
)  # fmt: skip
def test_what_makes_no_sense_is_nothing(told):
    assert StagedWeight.read(told) is None


def test_a_unit_is_known_by_a_hash_that_needs_the_rollouts_key():
    one = staged(0.5)
    other = StagedWeight("r2", 1, "v2", 0.5, b"x" * 16)
    assert one.unit("ann") == one.unit("ann") != one.unit("bob")
    assert one.unit("ann") != other.unit("ann")
    assert "ann" not in one.unit("ann")
    assert one.unit("\ud800")  # what callers send need not be text that can be written


def test_another_content_under_the_candidates_name_gets_nothing_by_it():
    known = StagedWeight("r1", 1, "v2", 1.0, KEY, version="2")
    edited = Route("r", (ROUTE.versions[0], Version("v2", "other", (), weight=0)), salt="s")
    assert staged_split(ROUTE, known).choose("ann", 0.0).version.name == "v2"
    assert staged_split(edited, known) is None
    assert StagedWeight.read(known.told()) == known
