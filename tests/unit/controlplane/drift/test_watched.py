"""A version: its window, its signals and distributions, and that it is the same after a restart."""

import random

import pytest
from tests.support.exchanges import ExchangeFactory

from llmgateway.config.drift import Drift, DriftFeature
from llmgateway.controlplane.drift.signal import Turn
from llmgateway.controlplane.drift.watched import Found, Watched
from llmgateway.wire.jsoncodec import decode, encode

SETTINGS = Drift(reference=1_000, comparison=500)
MAKE = ExchangeFactory()
GOOD = MAKE.row(finish_reason="stop")
FAILED = GOOD | {"end": "upstream_error", "status": 502, "error_code": "upstream_error"}
LEFT = GOOD | {"end": "client_closed"}


def rows(rng, events, *, length=500, **shares):
    """Rows whose lengths scatter, and of which some are bad."""
    for _ in range(events):
        row = GOOD | {
            "input_tokens": int(rng.lognormvariate(0, 0.8) * length),
            "output_tokens": 1 + int(rng.lognormvariate(0, 0.8) * 120),
        }
        if rng.random() < shares.get("error", 0.0):
            row |= {"end": "upstream_error", "status": 502}
        elif rng.random() < shares.get("refusal", 0.0):
            row["finish_reason"] = "refusal"
        elif rng.random() < shares.get("tools", 0.0):
            row["finish_reason"] = "tool_calls"
        yield row


def run(watched, stream):
    return [found for row in stream for found in watched.observe(row)]


@pytest.fixture
def learnt():
    watched = Watched(SETTINGS)
    assert run(watched, rows(random.Random(1), 1_030, refusal=0.02, error=0.01)) == []
    assert not watched.is_learning
    return watched


def test_the_window_is_of_answers():
    watched = Watched(SETTINGS)
    for row in [FAILED] * 5_000 + [LEFT] * 50:
        watched.observe(row)
    assert (watched.asked, watched.answered, watched.is_learning) == (5_000, 0, True)
    assert watched.missing == 1_000
    run(watched, [GOOD] * 999)
    assert watched.is_learning
    run(watched, [GOOD])
    assert not watched.is_learning
    assert watched.missing == 500
    assert watched.signals["error"].window == 6_000
    assert watched.signals["refusal"].window == 1_000
    assert watched.signals["error"].reference == pytest.approx(0.84, abs=0.02)


def test_a_share_that_rises_is_found(learnt):
    assert run(learnt, rows(random.Random(2), 2_000, refusal=0.02, error=0.01)) == []
    found = run(learnt, rows(random.Random(3), 400, refusal=0.15, error=0.01))
    assert found[0] == Found("refusal", Turn.RAISED)


def test_failures_are_found_though_nobody_answers(learnt):
    before = learnt.answered
    found = run(learnt, [FAILED] * 12)
    assert found[0] == Found("error", Turn.RAISED)
    assert learnt.answered == before


def test_prompts_that_grow_are_found_at_the_next_comparison(learnt):
    found = run(learnt, rows(random.Random(4), 520, length=1_500))
    assert found == [Found("prompt_length", Turn.RAISED)]


def test_tools_that_are_used_of_a_sudden_are_found(learnt):
    assert run(learnt, rows(random.Random(5), 520, tools=0.3)) == [Found("finish_reason", Turn.RAISED)]


def test_what_was_told_is_told_again_only_after_it_was_gone(learnt):
    def told(length):
        found = run(learnt, rows(random.Random(6), 510, length=length))
        for each in found:  # as the watch does
            learnt.features[each.name].warning = {"id": "x"} if each.turn is Turn.RAISED else None
        return [each.turn for each in found]

    assert [told(length) for length in (1_500, 1_500, 500, 500, 1_500)] == [
        [Turn.RAISED],
        [],
        [Turn.CLEARED],
        [],
        [Turn.RAISED],
    ]


def speak(watched, times, language, *, of=500):
    """So many comparisons later, with so many answers in a language in each of them."""
    found = []
    for _ in range(times):
        for _ in range(of):
            watched.said(language)
        found += run(watched, [GOOD] * watched.missing)
    return [each.name for each in found if each.name == "language"]


def test_languages_that_come_after_the_window_have_one_of_their_own(learnt):
    assert learnt.features["language"].ends is None
    assert speak(learnt, 3, 0) == []
    assert speak(learnt, 1, 1) == ["language"]


def test_languages_of_few_answers_wait_for_more(learnt):
    assert speak(learnt, 8, 0, of=60) == []
    assert speak(learnt, 2, 1, of=60) == ["language"]


def test_what_is_not_wanted_is_not_compared():
    watched = Watched(Drift(reference=1_000, comparison=500, features=frozenset({DriftFeature.REPLY_LENGTH})))
    run(watched, rows(random.Random(1), 1_010))
    assert run(watched, rows(random.Random(4), 2_000, length=5_000)) == []


def test_unknown_lengths_are_not_counted():
    watched = Watched(SETTINGS)
    run(watched, [GOOD | {"output_tokens": None}] * 1_000)
    assert watched.features["reply_length"].ends is None
    assert watched.features["prompt_length"].ends is not None


def test_a_window_that_is_open_takes_other_settings():
    watched = Watched(SETTINGS)
    run(watched, [GOOD] * 400)
    watched.configure(Drift(reference=300, comparison=200))
    assert watched.missing == 1
    run(watched, [GOOD])
    assert (watched.is_learning, watched.missing) == (False, 200)


@pytest.mark.parametrize("at", [0, 700, 1_000, 1_650])
def test_it_is_the_same_after_a_restart(at):
    stream = list(rows(random.Random(8), 4_000, refusal=0.03, error=0.02, tools=0.1))
    one, two = Watched(SETTINGS), Watched(SETTINGS)
    found = run(one, stream)
    begun = run(two, stream[:at])
    again = Watched.restored(decode(encode(two.state())), SETTINGS)
    assert begun + run(again, stream[at:]) == found
    assert again.state() == one.state()


def test_looking_finds_alarms_that_are_over(learnt):
    run(learnt, [FAILED] * 20)
    learnt.signals["error"].alarm = {"id": "x"}
    assert learnt.look() == []
    run(learnt, [GOOD] * 3_000)
    assert learnt.look() == [Found("error", Turn.CLEARED)]
