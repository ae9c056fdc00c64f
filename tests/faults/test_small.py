"""Some tests of the long suite (`make faults`) in small, on real processes: that they still run, and what must hold.

Figures of time are left out: this machine may be busy. The suite itself says how long things take.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from bench.faults import t03_store, t05_disk, t06_reloads, t13_leaving
from bench.faults.stage import Rig

PART = 0.2  # of a quick run
TIMES = ("p99", "after", "median", "second")


@dataclass
class Small(Rig):
    """Everything shorter than --quick."""

    def pick(self, long: Any, quick: Any) -> Any:
        if isinstance(quick, tuple):
            return tuple(self.pick(each, each) for each in quick)
        return type(quick)(max(1, quick * PART)) if isinstance(quick, int) else quick * PART


@pytest.mark.timeout(60)
@pytest.mark.parametrize("test", [t03_store, t05_disk, t06_reloads, t13_leaving], ids=lambda t: t.__name__)
async def test_what_the_suite_promises_holds_in_small(tmp_path, test):
    figures = await test.run(Small(tmp_path, is_quick=True, seed=1))
    assert len(figures) >= 3
    missed = [each for each in figures if each.holds is False and not any(word in each.name for word in TIMES)]
    assert missed == []
