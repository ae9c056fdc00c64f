"""A store that is away is waited for, longer each time, and the log is not filled with it."""

import pytest

from llmgateway.controlplane.patience import MAX_S, MIN_S, Patience, Waiting
from llmgateway.ports.store import StoreUnavailableError


class Work:
    """Fails so many times."""

    def __init__(self, failures):
        self.failures = failures

    async def __call__(self):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("locked")


@pytest.fixture
def slept():
    return []


@pytest.fixture
def patience(slept):
    async def sleep(seconds):
        slept.append(seconds)

    return Patience("events", sleep)


async def persist(patience, work):
    while not await patience.tried(work):
        pass


async def test_it_waits_longer_each_time_and_anew_when_it_was_back(patience, slept):
    await persist(patience, Work(9))
    assert slept[:3] == [MIN_S, 2 * MIN_S, 4 * MIN_S]
    assert slept[-1] == MAX_S
    await persist(patience, Work(1))
    assert slept[-1] == MIN_S


async def test_it_is_said_once_and_that_it_is_over_too(patience, caplog):
    caplog.set_level("INFO")
    await persist(patience, Work(5))
    assert caplog.messages == ["events wait for the store: locked", "events have been stored"]
    await persist(patience, Work(0))
    assert len(caplog.messages) == 2


async def test_what_is_no_matter_of_the_store_is_not_waited_for(patience, slept):
    async def fail():
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        await patience.tried(fail)
    assert slept == []


def test_what_waits_is_told_once_and_anew_when_it_waits_again(caplog: pytest.LogCaptureFixture) -> None:
    waiting = Waiting("scores wait")
    for why in ("locked", "full"):
        with waiting:
            raise StoreUnavailableError(why)
        assert waiting.error == why
    with waiting:
        pass
    assert waiting.error is None
    with waiting:
        raise StoreUnavailableError("gone")
    assert caplog.messages == ["scores wait for the store: locked", "scores wait for the store: gone"]


def test_what_is_no_fault_of_the_store_is_nobody_s_to_wait_for(caplog: pytest.LogCaptureFixture) -> None:
    waiting = Waiting("scores wait")
    with pytest.raises(ValueError, match="mine"), waiting:
        raise ValueError("mine")
    assert (waiting.error, caplog.messages) == (None, [])
