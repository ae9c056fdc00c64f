"""The ladder of trust: nothing without enough people who agree."""

import pytest

from llmgateway.rollout.trust import Standing, Trust, alike, standing, trust


@pytest.mark.parametrize(
    ("labels", "kappa", "rung"),
    [
        (0, None, Trust.ADVISORY),
        (99, 1.0, Trust.ADVISORY),
        (100, None, Trust.ADVISORY),
        (100, 0.59, Trust.ADVISORY),
        (100, 0.6, Trust.MAY_PAUSE),
        (5_000, 0.74, Trust.MAY_PAUSE),
        (100, 0.75, Trust.MAY_ROLL_BACK),
        (100, -1.0, Trust.ADVISORY),
    ],
)
def test_each_rung_has_its_numbers(labels, kappa, rung):
    assert trust(labels, kappa) is rung


def test_a_judge_stands_by_what_it_and_people_say():
    assert standing([]) == Standing(0, None)
    assert standing([(True, True), (False, False)] * 50) == Standing(100, 1.0)
    assert standing([(True, True), (False, False)] * 50).rung is Trust.MAY_ROLL_BACK


def test_reviewers_say_yes_and_no_where_a_judge_says_true_and_false():
    assert alike([(True, "yes"), (False, "no"), (True, "unclear")]) == [(True, True), (False, False), (True, "unclear")]
    assert alike([("yes", "yes"), ("good", "no"), (1.0, 1.0)]) == [("yes", "yes"), ("good", "no"), (1.0, 1.0)]
    assert standing([(True, "yes"), (False, "no")] * 50).kappa == 1.0
