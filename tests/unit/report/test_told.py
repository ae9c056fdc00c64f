"""What is said of each section, and that nothing that was counted is told otherwise."""

from dataclasses import replace

import pytest
from tests.support.reports import (
    DAY,
    START,
    accepted,
    approval,
    concern,
    counted,
    empty_route,
    event,
    found,
    group,
    head,
    made,
    move,
    record,
    route_report,
    traffic,
)  # fmt: skip

from llmgateway.domain.event import EventSeverity
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.ports.report import Kept, Labelled
from llmgateway.report.blocks import Heading, Plot, Quote, Table, Text, Tiles
from llmgateway.report.findings import findings_of
from llmgateway.report.people import Some, changes_of, concerns_of
from llmgateway.report.quality import quality_of
from llmgateway.report.rollouts import MAX_MOVES, belongs, story_of
from llmgateway.report.say import LONGEST, Say, minute, percent, said, second, seconds
from llmgateway.report.service import service_of
from llmgateway.report.told import told


def texts(report, language="en"):
    return [each.text for each in told(report, language) if isinstance(each, Text)]


def rows(report, first, language="en"):
    """The rows of the table whose first column is called so."""
    tables = [each for each in told(report, language) if isinstance(each, Table) and each.columns[0] == first]
    assert len(tables) == 1, first
    return [list(row) for row in tables[0].rows]


def some_rows(report, column):
    return [
        row for each in told(report, "en") if isinstance(each, Table) and column in each.columns for row in each.rows
    ]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_table_is_whole_and_every_figure_is_in_place(language):
    for block in told(made(), language):
        if isinstance(block, Table):
            assert {len(row) for row in block.rows} <= {len(block.columns)}
            assert max(block.numbers | block.whole, default=0) < len(block.columns)


def test_the_first_figures_are_those_of_the_sections():
    (tiles,) = [each for each in told(made(), "en") if isinstance(each, Tiles)]
    figures = {each.title: (each.figure.replace("\u00a0", " "), each.below) for each in tiles.tiles}
    assert figures["requests"] == ("155", "152 answered in full")
    assert figures["findings of guardrails"] == ("6", "acted upon in 4 cases")
    assert figures["rollouts of new versions"] == ("1", "1 of them rolled back")
    assert figures["open concerns"] == ("1", "of 2 that stood in this time")


def test_a_source_that_said_nothing_is_named():
    assert any("No scores came from: programs, judging models, reviewers." in each for each in texts(made()))
    every = quality_of([group(source_kind=kind) for kind in SourceKind], [])
    assert not any("No scores came from" in each for each in texts(made(route_report(quality=every))))


def test_a_mean_is_no_share():
    numbers = quality_of([group(4, 10.0, data_type=DataType.NUMBER, squares=30.0, name="length")], [])
    (row,) = rows(made(route_report(quality=numbers)), "said by")
    assert row[3] == "mean 2.5"
    assert "%" not in row[4]
    words = quality_of([group(4, 0, data_type=DataType.TEXT, name="why")], [])
    (row,) = rows(made(route_report(quality=words)), "said by")
    assert (row[3], row[4], row[5]) == ("texts \u2013", "", "4")


def test_agreement_has_its_kappa_and_what_it_rests_on():
    cells = [
        Labelled("support", "grounded", "judge-2", *each)
        for each in (("1", "1", 40), ("0", "0", 30), ("1", "0", 20), ("0", "1", 10))
    ]
    (row,) = rows(made(route_report(quality=quality_of([], cells))), "judge")
    assert (row[0], row[2], row[4]) == ("judge-2", "100", "0.40")
    known = [each._replace(identity="0a1b") for each in cells]
    (row,) = rows(made(route_report(quality=quality_of([], known))), "judge")
    assert row[0] == "judge-2@0a1b"


def test_findings_are_told_with_what_followed():
    findings = findings_of([found(4), found(3, mode="observe")])
    (row,) = rows(made(route_report(findings=findings)), "guardrail")
    assert row[:6] == ["pii", "pii.email", "requests", "redacted", "4", "3"]
    assert row[6] == percent(7 / 155, 155)


def test_an_alarm_says_whether_it_lasts_and_who_took_it_back():
    lasting, over = some_rows(made(events=Some([])), "severity")[:2]
    assert lasting[1:2] + lasting[4:] == ["alarm", "lasts still"]
    assert lasting[0] == second(event().at), "several of one minute can be told apart"
    assert over[4] == f"over on {second(START + 9)} taken back by ann on {second(START + 8)}"
    info = route_report(events=Some([event(severity=EventSeverity.INFO)]))
    assert some_rows(made(info, events=Some([])), "severity")[0][4] == "\u2013"


def test_a_concern_says_what_became_of_it_by_whom_and_why():
    concerns = concerns_of(
        [accepted(closed_reason="as before"), concern(2), concern(3, owner=None, version=None)], START, START + DAY
    )
    whole, owned, closed = rows(made(route_report(concerns=concerns)), "raised")
    assert closed[5] == f"accepted by bob, {minute(START + 50)}: as before"
    assert owned[5] == "open; chris sees to it"
    assert whole[3:6:2] == ["the whole route", "open"]


def test_a_rollout_is_told_move_by_move_with_who_and_why():
    moves = [
        move(1, event="start", actor="ann", reason="a new prompt", to_state="canary", weight=0.1),
        move(2, event="signal", to_state="paused", pause="signal_metric", weight=0.1),
        move(3, event="promote", actor="bob", reason="it is better", to_state="promoting", weight=0.95),
    ]
    report = made(
        route_report(rollouts=[story_of(record(state="succeeded"), moves, [approval(by="eve")])]), events=Some([])
    )
    found_rows = some_rows(report, "candidate's share")
    assert [row[1:] for row in found_rows] == [
        ["started → in trial", "10 %", "ann", "a new prompt"],
        ["signal got worse → paused (a signal got worse)", "10 %", "the gateway", ""],
        ["promoted → being promoted", "95 %", "bob", "told below in full"],
    ]
    (quote,) = [each for each in told(report, "en") if isinstance(each, Quote)]
    assert quote.text == "it is better"
    assert "bob" in quote.by
    assert any(each.startswith("Approved by eve") for each in texts(report))


def test_a_rollout_is_told_with_what_it_was_judged_by_over_all_its_weights():
    counts = [
        counted(1),
        counted(2, stable_units=100, candidate_units=0, stable_bad=1, candidate_bad=0),
        counted(2, "!requests"),
        counted(2, ""),
    ]
    report = made(route_report(rollouts=[story_of(record(), [], [], counts)]))
    (row,) = rows(report, "judged by")
    assert [" ".join(each.split()) for each in row[:2]] == ["error", "10 / 1,000 = 1.00 % (0.54\u20131.83 %)"]
    assert row[2].startswith("5 / 100 = 5.0")
    nothing = made(route_report(rollouts=[story_of(record(), [], [], [counted(candidate_units=0, candidate_bad=0)])]))
    assert rows(nothing, "judged by")[0][2] == "0 / 0"


def test_a_rollout_belongs_to_every_time_it_was_under_way_in():
    ended = story_of(record(), [move(50)], [])
    assert belongs(ended, START + 50, START + 99)
    assert not belongs(ended, START + 51, START + 99)
    assert not belongs(ended, START - 9, START)
    assert belongs(story_of(record(filed=None), [move(50)], []), START + DAY, START + 2 * DAY)


def test_of_very_many_moves_the_last_are_told():
    story = story_of(record(), [move(number) for number in range(MAX_MOVES + 7)], [])
    assert (len(story.moves), story.moves_left_out) == (MAX_MOVES, 7)
    assert any("7 earlier moves" in each for each in texts(made(route_report(rollouts=[story]))))


def test_changes_are_told_with_who_made_them():
    changes = changes_of([head(2, reason="next holds up"), head(1, author="bob", refused="a worker would not")])
    report = made(changes=changes)
    assert any("1 changes came into force, by ann 1; 1 were taken back" in each for each in texts(report))
    assert [row[2:] for row in rows(report, "number")] == [
        ["ann", "next holds up", "was put in force"],
        ["bob", said(head().reason), "taken back: a worker would not"],
    ]


def test_what_is_gone_or_left_out_is_said():
    kept = Kept(START + DAY, 12_000, START + DAY + 60)
    all_of_it = " ".join(texts(made(kept=kept, homeless=3, routes_left_out=4)))
    for words in (
        f"The log begins on {minute(START + DAY)}.", "12,000 of the oldest requests have been deleted",
        f"texts from {minute(START + DAY + 60)} on", "3 requests named no route", "4 routes with less traffic",
        "7 further requests were tests",
    ):  # fmt: skip
        assert words in all_of_it, words
    assert "more different figures" in " ".join(texts(made(is_cut=True)))
    assert "has no texts" in " ".join(texts(made(kept=Kept(START, 0, None))))


def test_what_costs_nothing_known_is_no_price():
    services = [service_of([traffic(2), traffic(3, priced=0, cost_usd=0.0)], [], [], [])]
    assert "The price is known of 2 of 5 requests; these cost $1.00." in texts(made(route_report(service=services[0])))


def test_every_route_has_its_own_heading_where_there_are_several():
    report = made(route_report(), empty_route(route="chat"), route=None)
    headings = [each.text for each in told(report, "en") if isinstance(each, Heading) and each.level == 2]
    assert headings[:2] == ["Route support", "Route chat"]


def test_a_report_of_nothing_says_so():
    report = replace(made(), routes=[])
    assert any("has no requests from this time" in each for each in texts(report))


def test_the_picture_says_in_characters_what_it_can():
    picture = next(each for each in told(made(), "en") if isinstance(each, Plot))
    assert picture.lines[0].startswith("Requests: ")
    assert "█" in picture.lines[0]


@pytest.mark.parametrize(
    ("value", "of", "expected"),
    [(0.5, 10, "50.0"), (0.12345, 5_000, "12.35"), (0.123456, 500_000, "12.346"), (1.0, 3, "100.0")],
)
def test_a_share_has_as_many_digits_as_it_rests_on(value, of, expected):
    assert percent(value, of, "{}") == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.001, "1 ms"), (0.84, "840 ms"), (1.2, "1.2 s"), (13.0, "13 s"), (1_200.0, "1,200 s")]
)
def test_durations_in_the_unit_that_suits_them(value, expected):
    assert seconds(value).replace("\u00a0", " ") == expected


def test_what_somebody_wrote_is_cut_and_loses_credentials():
    assert said("a\n\tb\u2028c") == "a b c"
    assert said("x" * 9_999) == "x" * LONGEST + "…"
    assert "sk-abcdefghijk" not in said("my key is sk-abcdefghijk")
    assert said(None) == ""


def test_a_word_without_a_name_is_said_as_it_is():
    assert Say("ja").name("cause", "of_a_later_version") == "of_a_later_version"
