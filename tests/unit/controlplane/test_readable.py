"""Bodies of many exchanges, some of which nobody can read any more."""

import pytest

from llmgateway.controlplane.readable import MAX_BYTES, parts, readable
from llmgateway.ports.store import Body, StoreRefusedError, StoreRejectedError, StoreUnavailableError

KEPT = [Body("reply", "text/plain", 2, b"ok")]


class Store:
    """Refuses whoever asks for one of `broken`."""

    def __init__(self, *broken, error=StoreRefusedError):
        self.broken, self.error, self.looks = {*broken}, error, []

    async def bodies(self, seqs):
        self.looks.append([*seqs])
        if self.broken & {*seqs}:
            raise self.error("a body is damaged")
        return dict.fromkeys(seqs, KEPT)


async def test_all_are_read_at_once():
    store = Store()
    assert await readable(store, [1, 2]) == {1: KEPT, 2: KEPT}
    assert store.looks == [[1, 2]]


@pytest.mark.parametrize("error", [StoreRefusedError, StoreRejectedError])
async def test_one_that_cant_be_read_is_told_and_keeps_nobody_from_the_others(error, caplog):
    assert await readable(Store(2, error=error), [1, 2, 3]) == {1: KEPT, 3: KEPT}
    assert ["exchange number 2 can't be read: a body is damaged" in each for each in caplog.messages] == [True]


async def test_a_store_that_is_away_is_waited_for_and_loses_nothing():
    with pytest.raises(StoreUnavailableError):
        await readable(Store(2, error=StoreUnavailableError), [1, 2, 3])


async def test_a_store_that_goes_away_meanwhile_loses_nothing_either():
    class Leaving(Store):
        async def bodies(self, seqs):
            if self.looks:
                raise StoreUnavailableError("away")
            return await super().bodies(seqs)

    with pytest.raises(StoreUnavailableError):
        await readable(Leaving(1), [1, 2])


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ([], []),
        ([0, 0, 0], [[0, 0, 0]]),
        ([MAX_BYTES, 0, 1], [[MAX_BYTES, 0], [1]]),
        ([1, MAX_BYTES + 1, 1], [[1], [MAX_BYTES + 1], [1]]),
        ([MAX_BYTES // 2] * 3, [[MAX_BYTES // 2] * 2, [MAX_BYTES // 2]]),
    ],
)
def test_as_many_at_once_as_may_be_held_and_a_very_large_one_alone(sizes, found):
    assert list(parts(sizes, lambda size: size)) == found
