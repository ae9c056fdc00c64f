"""Scores by source, and how far judges say what people say."""

import pytest
from tests.support.reports import found, group

from llmgateway.domain.proportion import wilson
from llmgateway.domain.score import DataType, SourceKind
from llmgateway.ports.report import Labelled
from llmgateway.report.figures import Share
from llmgateway.report.findings import MAX_FINDINGS, Finding, findings_of
from llmgateway.report.quality import MAX_JUDGES, MAX_LINES, quality_of


def labelled(judge, person, answers, **changes):
    return Labelled("support", "grounded", "judge-2", judge, person, answers)._replace(**changes)


def test_scores_are_told_by_who_gave_them_people_first():
    told = quality_of(
        [
            group(source_kind=SourceKind.CODE, name="refusal", total=1),
            group(source_kind=SourceKind.JUDGE, name="grounded"),
            group(version="v2"),
            group(),
        ],
        [],
    )
    assert [(each.source_kind, each.version) for each in told.lines] == [
        ("user", "v1"), ("user", "v2"), ("judge", "v1"), ("code", "v1"),
    ]  # fmt: skip
    assert (told.lines[0].figure, told.lines[0].interval) == (0.75, wilson(15, 20))


def test_of_very_many_lines_the_best_founded_are_told():
    told = quality_of([group(at + 1, 1, name=f"n{at}") for at in range(MAX_LINES + 5)], [])
    assert len(told.lines) == MAX_LINES
    assert told.lines_left_out == 5
    assert min(each.of for each in told.lines) == 6


def test_categories_are_shares_of_what_was_said():
    lines = [group(count, 0, data_type=DataType.CATEGORY, category=name) for name, count in (("bad", 1), ("good", 3))]
    assert [(each.category, each.figure) for each in quality_of(lines, []).lines] == [("bad", 0.25), ("good", 0.75)]


def test_agreement_beyond_chance_as_worked_out_by_hand():
    (told,) = quality_of(
        [], [labelled("1", "1", 40), labelled("0", "0", 30), labelled("1", "0", 20), labelled("0", "1", 10)]
    ).agreements
    assert told.same == Share(70, 100)
    assert told.kappa == pytest.approx((0.7 - (0.6 * 0.5 + 0.4 * 0.5)) / 0.5)


def test_agreement_that_chance_explains_is_no_figure():
    (told,) = quality_of([], [labelled("1", "1", 9)]).agreements
    assert (told.same, told.kappa) == (Share(9, 9), None)


def test_each_judge_and_name_has_its_own_and_not_all_are_told():
    many = [labelled("1", "1", at + 1, source_id=f"j{at}") for at in range(MAX_JUDGES + 2)]
    told = quality_of([], [*many, labelled("1", "0", 99, name="kind", source_id="j0")]).agreements
    assert len(told) == MAX_JUDGES
    assert (told[0].name, told[0].judge, told[0].same.of) == ("kind", "j0", 99)


def test_a_judge_that_was_changed_has_agreement_of_its_own():
    told = quality_of([], [labelled("1", "1", 30, identity="a"), labelled("1", "0", 20, identity="b")]).agreements
    assert [(each.identity, each.same) for each in told] == [("a", Share(30, 30)), ("b", Share(0, 20))]


def test_findings_are_told_by_kind_and_action_with_and_without_effect():
    told = findings_of([found(4), found(3, mode="observe"), found(1, action="block"), found(9, guardrail="other")])
    assert told.lines == [
        Finding("other", "request", "pii.email", "redact", 9, 0, 18),
        Finding("pii", "request", "pii.email", "redact", 4, 3, 14),
        Finding("pii", "request", "pii.email", "block", 1, 0, 2),
    ]
    assert told.left_out == 0


def test_of_very_many_kinds_the_most_frequent_are_told():
    told = findings_of([found(at + 1, kind=f"k{at}") for at in range(MAX_FINDINGS + 4)])
    assert (len(told.lines), told.left_out, told.lines[-1].exchanges) == (MAX_FINDINGS, 4, 5)
