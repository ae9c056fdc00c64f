"""How seldom drift watch cries wolf, and how soon it sees a change: seeded, and as docs/DRIFT.md has it."""

import math
import random
import re
from bisect import bisect
from itertools import accumulate
from pathlib import Path
from statistics import median

import pytest

from llmgateway.config.drift import Drift, DriftFeature
from llmgateway.controlplane.drift.bins import LENGTHS, of_length
from llmgateway.controlplane.drift.feature import ALPHA, Feature
from llmgateway.controlplane.drift.signal import Signal, Turn
from llmgateway.rollout.psi import drifted

PAGE = (Path(__file__).parents[4] / "docs" / "DRIFT.md").read_text(encoding="utf-8")
FIGURES = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE))
SETTINGS = Drift()
MISSED = 60_000
FINISHES = (0.93, 0.04, 0.02, 0.002, 0.004, 0.004)


def learnt(rate, rng):
    """A signal whose window had bad events by chance."""
    signal = Signal(bad=sum(rng.random() < rate for _ in range(SETTINGS.reference)))
    signal.freeze(SETTINGS.reference)
    return signal


def until(rate, usual, events, rng):
    """After how many events the share `rate` raised an alarm, where `usual` is; `events` if it never did."""
    signal, event = learnt(usual, rng), SETTINGS.reference
    while True:
        event += int(math.log(1 - rng.random()) / math.log1p(-rate)) + 1
        if event - SETTINGS.reference > events:
            return events
        if Turn.RAISED in signal.went_bad(event, "x"):
            return event - SETTINGS.reference


def lengths(events, middle, rng):
    counts = [0] * LENGTHS
    for _ in range(events):
        counts[of_length(int(rng.lognormvariate(math.log(middle), 0.9)))] += 1
    return counts


def ends(events, rng):
    counts, sums = [0] * len(FINISHES), list(accumulate(FINISHES))
    for _ in range(events):
        counts[min(bisect(sums, rng.random()), 5)] += 1
    return counts


class Stream:
    """The three distributions of one version."""

    def __init__(self, rng):
        self.rng = rng
        self.features = {name: Feature(counts) for name, counts in self.draw(SETTINGS.reference).items()}
        for name, feature in self.features.items():
            feature.freeze(is_ordered=name != DriftFeature.FINISH_REASON)

    def draw(self, events, prompts=400):
        return {
            DriftFeature.PROMPT_LENGTH: lengths(events, prompts, self.rng),
            DriftFeature.REPLY_LENGTH: lengths(events, 150, self.rng),
            DriftFeature.FINISH_REASON: ends(events, self.rng),
        }

    def compare(self, prompts=400):
        shifts = {}
        for name, counts in self.draw(SETTINGS.comparison, prompts).items():
            self.features[name].counts = counts
            shifts[name] = self.features[name].compared(SETTINGS.floor)
        return drifted(shifts, ALPHA, SETTINGS.floor), drifted(shifts, ALPHA, 0.0)


def test_a_steady_stream_hardly_ever_alarms():
    rng = random.Random(1)
    runs = [until(0.02, 0.02, MISSED, rng) for _ in range(150)]
    soon = sum(each <= 30_000 for each in runs) / len(runs)
    late = sum(each < MISSED for each in runs) / len(runs)
    assert soon <= 0.05
    assert late <= 0.08
    told = f"{soon:.1%} / {late:.1%}"
    assert FIGURES["2 % bad, nothing changes: streams with an alarm in 30,000 / 60,000 exchanges"] == told


@pytest.mark.parametrize(("rate", "at_most"), [(0.03, 60_000), (0.04, 5_000), (0.08, 400), (1.0, 20)])
def test_a_change_is_found(rate, at_most):
    rng = random.Random(2)
    found = sorted(until(min(rate, 1 - 1e-9), 0.02, MISSED, rng) for _ in range(101))
    assert median(found) <= at_most
    late = f"{found[90]:,}" if found[90] < MISSED else "more than 60,000"
    assert FIGURES[f"2 % → {100 * rate:.0f} %, found after: median (90 %)"] == (f"{median(found):,} ({late})")


def test_distributions_that_stay_hardly_ever_warn():
    streams = [Stream(random.Random(seed)) for seed in range(20)]
    found = [stream.compare() for stream in streams for _ in range(15)]
    with_floor, without = (sum(bool(each[at]) for each in found) for at in (0, 1))
    assert with_floor == 0
    assert without <= 3
    told = f"{with_floor} / {without} of {len(found)}"
    assert FIGURES["nothing changes: comparisons with a warning / … without the floor"] == told


@pytest.mark.parametrize(("factor", "least"), [(1.2, 0), (1.5, 18)])
def test_prompts_that_grow_are_found(factor, least):
    found = sum(
        DriftFeature.PROMPT_LENGTH in Stream(random.Random(seed)).compare(400 * factor)[0] for seed in range(20)
    )
    assert found >= least
    assert FIGURES[f"prompts {100 * factor - 100:.0f} % longer: found by the first comparison"] == f"{found} of 20"
