"""Pictures: within their frame whatever the figures, in proportion, and well formed."""

import re
from xml.etree import ElementTree

import pytest
from tests.support.reports import DAY, HOSTILE, START, failed, made, took, traffic

from llmgateway.drawing.intervals import Bar
from llmgateway.drawing.svg import WIDTH as NARROW
from llmgateway.report.charts import MAX_ROWS, Count, Group, counts, shares
from llmgateway.report.plots import COLOURS, OTHERS, WIDTH, Mark, Span, colours_of, overview, sparks, stacked, width_of
from llmgateway.report.say import Say
from llmgateway.report.service import service_of

PERIODS = made().periods
SAY = Say("en")


def drawn(svg, width=WIDTH):
    """The elements by name; nothing is outside the frame."""
    root = ElementTree.fromstring(svg)
    height = float(root.get("viewBox").split()[3])
    found = {}
    for each in root.iter():
        found.setdefault(each.tag, []).append(each)
        for x, extent in (("x", "width"), ("x1", None), ("x2", None), ("cx", None)):
            if each.get(x) is not None and each.tag != "svg":
                left = float(each.get(x))
                right = left + (float(each.get(extent, 0)) if extent else 0)
                assert -0.1 <= left <= right <= width + 0.1, ElementTree.tostring(each)
        for y in re.findall(r",([-\d.]+)", each.get("points", "")):
            assert -1 <= float(y) <= height
    return found


def boxes(found, colour):
    return [each for each in found["rect"] if each.get("fill") == colour and each.find("title") is not None]


def test_bars_are_as_tall_as_the_share_that_each_version_answered():
    service = service_of([traffic(75), traffic(25, served="v2", first_at=START + 9)], [], [], [])
    found = drawn(overview(service, PERIODS, [], [], SAY))
    (one,), (two,) = boxes(found, COLOURS[0]), boxes(found, COLOURS[1])
    assert float(one.get("height")) == pytest.approx(3 * float(two.get("height")))
    assert "v2: 25.0 % (25 / 100)" in two.find("title").text


def test_failures_and_nothing_else_are_drawn_as_failures():
    assert "none failed" in overview(service_of([traffic(9)], [], [], []), PERIODS, [], [], SAY)
    found = drawn(overview(service_of([traffic(9), failed(1)], [], [], []), PERIODS, [], [], SAY))
    (bar,) = boxes(found, "#b3261e")
    assert bar.find("title").text == "10.00 %"


def test_a_line_breaks_where_nobody_asked():
    last = PERIODS.count - 1
    asked = (0, 1, last - 1, last)
    service = service_of([traffic(1, at) for at in asked], [took(1, 1.0, at) for at in asked], [], [])
    drawn_lines = drawn(overview(service, PERIODS, [], [], SAY))["polyline"]
    assert len(drawn_lines) == 4, "two of each"


def test_the_names_of_two_lines_do_not_lie_on_each_other():
    service = service_of([traffic(9)], [took(9, 1.0)], [], [])
    words = {each.text: float(each.get("y")) for each in drawn(overview(service, PERIODS, [], [], SAY))["text"]}
    assert words["half within"] - words["95 of 100"] >= 12


@pytest.mark.parametrize("periods", [made().periods])
@pytest.mark.parametrize("groups", [[], [traffic(1)], [traffic(10**9, at) for at in range(3)]])
def test_nothing_is_outside_the_frame(periods, groups):
    service = service_of(groups, [took(1, 1e5)] if groups else [], [], [])
    spans = [
        Span(START - 99 * DAY, START + 99 * DAY, HOSTILE[:8], COLOURS[0]),
        Span(periods.end, periods.end, "late", COLOURS[1]),
    ]
    marks = [Mark(START + at * DAY, kind, "m") for at in (0, 1, 99) for kind in ("alarm", "change")]
    drawn(overview(service, periods, spans, marks, SAY))


@pytest.mark.parametrize("title", ["v1 → v2: waits for approval", "v1 → v2：承認待ち", "x" * 100])
@pytest.mark.parametrize(
    ("begun", "over"), [(0.0, 1.0), (0.0, 0.7), (0.9, 1.0), (0.5, 1.0), (1.0, 1.0), (0.0, 0.1), (0.4, 0.6)]
)
def test_the_name_of_a_bar_is_whole_and_lies_on_nothing(begun, over, title):
    service = service_of([traffic(1)], [], [], [])
    length = PERIODS.end - PERIODS.origin
    span = Span(PERIODS.origin + begun * length, PERIODS.origin + over * length, title, COLOURS[0])
    marks = [Mark(PERIODS.end - 1, "event", "m")]
    found = drawn(overview(service, PERIODS, [span], marks, SAY))
    (name,) = [each for each in found["text"] if each.text and each.text[:20] == title[:20]]
    (bar,) = [each for each in found["rect"] if any(one.text == title for one in each)]
    x, y, wide = float(name.get("x")), float(name.get("y")), width_of(name.text)
    left, right = (x - wide, x) if name.get("text-anchor") == "end" else (x, x + wide)
    assert left >= 0
    assert right <= WIDTH
    first, end = float(bar.get("x")), float(bar.get("x")) + float(bar.get("width"))
    is_below = y - float(bar.get("y")) > 20
    assert right <= first or left >= end or is_below
    (events,) = [each for each in found["text"] if each.text == "events"]
    assert float(events.get("y")) - y >= 12


def test_what_was_before_the_picture_begins_is_not_in_it():
    service = service_of([traffic(1)], [], [], [])
    before = overview(service, PERIODS, [], [Mark(PERIODS.origin - 1, "alarm", "long ago")], SAY)
    assert "long ago" not in before


def test_many_versions_share_the_last_colour():
    service = service_of([traffic(at + 1, served=f"v{at}", first_at=START - at) for at in range(8)], [], [], [])
    layers = stacked(service)
    assert [name for name, *_ in layers] == ["v7", "v6", "v5", "v4", "v3", "…"]
    assert layers[-1][1:] == (OTHERS, {0: 1 + 2 + 3})
    assert colours_of(service)["v7"] == COLOURS[0]


def test_shares_have_the_colours_of_their_versions():
    groups = [
        Group("users: helpful", [("v1", Bar(0.5, 0.4, 0.6)), ("v9", Bar(1.0, 0.9, 1.0))]),
        Group(HOSTILE[:30], [("v1", Bar(0, 0, 1))]),
    ]
    found = drawn(shares("shares", groups, {"v1": COLOURS[0]}), NARROW)
    strokes = [each.get("stroke") for each in found["circle"]]
    assert strokes == [COLOURS[0], OTHERS, COLOURS[0], COLOURS[0], OTHERS]
    assert drawn(shares("none", [], {}), NARROW)


def test_counts_are_filled_as_far_as_the_action_was_taken():
    found = drawn(counts("found", [Count("a", 30, 10), Count("b", 0, 20)], ("on", "off")), NARROW)
    wide = [float(each.get("width")) for each in found["rect"]]
    assert wide[0] == pytest.approx(3 * wide[1], abs=0.2)
    assert drawn(counts("none", [], ("on", "off")), NARROW)
    assert drawn(counts("many", [Count(HOSTILE[:20], 10**9, 10**9)] * MAX_ROWS, ("on", "off")), NARROW)


@pytest.mark.parametrize(("values", "line"), [([], ""), ([0, 0], "▁▁"), ([1, 2, 4], "▃▅█"), ([7], "█")])
def test_figures_as_characters(values, line):
    assert sparks(values) == line
