"""The eight simulations that the tests of rollouts have to pass, and those of replays: seeded, 2,000 rollouts a figure.

Larger ones are run by `make simulate`; docs/ROLLOUTS.md has what they come to, and is held against these.
"""

import re
from pathlib import Path

import pytest
from bench.rollout import acceptance, figures, operating
from bench.rollout.acceptance import SIMULATIONS, Settings
from bench.rollout.engine import RIGHT

PAGE = figures.read((Path(__file__).parents[3] / "docs" / "ROLLOUTS.md").read_text())
SETTINGS = Settings(2_000)
NUMBER = re.compile(r"-?[\d,]*\.?\d+(?:e-?\d+)?")
PARTS = {
    "1, one weight": lambda settings: acceptance._constant(settings, RIGHT),
    "1, ramps": lambda settings: acceptance._ramps(settings, RIGHT),
    "1, heavy users": lambda settings: acceptance._stickies(settings, RIGHT),
    **{name: simulation for name, simulation in SIMULATIONS.items() if name != "1"},
}


def number(text):
    return float(NUMBER.search(text)[0].replace(",", ""))


@pytest.mark.parametrize("name", PARTS)
def test_simulation(name):
    found = PARTS[name](SETTINGS)
    assert [each for each in found if not each.holds] == []
    for each in found:
        assert each.name in PAGE, "run `make simulate ARGS=--write`"
        told = PAGE[each.name][1]
        if "exactly" in each.name or each.measured == "yes":
            assert told == each.measured
        elif each.measured.endswith("%"):
            assert number(told) == pytest.approx(number(each.measured), abs=1.5)
        elif "difference" not in each.name and "mean of E" not in each.name:
            assert number(told) == pytest.approx(number(each.measured), rel=0.12)


def test_the_limit_is_alpha_and_three_standard_errors():
    assert SETTINGS.limit == pytest.approx(6.5, abs=0.05)


def test_the_page_has_every_figure_in_order_and_they_hold():
    few = Settings(200)
    eight = [each for simulation in SIMULATIONS.values() for each in simulation(few)]
    others = [each for simulation in operating.SIMULATIONS.values() for each in simulation(few)]
    assert [each.name for each in (*eight, *others)] == list(PAGE)
    for each in others:
        assert each.holds is not False
        slack = {"abs": 8} if "%" in each.measured else {"rel": 0.35, "abs": 3}
        assert number(PAGE[each.name][1]) == pytest.approx(number(each.measured), **slack), each.name
