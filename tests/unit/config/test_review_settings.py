"""[review] as it is written and as it is meant."""

import pytest
from tests.support.admin import CONFIG, PROVIDERS

from llmgateway.config.loader import examine
from llmgateway.config.problems import ConfigError
from llmgateway.config.review import Review
from llmgateway.domain.review import Reason


def read(text):
    environ = {"TWO": "sk-two"}
    return examine(
        CONFIG + text, providers=PROVIDERS, generation=1, environ=environ, name="config.toml"
    ).snapshot.review


def test_settings_are_read_and_absent_ones_ask_for_nothing():
    assert read("") == Review()
    written = '[review]\nlease = "5m"\noverlap = 1.0\nmax_waiting = 7\nrandom = 0.25\nthumbs_down = 1.0\nper_hour = 9\n'
    review = read(written)
    assert review == Review(300.0, 1.0, 7, random=0.25, thumbs_down=1.0, per_hour=9)
    assert [review.rate(each) for each in (Reason.RANDOM, Reason.NEAR_THRESHOLD, Reason.THUMBS_DOWN)] == [
        0.25,
        0.0,
        1.0,
    ]


@pytest.mark.parametrize(
    "wrong",
    ['lease = "29s"', 'lease = "25h"', "overlap = 1.1", "overlap = -0.1", "max_waiting = 0", "random = 2.0",
     "per_hour = 0", "thumbs_down = true", "more = 1"],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused_with_its_line(wrong):
    with pytest.raises(ConfigError) as refused:
        read(f"[review]\n{wrong}\n")
    (problem,) = refused.value.problems
    assert problem.line == CONFIG.count("\n") + 2
    assert problem.path.startswith("review.")
