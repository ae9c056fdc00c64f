"""Periods: few, beginning where the log does, and at times that people know."""

from datetime import UTC, datetime

import pytest
from tests.support.reports import DAY, START

from llmgateway.ports.report import Kept
from llmgateway.report.wanted import MAX_PERIODS, WantedReport, periods_of, window_of


def wanted(seconds, route=None):
    return WantedReport(START, START + seconds, START + seconds, route)


@pytest.mark.parametrize("seconds", [1, 30, 120, 3_600, 7_200, DAY, 7 * DAY, 30 * DAY, 365 * DAY, 40 * 365 * DAY])
def test_there_are_never_too_many_and_they_hold_all_of_the_time(seconds):
    found = periods_of(wanted(seconds), Kept(START - 5, 0, None))
    assert 1 <= found.count <= MAX_PERIODS
    assert found.origin <= START < found.origin + found.length_s
    assert found.end >= START + seconds


def test_days_begin_at_midnight_here():
    found = periods_of(wanted(30 * DAY), Kept(START, 0, None))
    begin = datetime.fromtimestamp(found.origin, UTC).astimezone()
    assert (found.length_s, begin.hour, begin.minute) == (DAY, 0, 0)


def test_what_was_before_the_log_takes_no_room():
    found = periods_of(wanted(30 * DAY), Kept(START + 30 * DAY - 120, 0, None))
    assert found.length_s <= 5
    assert found.origin >= START + 30 * DAY - 125


@pytest.mark.parametrize("oldest", [None, START + 99 * DAY])
def test_an_empty_log_has_a_period_as_well(oldest):
    assert periods_of(wanted(DAY), Kept(oldest, 0, None)).count >= 1


def test_the_store_is_asked_for_the_same():
    asked = wanted(DAY, "chat")
    periods = periods_of(asked, Kept(START, 0, None))
    found = window_of(asked, periods)
    assert (found.since, found.until, found.route) == (START, START + DAY, "chat")
    assert (found.origin, found.period_s) == (periods.origin, periods.length_s)
