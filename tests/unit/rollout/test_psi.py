"""PSI against hand-made figures; its threshold against tables of chi-squared and by simulation; Holm."""

import math
import random

import pytest

from llmgateway.rollout.psi import (
    Shift,
    chi_squared_above,
    chi_squared_quantile,
    drifted,
    holm,
    shift,
    threshold,
)


def drawn(n, bins, rng):
    counts = [0] * bins
    for _ in range(n):
        counts[int(rng.random() * bins)] += 1
    return counts


def test_it_is_the_symmetric_divergence():
    plain = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert shift([500_000, 500_000], [600_000, 400_000]).psi == pytest.approx(plain, rel=1e-4)
    assert shift([3, 4], [30, 40]).psi == pytest.approx(shift([30, 40], [3, 4]).psi)
    assert shift([7, 7, 7], [7, 7, 7]) == Shift(0.0, pytest.approx(1.0, abs=0.01))


def test_empty_bins_are_smoothed():
    one = shift([100, 0], [99, 1])
    assert one.psi == pytest.approx(
        (100.5 / 101 - 99.5 / 101) * math.log((100.5 / 101) / (99.5 / 101)) + (1 / 101) * math.log(3)
    )


@pytest.mark.parametrize(
    ("probability", "degrees", "value"),  # from printed tables
    [
        (0.95, 3, 7.815),
        (0.99, 3, 11.345),
        (0.95, 9, 16.919),
        (0.99, 9, 21.666),
        (0.99, 19, 36.191),
        (0.5, 9, 8.343),
        (0.99, 1, 6.635),
    ],
)
def test_chi_squared(probability, degrees, value):
    assert chi_squared_quantile(probability, degrees) == pytest.approx(value, rel=0.012)
    assert chi_squared_above(chi_squared_quantile(probability, degrees), degrees) == pytest.approx(1 - probability)


def test_the_calibrated_threshold_keeps_its_promise_where_the_habitual_one_does_not():
    rng = random.Random(9)
    found = [shift(drawn(200, 10, rng), drawn(200, 10, rng)) for _ in range(1_000)]
    limit = threshold(200, 200, 10)
    assert sum(each.psi > limit for each in found) / 1_000 <= 0.02
    assert sum(each.p < 0.01 for each in found) == sum(each.psi > limit for each in found)
    assert sum(each.psi > 0.1 for each in found) / 1_000 > 0.2


def test_holm_by_hand():
    # 0.01 <= 0.05/4, 0.013 <= 0.05/3, 0.03 > 0.05/2: the rest stays, however small
    assert holm({"a": 0.01, "b": 0.03, "c": 0.013, "d": 0.04}, 0.05) == {"a", "c"}
    assert holm({"a": 0.02, "b": 0.02, "c": 0.02}, 0.05) == set()
    assert holm({}, 0.05) == set()


def test_a_change_has_to_be_sure_and_large_enough():
    shifts = {"tiny": Shift(0.001, 1e-9), "moved": Shift(0.2, 1e-6), "noise": Shift(0.3, 0.2)}
    assert drifted(shifts) == ["moved"]


@pytest.mark.parametrize(
    ("before", "now"), [([1], [1]), ([1, 2], [1, 2, 3]), ([0, 0], [1, 1]), ([1, 1], [0, 0]), ([2, -1], [1, 1])]
)
def test_what_cannot_be_compared_is_refused(before, now):
    with pytest.raises(ValueError):
        shift(before, now)
