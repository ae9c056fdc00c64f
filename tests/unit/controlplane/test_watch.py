"""A journal that refuses is told once, again after a while, and once when that is over."""

import logging

import pytest

from llmgateway.controlplane.tally import Figures
from llmgateway.controlplane.watch import QUIET_S, REMIND_S, Watch


@pytest.fixture
def look(caplog):
    """Look at so many refusals at a time; returns what is logged then."""
    caplog.set_level(logging.INFO)
    watch = Watch()

    def look(refused, now):
        caplog.clear()
        watch.look(Figures({("journal", "refused"): refused}), now)
        return [(each.levelname, each.getMessage()) for each in caplog.records]

    return look


def test_what_was_refused_before_the_first_look_is_old(look):
    assert look(7, 0.0) == look(7, 1.0) == []


def test_the_beginning_is_told_once_with_advice(look):
    look(0, 0.0)
    ((level, sentence),) = look(3, 1.0)
    assert level == "ERROR"
    assert "503 log_store_full" in sentence
    assert "3 refused so far" in sentence
    assert look(9, 2.0) == []


def test_it_is_told_again_while_it_lasts(look):
    look(0, 0.0)
    look(3, 1.0)
    assert "9 refused so far" in look(9, 1.0 + REMIND_S)[0][1]


def test_the_end_is_told_once_and_counts_from_zero_again(look):
    look(0, 0.0)
    look(3, 1.0)
    assert look(3, 1.0 + QUIET_S / 2) == []
    assert look(3, 1.0 + QUIET_S) == [("INFO", "the journal takes new exchanges again; 3 were refused")]
    assert look(3, 2.0 + QUIET_S) == []
    assert "1 refused so far" in look(4, 3.0 + QUIET_S)[0][1]


def test_a_status_without_counters_is_no_trouble(caplog):
    watch = Watch()
    watch.look(Figures(), 0.0)
    watch.look(Figures(), 1.0)
    assert caplog.records == []
