"""How many bytes of bodies a worker holds: claims that are given back, a bound that is never passed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config.snapshot import Overload, Server
from llmgateway.domain.errors import GatewayError
from llmgateway.limits.bodies import SMALL, BodyMemory, Claim, room

MIB = 1024 * 1024


def is_refused(call, *sizes: int) -> bool:
    try:
        call(*sizes)
    except GatewayError as error:
        assert (error.code, error.retry_after_s) == ("overloaded", 1.0)
        return True
    return False


def test_eight_bodies_of_32_mib_do_not_fit_into_256_since_an_eighth_is_kept_for_small_ones():
    memory = BodyMemory(256 * MIB)
    assert [is_refused(memory.claim, 32 * MIB) for _ in range(8)] == [False] * 7 + [True]
    assert not is_refused(memory.claim, SMALL)
    assert is_refused(memory.claim, SMALL + 1)
    assert memory.refused == 2
    memory.release(32 * MIB)
    assert not is_refused(memory.claim, SMALL + 1)


def test_small_ones_have_a_bound_too():
    memory = BodyMemory(MIB)
    assert [is_refused(memory.claim, SMALL) for _ in range(17)] == [False] * 16 + [True]


def test_a_body_of_unknown_length_is_small_until_it_is_not():
    memory = BodyMemory(MIB)
    memory.claim(MIB - MIB // 8)
    assert not is_refused(memory.grow, SMALL, 0)
    assert is_refused(memory.grow, 1, SMALL)
    assert memory.held == MIB - MIB // 8 + SMALL


def test_a_lower_limit_after_a_reload_only_keeps_new_ones_out():
    memory = BodyMemory(256 * MIB)
    memory.claim(100 * MIB)
    memory.limit = MIB
    assert (memory.limit, memory.held) == (MIB, 100 * MIB)
    assert is_refused(memory.claim, 1)
    memory.release(100 * MIB)
    assert not is_refused(memory.claim, 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400_000)), max_size=60))
def test_what_is_held_is_what_was_claimed_and_never_above_the_limit(steps):
    memory, claimed = BodyMemory(MIB), []
    for takes, size in steps:
        if takes and not is_refused(memory.claim, size):
            claimed.append(size)
        elif not takes and claimed:
            memory.release(claimed.pop())
        assert memory.held == sum(claimed) <= MIB


def test_the_refusal_is_retryable_and_says_why():
    memory = BodyMemory(0)
    with pytest.raises(GatewayError, match="as many request bodies as it may") as caught:
        memory.claim(1)
    assert (caught.value.status, caught.value.retryable) == (503, True)


@pytest.mark.parametrize(
    ("memory", "workers", "expected"),
    [
        (64 * 1024, 2, 256),  # GiB of memory matter to nobody
        (2 * 1024, 2, 256),
        (1024, 2, 128),
        (1024, 4, 64),
        (512, 4, 36),  # one body of 32 MiB, and an eighth for small ones
        (64, 8, 36),
    ],
)
def test_a_small_machine_or_container_has_room_for_fewer(memory, workers, expected):
    assert room(Server(), memory * MIB, workers) // MIB == expected


def test_what_is_configured_is_the_most_and_one_of_the_largest_always_fits():
    assert room(Server(overload=Overload(max_body_bytes=40 * MIB)), 64 * MIB, 64) >= 32 * MIB * 8 // 7
    assert room(Server(max_body_bytes=MIB, overload=Overload(max_body_bytes=2 * MIB)), 1 << 40, 1) == 2 * MIB
    memory = BodyMemory(room(Server(), 1, 1))
    assert not is_refused(memory.claim, 32 * MIB)
    assert not is_refused(memory.claim, SMALL)


def test_a_sessions_claim_changes_with_what_it_holds():
    memory = BodyMemory(1_000_000)
    claim = Claim(memory)
    claim.become(700_000)
    claim.become(300_000)
    assert (claim.size, memory.held) == (300_000, 300_000)
    with pytest.raises(GatewayError):
        claim.become(2_000_000)
    assert (claim.size, memory.held) == (300_000, 300_000)
    claim.become(0)
    assert memory.held == 0


def test_a_claim_follows_what_is_held_and_has_room_made_for_it():
    memory = BodyMemory(100)
    claim, sizes = Claim(memory), [150, 120, 80]
    told = []

    def relieve(error):
        told.append(error.code)
        sizes.pop(0)
        return True

    claim.follow(lambda: sizes[0], relieve)
    assert (claim.size, memory.held, told) == (80, 80, ["overloaded"] * 2)


def test_where_no_room_is_made_a_claim_stays_what_it_was():
    memory = BodyMemory(100)
    claim = Claim(memory)
    claim.become(50)
    claim.follow(lambda: 150, lambda _: False)
    assert (claim.size, memory.held) == (50, 50)
