"""The ladder of trust: nothing without enough people who agree."""

import pytest

from llmgateway.rollout.trust import Trust, trust


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
