"""Evidence adds up in any order, survives being written, and its hash changes with it."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.rollout.counts import NOTHING, Arms, Draw, added, checked, draws, total
from llmgateway.rollout.eprocess import log_e
from llmgateway.rollout.evidence import MAX_EPOCHS, MAX_METRICS, Evidence, read
from llmgateway.rollout.grid import HARM
from llmgateway.rollout.hardstop import Failing

WEIGHTS = {1: 0.05, 2: 0.25, 3: 0.25}
ARMS = st.builds(Arms, st.integers(0, 10**6), st.integers(0, 10**6))
EPOCHS = st.dictionaries(st.sampled_from([1, 2, 3]), ARMS, max_size=3)
NAMES = st.sampled_from(["error", "slow"])
FAILING = st.builds(Failing, ARMS, ARMS, ARMS)
HEARD = st.dictionaries(NAMES, st.tuples(st.floats(1, 2e9), st.floats(1, 2e9)))
PARTS = st.builds(
    Evidence,
    weights=st.just(WEIGHTS),
    assigned=EPOCHS,
    units=st.dictionaries(NAMES, EPOCHS),
    bad=st.dictionaries(NAMES, EPOCHS),
    pairs=ARMS,
    failing=FAILING,
    heard=HEARD,
)


@given(PARTS, PARTS, PARTS)
def test_parts_add_up_in_any_order(a, b, c):
    assert a.plus(b) == b.plus(a)
    assert a.plus(b).plus(c).written() == a.plus(b.plus(c)).written()
    assert a.plus(Evidence()).bad_draws("error") == a.bad_draws("error")


@given(PARTS)
def test_it_survives_being_written(part):
    again = read(json.loads(json.dumps(part.written())))
    assert again == part
    assert again.hash() == part.hash()


def test_each_count_is_in_the_hash():
    one = Evidence(weights=WEIGHTS, bad={"error": {1: Arms(5, 2)}}, units={"error": {1: Arms(50, 20)}})
    others = [
        replace(one, weights={1: 0.06}),
        replace(one, assigned={1: Arms(1, 0)}),
        replace(one, units={"error": {1: Arms(50, 21)}}),
        replace(one, bad={"error": {1: Arms(5, 3)}}),
        replace(one, pairs=Arms(1, 0)),
        replace(one, failing=Failing(Arms(1, 0))),
        replace(one, heard={"error": (1.0, 2.0)}),
    ]
    assert len({each.hash() for each in (one, *others)}) == len(others) + 1


def test_events_split_over_four_workers_in_any_order_give_the_same_e():
    rng = random.Random(7)
    events = [(rng.choice([1, 2, 3]), rng.random() < 0.3) for _ in range(400)]
    whole = whole_of(events)
    for _ in range(20):
        rng.shuffle(events)
        parts = [whole_of(events[number::4]) for number in range(4)]
        rng.shuffle(parts)
        together = Evidence()
        for part in parts:
            together = together.plus(part)
        assert log_e(together.bad_draws("error"), 1.0, HARM) == pytest.approx(
            log_e(whole.bad_draws("error"), 1.0, HARM), abs=1e-9
        )


def whole_of(events):
    counts = {}
    for epoch, is_candidate in events:
        counts[epoch] = counts.get(epoch, NOTHING).plus(Arms(int(not is_candidate), int(is_candidate)))
    return Evidence(weights=WEIGHTS, bad={"error": counts})


def test_epochs_of_one_weight_are_one_draw():
    counts = {1: Arms(3, 1), 2: Arms(4, 2), 3: Arms(5, 3)}
    assert draws(counts, WEIGHTS) == [Draw(0.05, 3, 1), Draw(0.25, 9, 5)]
    assert draws(counts, WEIGHTS, since=3) == [Draw(0.25, 5, 3)]
    assert total(counts) == Arms(12, 6)
    assert added(counts, {3: Arms(1, 1), 4: Arms(1, 0)}) == counts | {3: Arms(6, 4), 4: Arms(1, 0)}


def test_candidate_units():
    one = Evidence(weights=WEIGHTS, units={"error": {1: Arms(50, 20), 2: Arms(5, 7)}})
    assert one.candidate_units("error") == 27
    assert one.candidate_units("error", 2) == 7
    assert one.candidate_units("error", 3) == one.candidate_units("slow") == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="two weights"):
        Evidence(weights={1: 0.1}).plus(Evidence(weights={1: 0.2}))
    with pytest.raises(ValueError, match="epoch 2"):
        Evidence(weights={1: 0.1}, bad={"error": {2: Arms(1, 1)}})
    with pytest.raises(ValueError, match="weight epochs"):
        Evidence(weights=dict.fromkeys(range(MAX_EPOCHS + 1), 0.1))
    with pytest.raises(ValueError, match="metrics"):
        Evidence(units={str(number): {} for number in range(MAX_METRICS + 1)})


@pytest.mark.parametrize("counts", [[1, -1], [1.0, 2], [True, 2], ["1", 2], [1, 2**60], [1], [1, 2, 3]])
def test_what_is_no_count_is_refused(counts):
    with pytest.raises(ValueError):
        checked(counts)


@pytest.mark.parametrize("broken", [{}, {"failing": []}, {"failing": [[0, 0]] * 3, "weights": {"x": 1}}])
def test_what_is_no_evidence_is_refused(broken):
    with pytest.raises((KeyError, ValueError, TypeError)):
        read(broken)
