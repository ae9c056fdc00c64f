"""Whether an exchange is copied: the share, the bounds, and the reason that is given."""

import random
from dataclasses import replace
from uuid import UUID

import pytest
from tests.support.backends import World

from llmgateway.config.snapshot import Backend, Shadow, Version
from llmgateway.domain.clock import ManualClock
from llmgateway.domain.exchange import AttemptKind
from llmgateway.domain.operation import BodyKind
from llmgateway.routing.shadow import (
    MAX_HELD_BYTES,
    WINDOW_S,
    LeftOut,
    Question,
    ShadowBudget,
    is_chosen,
    shadow_target,
    verdict,
)

BACKENDS = tuple(Backend(name, "openai", "http://h/v1") for name in ("a", "b", "c"))
ALL = Shadow(Version("v2", "", BACKENDS), share=1.0, max_concurrent=2, max_per_minute=5)
ASKED = Question("0192f0c1-0000-7000-8000-000000000001", BodyKind.JSON, is_stateful=False, body_bytes=100)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def budget(clock):
    return ShadowBudget(clock)


def ids(count):
    """UUIDv7s of one millisecond, the same ones each time."""
    numbers = random.Random(3)
    return [
        str(UUID(int=(0x0192F0C10000 << 80) | (0x7 << 76) | (0b10 << 62) | numbers.getrandbits(60)))
        for _ in range(count)
    ]


def test_the_share_is_met_within_three_standard_errors():
    share, count = 0.1, 20_000
    chosen = sum(is_chosen(each, share) for each in ids(count))
    assert abs(chosen - share * count) < 3 * (count * share * (1 - share)) ** 0.5


def test_an_exchange_is_chosen_again_whenever_it_is_asked():
    assert [is_chosen(each, 0.5) for each in ids(50)] != [True] * 50
    for each in ids(50):
        assert len({is_chosen(each, 0.5) for _ in range(5)}) == 1


def test_a_larger_share_has_all_of_a_smaller_one():
    for each in ids(2_000):
        assert is_chosen(each, 0.6) or not is_chosen(each, 0.2)


def test_nothing_and_everything_are_exact():
    assert not any(is_chosen(each, 0.0) for each in ids(1_000))
    assert all(is_chosen(each, 1.0) for each in ids(1_000))


def test_what_the_share_does_not_have_is_no_omission(budget):
    nothing = replace(ALL, share=0.0)
    assert verdict(nothing, ASKED, budget) is False
    assert verdict(nothing, replace(ASKED, is_stateful=True, is_draining=True), budget) is False


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (replace(ASKED, is_stateful=True), LeftOut.STATEFUL),
        (replace(ASKED, is_stateful=True, kind=BodyKind.NONE), LeftOut.STATEFUL),
        (replace(ASKED, kind=BodyKind.STREAM), LeftOut.UPLOAD),
        (replace(ASKED, is_draining=True), LeftOut.DRAINING),
        (replace(ASKED, held_bytes=MAX_HELD_BYTES), LeftOut.MEMORY),
        (replace(ASKED, body_bytes=MAX_HELD_BYTES + 1), LeftOut.MEMORY),
    ],
)
def test_each_reason_is_named(budget, asked, reason):
    assert verdict(ALL, asked, budget) is reason


def test_the_last_byte_of_room_is_used(budget):
    assert verdict(ALL, replace(ASKED, held_bytes=MAX_HELD_BYTES - 100), budget) is True


def test_no_more_copies_at_once_than_allowed(budget):
    for _ in range(ALL.max_concurrent):
        assert verdict(ALL, ASKED, budget) is True
        budget.begin()
    assert verdict(ALL, ASKED, budget) is LeftOut.CONCURRENCY
    budget.end()
    assert verdict(ALL, ASKED, budget) is True


def test_no_more_copies_a_minute_than_allowed(budget, clock):
    for _ in range(ALL.max_per_minute):
        assert verdict(ALL, ASKED, budget) is True
        budget.begin()
        budget.end()
        clock.advance(10.0)
    assert verdict(ALL, ASKED, budget) is LeftOut.BUDGET  # the first was 50 s ago
    clock.advance(9.0)
    assert verdict(ALL, ASKED, budget) is LeftOut.BUDGET
    clock.advance(1.0)
    assert verdict(ALL, ASKED, budget) is True
    assert budget.made == ALL.max_per_minute - 1


def test_a_raised_budget_counts_at_once(budget):
    for _ in range(5):
        budget.begin()
        budget.end()
    assert verdict(ALL, ASKED, budget) is LeftOut.BUDGET
    assert verdict(replace(ALL, max_per_minute=6), ASKED, budget) is True


@pytest.mark.parametrize("pause", [WINDOW_S, WINDOW_S + 0.5, 10 * WINDOW_S, 100_000.0])
def test_after_a_long_quiet_time_the_window_is_empty(budget, clock, pause):
    for _ in range(5):
        budget.begin()
    clock.advance(pause)
    assert budget.has_room(1)
    assert budget.made == 0


def test_no_minute_ever_has_more_than_the_budget(budget, clock):
    made = []
    for _ in range(3_000):
        clock.advance(0.37)
        if verdict(ALL, ASKED, budget) is True:
            budget.begin()
            budget.end()
            made.append(int(clock.monotonic()))
    assert len(made) > 50
    for second in made:
        assert sum(second <= other < second + WINDOW_S for other in made) <= ALL.max_per_minute


def target(world, draw):
    version = world.route.versions[0]
    return shadow_target(Shadow(version), world.standings.by_name, draw, world.now)


def test_the_backends_of_the_version_share_the_copies():
    world = World(v1="a b c")
    assert [target(world, draw / 9).backend.name for draw in range(9)] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert target(world, 0.0).kind is AttemptKind.SHADOW
    assert target(world, 0.999999).version is world.route.versions[0]


def test_copies_go_to_nobody_who_is_out_and_wait_in_no_queue():
    world = World(v1="a b")
    world.configure(b={"max_concurrent": 1, "queue": 5})
    world.fails("a", 3)
    assert world.out == {"a"}
    assert target(world, 0.0).backend.name == "b"
    assert world.standings["b"].places.take()
    assert target(world, 0.0) is None
