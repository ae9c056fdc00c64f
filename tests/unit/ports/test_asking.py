"""What is read from an answer: one JSON object, the text of a chat completion, and what stands in one fence."""

import json

import pytest

from llmgateway.ports.asking import OpinionError, document, reply_text, unfenced


def completion(content="Hi", finish_reason="stop"):
    return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": finish_reason}]}).encode()


@pytest.mark.parametrize("answer", [b"", b"Hi", b"[]", b"1", b'{"a": ', b"\xff"])
def test_what_is_no_object_is_no_opinion(answer):
    with pytest.raises(OpinionError):
        document(answer)


def test_an_object_is_read():
    assert document(b'{"verdict": "allow"}') == {"verdict": "allow"}


def test_the_text_of_a_completion_is_read():
    assert reply_text(completion()) == "Hi"
    assert reply_text(completion(finish_reason=None)) == "Hi"
    assert reply_text(completion(finish_reason={"odd": 1})) == "Hi"


@pytest.mark.parametrize(
    "answer",
    [
        completion(content=None),
        completion(content=[{"type": "text", "text": "Hi"}]),
        completion(finish_reason="length"),
        completion(finish_reason="content_filter"),
        b"{}",
        b'{"choices": []}',
        b'{"choices": ["Hi"]}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [{"message": "Hi"}]}',
    ],
)
def test_what_is_no_completion_with_a_text_is_no_opinion(answer):
    with pytest.raises(OpinionError):
        reply_text(answer)


@pytest.mark.parametrize(
    ("text", "inside"),
    [("{}", "{}"), ("", ""), ("```\n{}\n```", "{}\n"), ("```json\n{}```", "{}"), ("{} ```", "{} ```")],
)
def test_one_fence_is_taken_off(text, inside):
    assert unfenced(text) == inside


@pytest.mark.parametrize("text", ["```json\n{}", "```python\n{}\n```", "```json {}```", "```\n{}\n```\nSo.", "```"])
def test_any_other_fence_is_no_opinion(text):
    with pytest.raises(OpinionError):
        unfenced(text)
