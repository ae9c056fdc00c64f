"""Which form a request asks its answer to have, in every API's words, and where an answer stands in a reply."""

import pytest

from llmgateway.wire.structured import ANY_OBJECT, is_answer, wanted

SCHEMA = {"type": "object", "required": ["name"]}

ANSWERS = [
    ("choices", 0, "message", "content"),
    ("choices", 1, "message", "content", 0, "text"),
    ("choices", 0, "text"),
]
ANSWERS += [("output", 2, "content", 0, "text"), ("content", 1, "text")]
OTHERS = [
    ("choices", 0, "message", "reasoning_content"), ("choices", 0, "message", "refusal"), ("content", 0, "thinking"),
    ("choices", 0, "message", "tool_calls", 0, "function", "arguments"), ("output", 0, "arguments"), ("id",),
    ("output", 0, "summary", 0, "text"), ("content", 0, "input", "text"), ("error", "message"), ("model",),
    ("output", 0, "content", 0, "refusal"), ("instructions",),
]  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}},
        {"text": {"format": {"type": "json_schema", "name": "p", "schema": SCHEMA}}},
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
    ],
)
def test_the_schema_is_found_in_every_form(document):
    assert wanted(document) == SCHEMA


@pytest.mark.parametrize(
    "form", [{"type": "json_object"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {"name": "p"}}]
)
def test_any_object_will_do_where_no_schema_is_given(form):
    assert wanted({"response_format": form}) == ANY_OBJECT
    assert wanted({"text": {"format": form}}) == ANY_OBJECT


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"response_format": {"type": "text"}},
        {"response_format": ["json_object"]},
        {"text": "json_object", "output_config": None, "output_format": 1},
    ],
)
def test_nothing_is_wanted_where_nothing_is_asked_for(document):
    assert wanted(document) is None


def test_answers_are_told_from_what_else_a_reply_says():
    assert all(map(is_answer, ANSWERS))
    assert not any(map(is_answer, OTHERS))
