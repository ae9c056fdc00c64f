"""Agreement against published examples, and the corrected rate against its formula."""

import random
from statistics import fmean, pstdev

import pytest

from llmgateway.rollout.agreement import cohen_kappa, krippendorff_alpha
from llmgateway.rollout.corrected import Rate, corrected, corrected_of

_ = None
# Krippendorff's example of three coders and fifteen units, some of them not coded
CODERS = [
    (_, _, _, _, _, 3, 4, 1, 2, 1, 1, 3, 3, _, 3),
    (1, _, 2, 1, 3, 3, 4, 3, _, _, _, _, _, _, _),
    (_, _, 2, 1, 3, 4, 4, _, 2, 1, 1, 3, 3, _, 4),
]


def test_kappa_of_the_usual_example():
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen_kappa(pairs) == pytest.approx(0.4)


def test_kappa_at_its_ends():
    assert cohen_kappa([(1, 1), (2, 2)]) == 1
    assert cohen_kappa([(1, 2), (2, 1)]) == -1
    assert cohen_kappa([]) is None
    assert cohen_kappa([(1, 1), (1, 1)]) is None, "agreement that chance explains says nothing"


def test_alpha_of_the_published_example():
    assert krippendorff_alpha(zip(*CODERS, strict=True)) == pytest.approx(0.691, abs=5e-4)


def test_alpha_at_its_ends():
    assert krippendorff_alpha([(1, 1), (2, 2, 2)]) == 1
    assert krippendorff_alpha([(1, None), (None, None), ()]) is None
    assert krippendorff_alpha([(1, 1), (1, 1)]) is None


def test_chance_is_worth_nothing():
    rng = random.Random(1)
    pairs = [(rng.randrange(3), rng.randrange(3)) for _ in range(20_000)]
    assert cohen_kappa(pairs) == pytest.approx(0, abs=0.02)
    assert krippendorff_alpha(pairs) == pytest.approx(0, abs=0.02)


def test_the_corrected_rate_by_hand():
    rate = corrected([1, 0, 0, 0], [(1, 0), (0, 0), (1, 1), (0, 0)])
    assert rate.rate == pytest.approx(0.25 - 0.25)
    assert rate.error == pytest.approx((0.25 / 4 + 0.25 / 4) ** 0.5)


def test_a_biased_judge_is_put_right():
    rng = random.Random(8)

    def said():
        truth = rng.random() < 0.1
        return (float(truth or rng.random() < 0.1), float(truth))

    rates = [corrected([said()[0] for _ in range(1_000)], [said() for _ in range(150)]) for _ in range(200)]
    assert fmean(each.rate for each in rates) == pytest.approx(0.1, abs=0.01)
    assert pstdev(each.rate for each in rates) == pytest.approx(fmean(each.error for each in rates), rel=0.15)
    covered = sum(low <= 0.1 <= high for low, high in (each.interval() for each in rates))
    assert covered / 200 >= 0.9


def test_intervals_stay_rates():
    assert Rate(0.01, 0.1).interval() == (0.0, pytest.approx(0.206, abs=1e-3))
    assert Rate(0.99, 0.1).interval()[1] == 1.0


@pytest.mark.parametrize(("judged", "both"), [([1], [(1, 1)] * 2), ([1, 1], [(1, 1)])])
def test_too_few_items_are_refused(judged, both):
    with pytest.raises(ValueError):
        corrected(judged, both)


def test_what_only_the_judge_has_seen_is_corrected_by_what_people_have_seen_too():
    said = [(True, None)] + [(False, None)] * 3 + [(True, False), (False, False), (True, True), (False, False)]
    found = corrected_of([*said, (None, True), (None, None), (None, None)])
    assert (found.judged, found.labelled) == (4, 4)
    assert found.rate == corrected([1, 0, 0, 0], [(1, 0), (0, 0), (1, 1), (0, 0)])


def test_what_a_person_says_that_is_nothing_of_the_kind_is_no_label():
    assert corrected_of([(True, None)] * 2 + [(True, True)]) is None
    assert corrected_of([(True, True)] * 9) is None
    assert corrected_of([]) is None


def test_a_rate_is_told_as_a_share():
    assert [Rate(each, 0.1).share for each in (-0.2, 0.4, 1.3)] == [0.0, 0.4, 1.0]
