"""The languages of answers: which are read, when, and what they are told by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.spoken import SAID, reply

from llmgateway.controlplane.drift import languages as module
from llmgateway.controlplane.drift.eras import Place
from llmgateway.controlplane.drift.languages import EVERY, MAX_WAITING, NAMES, Languages, language_of
from llmgateway.ports.store import Body, StoreRefusedError, StoreUnavailableError
from llmgateway.wire.jsoncodec import decode, encode

PLACE = Place("support", "v1", "aaa")


class Store:
    """Bodies by the number of their exchange; `is_away` after so many looks."""

    def __init__(self, texts, away_after=10**9):
        self.texts, self.looks, self.away_after = texts, [], away_after

    async def bodies(self, seqs):
        if len(self.looks) >= self.away_after:
            raise StoreUnavailableError("away")
        self.looks.append(len(seqs))
        return {seq: [reply(self.texts[seq])] for seq in seqs if seq in self.texts}


def waiting(last):
    found = Languages()
    for seq in range(EVERY, last + 1, EVERY):
        found.came(PLACE, {"seq": seq})
    return found


@pytest.mark.parametrize("language", SAID)
def test_an_answer_is_in_what_most_of_it_is_in(language):
    assert NAMES[language_of([Body("request", "application/json", 2, b"{}"), reply(SAID[language])])] == language


@pytest.mark.parametrize("bodies", [
    [],
    [reply("Yes.")],
    [reply(SAID["en"], content=None)],
    [reply(SAID["en"], content=b'{"not_stored":"a guardrail failed"}')],
    [reply(SAID["en"], content=b"no JSON")],
    [reply(SAID["en"], kind="request")],
])  # fmt: skip
def test_what_says_too_little_or_was_not_kept_has_no_language(bodies):
    assert language_of(bodies) is None


async def test_one_in_so_many_is_read_in_batches_and_counted_for_its_version():
    found, counted = waiting(module.BATCH * EVERY + EVERY), []
    store = Store(dict.fromkeys(range(EVERY, 10_000, EVERY), SAID["de"]))
    await found.read(store, lambda *said: counted.append(said))
    assert store.looks == [module.BATCH, 1]
    assert counted == [(PLACE, NAMES.index("de"))] * (module.BATCH + 1)
    assert len(found) == 0


async def test_no_more_is_held_at_once_than_so_many_bytes():
    found, counted, half = Languages(), [], module.MAX_BYTES // 2
    for seq, size in enumerate([half, half, 3 * half, 1, None, half]):
        found.came(PLACE, {"seq": seq, "request_bytes": size, "reply_bytes": None})
    again = Languages.restored(found.state())  # of which nobody knows how large they are
    store = Store(dict.fromkeys(range(100), SAID["en"]))
    await found.read(store, lambda *said: counted.append(said))
    assert (store.looks, len(counted)) == ([2, 1, 3], 6)
    await again.read(store, lambda *said: counted.append(said))
    assert (store.looks[3:], len(counted)) == ([1] * 6, 12)


async def test_what_could_not_be_read_goes_on_waiting_and_counts_once():
    found, counted = waiting(2 * module.BATCH * EVERY), []
    texts = dict.fromkeys(range(EVERY, 10_000, EVERY), SAID["ja"])
    with pytest.raises(StoreUnavailableError):
        await found.read(Store(texts, away_after=1), lambda *said: counted.append(said))
    assert (len(counted), len(found)) == (module.BATCH, module.BATCH)
    found = Languages.restored(decode(encode(found.state())))
    await found.read(Store(texts), lambda *said: counted.append(said))
    assert (len(counted), len(found)) == (2 * module.BATCH, 0)


async def test_an_answer_that_cant_be_read_is_left_out_and_no_other():
    class Damaged(Store):
        async def bodies(self, seqs):
            if 2 * EVERY in seqs:
                raise StoreRefusedError("a body is damaged")
            return await super().bodies(seqs)

    found, counted = waiting(3 * EVERY), []
    await found.read(Damaged(dict.fromkeys(range(100), SAID["en"])), lambda *said: counted.append(said))
    assert (len(counted), len(found)) == (2, 0)


async def test_what_nobody_wants_to_know_any_more_is_not_counted():
    found, counted = waiting(3 * EVERY), []

    class Leaving(Store):
        async def bodies(self, seqs):
            found.forget()
            return await super().bodies(seqs)

    await found.read(Leaving(dict.fromkeys(range(100), SAID["en"])), lambda *said: counted.append(said))
    assert (counted, found.state()) == ([], [])


@given(st.integers(0, 3 * EVERY * MAX_WAITING))
def test_no_more_than_so_many_wait(last):
    found = Languages()
    for seq in range(0, last, EVERY * max(1, last // 5_000 // EVERY)):
        found.came(PLACE, {"seq": seq})
        assert len(found) <= MAX_WAITING
    assert len(Languages.restored([[1, *PLACE]] * (MAX_WAITING + 5))) == MAX_WAITING
