"""Which scores a rule reads, and which of their values it calls bad."""

import pytest
from tests.support.exchanges import ExchangeFactory
from tests.support.scores import judgement, score

from llmgateway.domain.score import DataType, SourceKind
from llmgateway.domain.scorerule import ScoreRule

THUMBS = ScoreRule("helpful", SourceKind.USER, bad=(False,))
WORDS = ScoreRule("tone", SourceKind.HUMAN, bad=("rude", "cold"))


@pytest.fixture
def make():
    return ExchangeFactory()


def said(make, value, data_type):
    return score(make, "x", value=value, data_type=data_type)


@pytest.mark.parametrize(
    ("rule", "value", "data_type", "is_bad"),
    [
        (THUMBS, False, DataType.BOOL, True),
        (THUMBS, True, DataType.BOOL, False),
        (ScoreRule("error", SourceKind.CODE, bad=(True,)), True, DataType.BOOL, True),
        (WORDS, "rude", DataType.CATEGORY, True),
        (WORDS, "kind", DataType.CATEGORY, False),
        (ScoreRule("stars", SourceKind.USER, below=3), 2.0, DataType.NUMBER, True),
        (ScoreRule("stars", SourceKind.USER, below=3), 3.0, DataType.NUMBER, False),
        (ScoreRule("length", SourceKind.CODE, above=100), 101.0, DataType.NUMBER, True),
        (ScoreRule("length", SourceKind.CODE, below=1, above=100), 50.0, DataType.NUMBER, False),
        (ScoreRule("length", SourceKind.CODE, below=1, above=100), 0.0, DataType.NUMBER, True),
    ],
)
def test_what_is_bad(make, rule, value, data_type, is_bad):
    assert rule.is_bad(said(make, value, data_type)) is is_bad


@pytest.mark.parametrize(
    ("rule", "value", "data_type"),
    [
        (THUMBS, 0.0, DataType.NUMBER),
        (THUMBS, "False", DataType.CATEGORY),
        (THUMBS, None, DataType.BOOL),
        (WORDS, False, DataType.BOOL),
        (WORDS, "rude", DataType.TEXT),
        (ScoreRule("stars", SourceKind.USER, below=3), False, DataType.BOOL),
        (ScoreRule("stars", SourceKind.USER, below=3), "2", DataType.CATEGORY),
    ],
)
def test_a_value_of_another_kind_says_nothing(make, rule, value, data_type):
    assert rule.is_bad(said(make, value, data_type)) is None


def test_whose_scores_are_read(make):
    assert THUMBS.reads(score(make, "x"))
    assert not THUMBS.reads(score(make, "x", name="kind"))
    assert not THUMBS.reads(judgement(make, "x", name="helpful"))
    one = ScoreRule("relevance", SourceKind.JUDGE, "rubric-3", below=0.5)
    assert one.reads(judgement(make, "x"))
    assert not one.reads(judgement(make, "x", source_id="rubric-4"))
    assert ScoreRule(None, SourceKind.JUDGE, "rubric-3", below=0.5).reads(judgement(make, "x", name="anything"))


@pytest.mark.parametrize(
    ("rule", "value", "is_bad"),
    [
        (ScoreRule("a", SourceKind.JUDGE, bad=(False,)), False, True),
        (ScoreRule("a", SourceKind.JUDGE, bad=(False,)), True, False),
        (ScoreRule("a", SourceKind.JUDGE, bad=(False,)), "no", None),
        (ScoreRule("a", SourceKind.JUDGE, bad=(False,)), 0.0, None),
        (ScoreRule("a", SourceKind.JUDGE, bad=("bad", "worse")), "worse", True),
        (ScoreRule("a", SourceKind.JUDGE, bad=("bad",)), "mixed", False),
        (ScoreRule("a", SourceKind.JUDGE, below=0.4), 0.3, True),
        (ScoreRule("a", SourceKind.JUDGE, above=0.4), 0.3, False),
        (ScoreRule("a", SourceKind.JUDGE, below=0.4), True, None),
        (ScoreRule("a", SourceKind.JUDGE, below=0.4), "bad", None),
    ],
)
def test_of_a_value_alone_it_says_the_same(rule, value, is_bad):
    assert rule.finds_bad(value) is is_bad
