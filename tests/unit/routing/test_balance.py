"""Which backend of several: by load and speed, by weight, in order, by what the prompt begins with."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.backends import World

from llmgateway.config.snapshot import Balance
from llmgateway.routing.balance import BOUND, STRATEGIES, Wish, least_busy, ordered, prefix, weighted
from llmgateway.routing.health import Reason


def world(names="a b c", **settings):
    made = World(v1=names)
    made.configure(**settings)
    return made


def wish(of, draw=None, affinity=None):
    source = random.Random(7)
    return Wish(of.now, draw or source.random, lambda: affinity)


def chosen(of, strategy, count=1_000, **more):
    asked = wish(of, **more)
    return Counter(strategy(list(of.standings), asked).backend.name for _ in range(count))


def test_every_strategy_of_the_configuration_exists():
    assert set(STRATEGIES) == set(Balance)


@pytest.mark.parametrize("strategy", STRATEGIES.values())
def test_one_candidate_is_chosen_whatever_it_is_like(strategy):
    of = world("a")
    of.fails("a", 9)
    assert strategy(list(of.standings), wish(of, affinity=7)).backend.name == "a"


def test_among_equals_everyone_has_a_share():
    assert min(chosen(world(), least_busy).values()) > 250


def test_the_busier_of_two_is_never_chosen():
    of = world("a b")
    of.standings["a"].in_flight = 1
    assert chosen(of, least_busy) == {"b": 1_000}


def test_the_quicker_of_two_gets_more_at_once():
    of = world("a b")
    of.answers("a", 3, after_s=1.0)
    of.answers("b", 3, after_s=0.1)
    of.standings["b"].in_flight = 8
    assert chosen(of, least_busy) == {"b": 1_000}
    of.standings["b"].in_flight = 10
    assert chosen(of, least_busy) == {"a": 1_000}


def test_who_is_new_is_compared_by_load_alone():
    of = world("a b")
    of.answers("a", 3, after_s=0.001)
    of.standings["b"].in_flight = 1
    assert chosen(of, least_busy) == {"a": 1_000}
    of.standings["a"].in_flight = 2
    assert chosen(of, least_busy) == {"b": 1_000}


def test_a_suspect_gets_little_from_anyone():
    of = world("a b")
    of.fails("a", 3)
    of.fails("b", 3)
    assert (of.out, of.standings["b"].is_suspect) == ({"a"}, True)
    of = world("a b c")
    of.standings["b"].suspect(Reason.SLOW)
    assert chosen(of, least_busy)["b"] == 0
    assert 0 < chosen(of, weighted)["b"] < 100
    assert chosen(of, prefix, affinity=5)["b"] == 0
    assert chosen(of, ordered) == {"a": 1_000}
    of.standings["a"].suspect(Reason.SLOW)
    assert chosen(of, ordered) == {"c": 1_000}


def test_weights_are_met():
    of = world("a b c", a={"weight": 8}, c={"weight": 0.5})
    counts = chosen(of, weighted, 20_000)
    for name, share in (("a", 8 / 9.5), ("b", 1 / 9.5), ("c", 0.5 / 9.5)):
        error = (share * (1 - share) * 20_000) ** 0.5
        assert abs(counts[name] - share * 20_000) < 4 * error


def test_in_order_means_the_first():
    assert chosen(world(), ordered) == {"a": 1_000}


def test_the_same_beginning_goes_to_the_same_backend():
    of = world("a b c d")
    for affinity in range(50):
        assert len(chosen(of, prefix, 5, affinity=affinity)) == 1
    spread = Counter(prefix(list(of.standings), wish(of, affinity=hash((n, "x")))).backend.name for n in range(2_000))
    assert min(spread.values()) > 350


def test_when_a_backend_leaves_only_what_it_had_moves():
    of = world("a b c d")
    everyone = list(of.standings)
    for affinity in range(500):
        before = prefix(everyone, wish(of, affinity=affinity))
        after = prefix([each for each in everyone if each.backend.name != "c"], wish(of, affinity=affinity))
        assert before.backend.name == "c" or after is before


def test_what_has_no_beginning_goes_where_there_is_room():
    of = world("a b")
    of.standings["a"].in_flight = 5
    assert chosen(of, prefix) == {"b": 1_000}


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=300))
def test_no_backend_carries_much_more_than_the_mean(affinities):
    of = world("a b c d")
    everyone = list(of.standings)
    for done, affinity in enumerate(affinities, 1):
        prefix(everyone, wish(of, affinity=affinity)).in_flight += 1
        assert max(each.in_flight for each in everyone) <= BOUND * done / 4 + 1


def test_a_popular_beginning_spills_over_to_always_the_same_next_one():
    of = world("a b c d")
    everyone, line = list(of.standings), []
    for _ in range(8):
        one = prefix(everyone, wish(of, affinity=42))
        one.in_flight += 1
        line.append(one.backend.name)
    for each in everyone:
        each.in_flight = 0
    again = []
    for _ in range(8):
        one = prefix(everyone, wish(of, affinity=42))
        one.in_flight += 1
        again.append(one.backend.name)
    assert line == again
    assert len(set(line)) > 1
