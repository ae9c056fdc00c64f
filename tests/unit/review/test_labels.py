"""Label schemas and what they take."""

import pytest

from llmgateway.domain.review import MAX_CORRECTION, MAX_WORDS, BadReviewError, Question, Schema
from llmgateway.review import labels

TONE = Schema("tone", 3, (Question("tone", ("kind", "rude")), Question("true", ("yes", "no"))), takes_correction=False)


def test_a_schema_is_read_as_it_is_shown():
    assert labels.read_schema("tone", 3, labels.shown_schema(TONE)) == TONE
    for schema in labels.BUILT_IN.values():
        assert labels.read_schema(schema.name, schema.number, labels.shown_schema(schema)) == schema


@pytest.mark.parametrize(
    ("name", "document", "field"),
    [
        ("no name", labels.shown_schema(TONE), "name"),
        ("x", {}, "questions"),
        ("x", {"questions": []}, "questions"),
        ("x", {"questions": {f"q{n}": ["a", "b"] for n in range(9)}}, "questions"),
        ("x", {"questions": {"q": ["a"]}}, "questions"),
        ("x", {"questions": {"q": [str(n) for n in range(10)]}}, "questions"),
        ("x", {"questions": {"q": ["a", "a"]}}, "questions"),
        ("x", {"questions": {"q": ["a", 1]}}, "questions"),
        ("x", {"questions": {"q": ["a", "b" * 65]}}, "questions"),
        ("x", {"questions": {"q": ["a", "b\x1b"]}}, "questions"),
        ("x", {"questions": {"q q": ["a", "b"]}}, "questions"),
        ("x", {"questions": {"q": ["a", "b"]}, "takes_correction": 1}, "takes_correction"),
        ("x", {"questions": {"q": ["a", "b"]}, "more": 1}, None),
    ],
)
def test_what_is_no_schema_is_refused_with_its_field(name, document, field):
    with pytest.raises(BadReviewError) as refused:
        labels.read_schema(name, 1, document)
    assert refused.value.field == field


def test_labels_answer_every_question_with_an_option():
    given = {"labels": {"tone": "kind", "true": "no"}, "comment": "x" * MAX_WORDS}
    assert labels.read_labels(TONE, given) == (given["labels"], given["comment"], None)
    better = {"labels": {"quality": "bad"}, "correction": "x" * MAX_CORRECTION}
    assert labels.read_labels(labels.ANSWER, better)[2] == better["correction"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "labels"),
        ({"labels": "kind"}, "labels"),
        ({"labels": {"tone": "kind"}}, "labels"),
        ({"labels": {"tone": "kind", "true": "no", "more": "x"}}, "labels"),
        ({"labels": {"tone": "kind", "true": "perhaps"}}, "labels"),
        ({"labels": {"tone": "kind", "true": None}}, "labels"),
        ({"labels": {"tone": "kind", "true": ["no"]}}, "labels"),
        ({"labels": {"tone": "kind", "true": "no"}, "comment": " "}, "comment"),
        ({"labels": {"tone": "kind", "true": "no"}, "comment": "x" * (MAX_WORDS + 1)}, "comment"),
        ({"labels": {"tone": "kind", "true": "no"}, "correction": "x"}, "correction"),
        ({"labels": {"tone": "kind", "true": "no"}, "score": 1}, None),
    ],
)
def test_what_is_no_review_is_refused_with_its_field(sent, field):
    with pytest.raises(BadReviewError) as refused:
        labels.read_labels(TONE, sent)
    assert refused.value.field == field
