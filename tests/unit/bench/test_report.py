"""Tables and verdicts from figures, as the sections give them."""

import pytest
from bench import report, results
from bench.spread import TIMES, TO
from bench.table import Table
from bench.verdict import ratio, verdicts
from rich.console import Console


def round_of(us, p50=0.001, **more):
    latency = {"p50": p50, "p90": p50, "p99": 2 * p50, "max": 3 * p50}
    return {"us": us, "latency": latency, "first": latency, "errors": 0, "done": 10, "seconds": 1.0, **more}


def unary(ours, nginx=40.0):
    contenders = {
        "direct": [round_of(0.0, 0.0001)],
        "nginx": [round_of(nginx - 1), round_of(nginx), round_of(nginx + 5)],
        "llmgateway": [round_of(ours, split={"workers": ours - 1, "control": 1.0})],
        "Portkey": [{"failed": "it fell over"}],
    }
    return {"unary": {"rate": 800.0, "slow_rate": 20.0, "contenders": contenders}}


RUN = {
    "command": "python -m bench",
    "day": "2026-01-01",
    "machine": {
        "processor": "A",
        "cores": 2,
        "memory_gib": 1.0,
        "kernel": "6",
        "python": "3",
        "packages": {"uvloop": "1"},
        "busy_before": 0.02,
    },
    "contenders": {"nginx": "1.22"},
    "skipped": {"LiteLLM": "LiteLLM is not installed"},
    "figures": unary(240.0),
}


@pytest.mark.parametrize(("ours", "holds"), [(200.0, True), (240.0, False)])
def test_a_promise_holds_or_does_not_by_the_medians(ours, holds):
    (verdict,) = verdicts(unary(ours))
    assert verdict.holds is holds
    assert verdict.measured == f"{ours / 40:.1f} {TIMES}"


def test_without_nginx_there_is_no_ratio_and_no_verdict():
    figures = unary(200.0)
    del figures["unary"]["contenders"]["nginx"]
    assert ratio(figures["unary"]["contenders"]) is None
    assert verdicts(figures) == []


def test_a_row_has_the_ratio_first_and_the_added_latency_over_direct():
    table = report.tables(unary(200.0))[1]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["llmgateway"][:2] == ("5.0", "200.0")
    assert rows["llmgateway"][4:6] == ("0.90", "1.80")
    assert rows["nginx"][1] == f"40.0 (39.0{TO}45.0)"
    assert rows["direct"][:2] == (TO, TO)


def test_a_contender_that_fell_over_says_so_and_has_no_figures():
    table = report.tables(unary(200.0))[1]
    (row,) = [row for row in table.rows if row[0] == "Portkey"]
    assert row[-1] == "it fell over"
    assert set(row[1:-1]) == {TO}


def test_a_section_that_failed_is_in_the_report():
    figures = {"memory": {"unmeasured": "no readers"}}
    assert report.tables(figures)[1].rows == [("could not be measured", "no readers")]
    assert verdicts(figures) == []


@pytest.mark.parametrize(("problems", "holds"), [([], True), (["an exchange is missing"], False)])
def test_the_crash_tests_report_is_judged_by_its_problems(problems, holds):
    kind = {"count": 2, "connections": 9, "failures": 8, "recovery_median_s": 0.5, "recovery_worst_s": 1.0}
    section = {"requests": 50, "acknowledged": 40, "failed": 10, "problems": problems, "kills": {"control": kind}}
    (verdict,) = verdicts({"kill": section})
    assert verdict.holds is holds
    assert report.tables({"kill": section})[1].rows == [("control", "2", "9", "8", "0.50", "1.00")]


def test_the_page_has_the_promises_first_and_names_what_fell_short_and_who_was_left_out():
    page = results.markdown(RUN)
    assert page.index("What was promised") < page.index("## How") < page.index("## A request")
    assert f"6.0 {TIMES}, where ≤ 5 {TIMES}" in page
    assert "Left out: LiteLLM is not installed." in page


def test_the_page_says_so_when_nothing_fell_short():
    assert "Nothing fell short" in results.markdown({**RUN, "figures": unary(100.0)})


def test_a_table_is_written_as_markdown_and_shown():
    table = Table("Title", ("", "a | b"), [("row", "1")], ("a note",))
    assert table.markdown() == "## Title\n\n|  | a \\| b |\n| --- | ---: |\n| row | 1 |\n\na note\n"
    console = Console(record=True, width=60)
    table.show(console)
    assert "a note" in console.export_text()


def test_a_row_with_too_few_cells_is_refused():
    with pytest.raises(ValueError, match="cells"):
        Table("Title", ("", "a"), [("row",)])
