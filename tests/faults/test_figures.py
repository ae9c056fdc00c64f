"""The table tells what holds and what does not, and finds its place on a page that others write to."""

import pytest
from bench.faults import page
from bench.faults.catalogue import ALL
from bench.faults.figure import at_least, at_most, none_of, unmeasured
from bench.faults.latency import p99, slower, times
from bench.faults.outage import Attempt, back_after, out_after, share


def report(p99_s):
    return {"latency": {"p99": p99_s}}


@pytest.mark.parametrize(
    ("figure", "target", "measured", "holds"),
    [
        (at_most("x", 0.5, 1.0, "s"), "≤ 1 s", "0.5 s", True),
        (at_most("x", 1.001, 1.0, "s", 3), "≤ 1 s", "1.001 s", False),
        (at_most("x", None, 1.0, "s"), "≤ 1 s", "never", False),
        (at_least("x", 19_999, 20_000), "≥ 20,000", "19,999", False),
        (at_least("x", 20_000, 20_000), "≥ 20,000", "20,000", True),
        (none_of("x", []), "0", "0", True),
        (none_of("x", 0, 7), "0", "0 of 7", True),
        (none_of("x", ["a", "b", "c", "d"], 9), "0", "4 of 9: a; b; c", False),
        (unmeasured("x", "why"), "", "why", None),
    ],
)
def test_a_figure_says_whether_it_holds(figure, target, measured, holds):
    assert (figure.target, figure.measured, figure.holds) == (target, measured, holds)


def test_latency_is_the_median_of_rounds_and_what_no_timer_tells_is_no_growth():
    assert p99([report(0.001), report(0.5), report(0.002)]) == 0.002
    assert times([report(0.001)], [report(0.0014)]) == 1.0
    assert times([report(0.010)], [report(0.020)]) == pytest.approx(2.0)
    assert p99([{"latency": None}]) == float("inf")
    assert slower("x", [report(0.010)], [report(0.020)], 1.1).holds is False
    assert slower("x", [report(0.010)], [report(0.005)], 1.1).holds is True


def attempts(*times, backend="sick", is_ok=True):
    return [Attempt(at, backend, is_ok) for at in times]


def test_a_backend_is_out_from_its_last_attempt_before_a_pause():
    traffic = attempts(10.0, 10.1, 10.4, 10.8, 15.0, 15.1)
    assert out_after(traffic, "sick", 10.0, 20.0) == pytest.approx(0.8)
    assert out_after(traffic, "sick", 10.0, 11.0) is None  # asked up to the end
    assert out_after([], "sick", 10.0, 20.0) == 0.0
    assert out_after(attempts(10.0, 10.1, backend="well"), "sick", 10.0, 20.0) == 0.0


def test_a_backend_is_back_from_the_first_of_some_good_attempts_in_a_row():
    probe, row = attempts(21.0), attempts(25.0, 25.2, 25.4, 25.6, 25.8)
    assert back_after(probe + row, "sick", 20.0) == pytest.approx(5.0)
    assert back_after(probe, "sick", 20.0) is None
    assert back_after(attempts(21.0, 21.1, 21.2, 21.3, 21.4, is_ok=False), "sick", 20.0) is None


def test_a_share_of_attempts():
    mixed = attempts(1.0) + attempts(1.5, 2.0, 2.5, backend="well") + attempts(99.0)
    assert share(mixed, "sick", 0.0, 10.0) == 0.25
    assert share([], "sick", 0.0, 10.0) == 0.0


RESULTS = {
    "T1": {
        "title": "one",
        "day": "2026-01-01",
        "seconds": 3.2,
        "quick": True,
        "figures": [none_of("a|b", []).document(), at_most("c", 2, 1).document()],
    },
    "T18": {"title": "two", "day": "d", "seconds": 1, "quick": False, "figures": [unmeasured("x", "no").document()]},
}


def test_the_summary_says_what_fell_short_and_what_was_left_out():
    assert [(row[1], row[3]) for row in page.summary(RESULTS).rows] == [("1 of 2", "NO"), ("0 of 1", "left out")]
    assert page.fails([RESULTS["T1"]]) and not page.fails([RESULTS["T18"]])
    assert "short" in page.table("T1", RESULTS["T1"]).title


def test_the_part_goes_to_the_end_and_then_stays_where_it_is():
    part = page.section(RESULTS, "python -m bench.faults")
    first = page.merged("# Results\n\ntext\n", part)
    assert first.startswith("# Results\n\ntext\n\n" + page.BEGIN)
    assert page.merged(first, part) == first
    assert (
        page.merged(first, f"{page.BEGIN}\nnew\n{page.END}\n")
        == f"# Results\n\ntext\n\n{page.BEGIN}\nnew\n{page.END}\n"
    )
    assert page.merged(f"a\n{page.BEGIN}\nold\n{page.END}\nz\n", f"{page.BEGIN}\nnew\n{page.END}\n").endswith("z\n")


def test_a_page_written_anew_keeps_the_part_and_one_without_has_none():
    part = page.section(RESULTS, "x")
    old = page.merged("# Results\n\nold\n", part)
    assert page.kept(old, "# Results\n\nnew\n") == page.merged("# Results\n\nnew\n", part)
    assert page.kept("# Results\n\nold\n", "new\n") == "new\n"
    assert page.kept("", "new\n") == "new\n"


def test_every_test_of_the_suite_has_a_title_and_something_to_run():
    assert list(ALL) == sorted(ALL, key=lambda name: int(name[1:]))
    for name, test in ALL.items():
        assert test.TITLE and callable(test.run), name
        assert test.__doc__.startswith(f"{name}:"), name
