import re
from uuid import RFC_4122, UUID

from llmgateway.domain.clock import ManualClock
from llmgateway.domain.ids import IdMint, is_exchange_id, named_id

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_an_id_has_the_form_of_a_uuid_of_version_7():
    mint = IdMint(ManualClock().time)
    assert all(UUID7.fullmatch(mint()) for _ in range(2000))


def test_the_first_48_bits_are_the_time_in_milliseconds():
    clock = ManualClock(time=1_700_000_000.123)
    assert int(IdMint(clock.time)().replace("-", "")[:12], 16) == 1_700_000_000_123


def test_ids_increase_within_a_millisecond_and_when_the_clock_steps_back():
    clock = ManualClock()
    mint = IdMint(clock.time)
    ids = [mint() for _ in range(10_000)]
    clock.advance(-3600)
    ids += [mint() for _ in range(10)]
    clock.advance(7200)
    ids.append(mint())
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_id_is_recognised_and_anything_else_is_not():
    assert is_exchange_id(IdMint(ManualClock().time)())
    for text in (
        "",
        "x",
        "0188b1f4-0000-4000-8000-000000000000",
        "' OR 1=1 --",
        "0188B1F4-0000-7000-8000-000000000000",
    ):
        assert not is_exchange_id(text)


def test_an_id_made_of_words_is_the_same_each_time_and_no_exchanges():
    made = named_id("user", "team-a", "click-1")
    assert made == named_id("user", "team-a", "click-1")
    assert made != named_id("user", "team-a", "click-2")
    assert named_id("ab", "c") != named_id("a", "bc")
    assert UUID(made).version == 8
    assert UUID(made).variant == RFC_4122
    assert not is_exchange_id(made)
