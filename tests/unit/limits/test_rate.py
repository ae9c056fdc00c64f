"""Token buckets: what a name may do at once, and again, and how many names are remembered."""

import pytest

from llmgateway.domain.errors import GatewayError
from llmgateway.limits.rate import Buckets


def taken(buckets: Buckets, name: str, now: float, times: int = 1, **limits: float) -> int:
    """How many of so many tries went through."""
    through = 0
    for _ in range(times):
        try:
            buckets.take(name, now, **({"rate": 2.0, "burst": 5.0} | limits))
        except GatewayError:
            continue
        through += 1
    return through


def test_a_burst_then_the_rate_and_never_more_than_a_burst():
    buckets = Buckets()
    assert taken(buckets, "a", 0.0, 20) == 5
    assert taken(buckets, "a", 0.4, 20) == 0
    assert taken(buckets, "a", 1.0, 20) == 2
    assert taken(buckets, "a", 1_000.0, 20) == 5
    assert taken(buckets, "b", 1_000.0, 20) == 5


def test_the_refusal_says_when_to_come_back():
    buckets = Buckets()
    taken(buckets, "a", 0.0, 5)
    with pytest.raises(GatewayError) as raised:
        buckets.take("a", 0.25, rate=2.0, burst=5.0)
    assert raised.value.code == "rate_limited"
    assert raised.value.retry_after_s == pytest.approx(0.25)


def test_trying_in_vain_puts_nothing_off():
    buckets = Buckets()
    taken(buckets, "a", 0.0, 5)
    assert sum(taken(buckets, "a", at / 100) for at in range(1, 101)) == 2


def test_a_clock_that_goes_back_gives_nothing_away():
    buckets = Buckets()
    taken(buckets, "a", 10.0, 5)
    assert taken(buckets, "a", 0.0) == 0


def test_so_many_names_are_remembered_the_ones_used_last():
    buckets = Buckets(most=3)
    for name in "abc":
        taken(buckets, name, 0.0, 5)
    taken(buckets, "a", 0.0)
    taken(buckets, "d", 0.0)
    assert len(buckets) == 3
    assert taken(buckets, "a", 0.0) == 0
    assert taken(buckets, "b", 0.0) == 1
