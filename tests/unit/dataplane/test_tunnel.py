"""How long a session lasts."""

from llmgateway.dataplane.parting import Cause
from llmgateway.dataplane.tunnel import Lifetime


def test_who_says_nothing_is_idle_and_who_says_something_is_not():
    life = Lifetime(0.0, 10.0, 100.0)
    assert (life.ends_at, life.cause(9.9), life.cause(10.0)) == (10.0, None, Cause.IDLE)
    life.heard = 5.0
    assert (life.ends_at, life.cause(10.0), life.cause(15.0)) == (15.0, None, Cause.IDLE)


def test_nobody_talks_for_ever():
    life = Lifetime(95.0, 10.0, 100.0)
    assert (life.ends_at, life.cause(99.9), life.cause(100.0)) == (100.0, None, Cause.EXPIRED)
