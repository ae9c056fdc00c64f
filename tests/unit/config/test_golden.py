"""Golden questions in the configuration: when rounds are due, by the clocks on the walls."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from llmgateway.config.golden import DAY_S, Golden
from llmgateway.config.loader import Examined

NIGHTLY = Golden("golden", at=3 * 60, zone="Europe/Berlin")
MORE = """
[routes.night]
[routes.night.versions.v1]
backends = ["one"]
[routes.night.golden]
dataset = "golden"
api_key = "x"
"""


def unix(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_without_a_time_of_the_day_it_is_an_interval() -> None:
    assert Golden("golden", every_s=60.0).next_round(1_000.0) == 1_060.0


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        ("2026-11-28T03:00:04", "2026-11-29T03:00"),
        ("2026-11-28T03:40", "2026-11-29T03:00"),
        ("2026-11-28T14:00", "2026-11-29T03:00"),
        ("2026-11-29T01:59", "2026-11-29T03:00"),
        ("2026-11-29T02:30", "2026-11-30T03:00"),  # somebody has just had it asked
        ("2026-03-28T03:00", "2026-03-29T03:00"),  # 23 hours later: the clocks go forward
        ("2026-10-24T03:00", "2026-10-25T03:00"),  # 25 hours later
        ("2026-12-31T03:00", "2027-01-01T03:00"),
    ],
)
def test_each_night_at_the_same_time_by_the_clocks_on_the_wall(begun: str, due: str) -> None:
    assert NIGHTLY.next_round(unix(begun)) == unix(due)


def test_a_time_that_the_clocks_leave_out_comes_all_the_same() -> None:
    golden = Golden("golden", at=2 * 60 + 30, zone="Europe/Berlin")
    due = golden.next_round(unix("2026-03-28T02:30"))
    assert unix("2026-03-29T01:30") <= due <= unix("2026-03-29T04:00")
    assert golden.next_round(due) == unix("2026-03-30T02:30")


def test_each_week() -> None:
    golden = Golden("golden", every_s=7 * DAY_S, at=180, zone="Asia/Tokyo")
    assert golden.next_round(unix("2026-11-28T03:00:07", "Asia/Tokyo")) == unix("2026-12-05T03:00", "Asia/Tokyo")


def test_no_day_is_begun_before_it_is_over() -> None:
    golden = Golden("golden", every_s=1.5 * DAY_S, at=180, zone="Asia/Tokyo")
    assert golden.next_round(unix("2026-11-28T03:00:07", "Asia/Tokyo")) == unix("2026-11-30T03:00", "Asia/Tokyo")


def test_a_time_and_its_zone_are_read(accept: Callable[..., Examined]) -> None:
    golden = accept(more=MORE + 'at = "03:30"\nzone = "Asia/Tokyo"\n').snapshot.routes["night"].golden
    assert golden is not None
    assert (golden.at, golden.zone, golden.every_s) == (210, "Asia/Tokyo", DAY_S)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('at = "3 am"', 'must be a time of the day in quotes, like "09:00"'),
        ('at = "24:00"', "before 24:00"),
        ('at = "03:00"\nevery = "6h"', "every must be a day or longer"),
        ('at = "03:00"\nzone = "Asia/Tokio"', "Asia/Tokyo"),
        ('zone = "Asia/Tokyo"', "at is missing"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    refuse: Callable[..., list[str]], lines: str, reason: str
) -> None:
    (problem,) = refuse(more=f"{MORE}{lines}\n")
    assert reason in problem
