"""A distribution: frozen in groups, compared, and compared with what chance would do."""

import pytest

from llmgateway.controlplane.drift.feature import LEAST, Feature
from llmgateway.wire.jsoncodec import decode, encode


def frozen(counts, *, is_ordered=True):
    feature = Feature(list(counts))
    feature.freeze(is_ordered=is_ordered)
    return feature


def fill(feature, counts):
    feature.counts = list(counts)
    return feature.compared(0.1)


def test_what_is_as_before_is_no_shift():
    feature = frozen([100] * 20)
    assert len(feature.before) == 10
    assert feature.counts == [0] * 20
    found = fill(feature, [51, 49] * 10)
    assert found.psi < 0.001
    assert found.p > 0.9
    assert feature.counts == [0] * 20


def test_what_moved_is_above_its_limit():
    feature = frozen([100] * 20)
    found = fill(feature, [80] * 10 + [20] * 10)
    assert found.psi > feature.limit >= 0.1
    assert found.p < 1e-6


def test_few_counts_have_a_higher_limit():
    feature = frozen([10] * 20)
    fill(feature, [6] * 20)
    assert feature.limit > 0.2


def test_the_ends_of_answers_are_compared_one_by_one_where_there_were_any():
    feature = frozen([1_900, 80, 0, 0, 0, 20], is_ordered=False)
    assert feature.before == [1_900, 80, 0, 0, 0, 20]
    assert fill(feature, [950, 40, 0, 0, 0, 10]).psi < 0.01
    assert fill(feature, [700, 40, 250, 0, 0, 10]).psi > 0.5


def test_one_value_alone_that_stays_is_no_shift_and_another_is():
    feature = frozen([0, 2_000, 0], is_ordered=False)
    assert fill(feature, [0, 1_000, 0]).psi == 0
    assert fill(feature, [0, 0, 1_000]).psi > 1


@pytest.mark.parametrize("counts", [[0, 0, 0], [LEAST - 1, 0, 0]])
def test_too_few_are_not_compared(counts):
    assert frozen(counts).ends is None
    assert fill(frozen(counts), [500, 500, 0]) is None
    feature = frozen([500, 500, 0])
    assert fill(feature, counts) is None
    assert feature.last is None


def test_it_is_the_same_after_a_restart():
    feature = frozen([100] * 20)
    fill(feature, [60, 40] * 10)
    feature.counts[3] = 7
    feature.warning = {"id": "x"}
    for each in (feature, Feature([1, 2, 3])):
        assert Feature.restored(decode(encode(each.state())), len(each.counts)) == each


def test_bins_of_another_make_are_refused():
    with pytest.raises(ValueError, match="bins"):
        Feature.restored(Feature([1, 2, 3]).state(), 4)
