"""The tests of the suite by name, in order. A test is a module with TITLE and `async run(rig)`, which gives figures."""

from types import ModuleType
from typing import Final

from bench.faults import (
    t01_worker,
    t02_supervisor,
    t03_store,
    t05_disk,
    t06_reloads,
    t07_rolling,
    t08_readers,
    t09_idle,
    t12_sick,
    t13_leaving,
    t14_slow,
    t15_hostile,
    t18_clock,
    t19_all_fail,
    t20_splits,
    t21_soak,
    t22_storm,
    t23_log,
)

ALL: Final[dict[str, ModuleType]] = {
    "T1": t01_worker,
    "T2": t02_supervisor,
    "T3": t03_store,
    "T5": t05_disk,
    "T6": t06_reloads,
    "T7": t07_rolling,
    "T8": t08_readers,
    "T9": t09_idle,
    "T12": t12_sick,
    "T13": t13_leaving,
    "T14": t14_slow,
    "T15": t15_hostile,
    "T18": t18_clock,
    "T19": t19_all_fail,
    "T20": t20_splits,
    "T21": t21_soak,
    "T22": t22_storm,
    "T23": t23_log,
}
