"""What is left out of judging, and where arguments and probabilities stand in a document."""

import json

import pytest

from llmgateway.domain.verdict import Stage
from llmgateway.guarding.unread import Unread, arguments, is_inside, without_probabilities
from llmgateway.wire.jsontexts import literals

BASE64 = "aGVsbG8gd29ybGQ_-" * 40


def unread(document, stage=Stage.REQUEST):
    body = json.dumps(document).encode()
    found = literals(body)
    return [each.text for at, each in enumerate(found) if Unread(stage).is_unread(body, found, at)]


def test_a_formats_own_words_are_unread_and_no_others():
    assert unread({"role": "user", "type": "text", "object": "list"}) == ["user", "text", "list"]
    assert unread({"role": "forbidden", "type": "AKIA0123456789", "user": "user", "kind": "text"}) == []


def test_whether_a_place_is_inside_of_spans():
    spans = [(2, 5), (5, 6), (9, 12)]
    assert [at for at in range(14) if is_inside(spans, at)] == [3, 4, 10, 11]
    assert not is_inside([], 3)


def test_ids_are_unread_in_replies_only():
    assert unread({"id": "call_1", "call_id": "a b"}, Stage.REPLY) == ["call_1"]
    assert unread({"id": "call_1"}) == []


@pytest.mark.parametrize(
    ("source", "is_unread"),
    [
        ({"type": "base64", "media_type": "image/png", "data": BASE64}, True),
        ({"type": "text", "media_type": "text/plain", "data": BASE64}, False),
        ({"data": BASE64, "more": 1, "media_type": "text/plain"}, False),
        ({"data": BASE64, "more": {"type": "text"}}, True),
        ({"data": BASE64 + " "}, False),
        ({"text": BASE64}, False),
        ({"result": BASE64}, True),
        ({"result": BASE64 + " call me"}, False),
        ({"partial_image_b64": BASE64}, True),
        ({"url": f"data:image/png;base64,{BASE64}"}, True),
        ({"url": f"data:text/plain;base64,{BASE64}"}, False),
        ({"url": f"data:image/png,{BASE64}"}, False),
    ],
)
def test_files_are_unread_unless_they_are_texts(source, is_unread):
    parts = [{"type": "text", "text": "a"}, {"type": "image", "source": source}, {"type": "text", "text": "b"}]
    assert any(len(each) > 512 for each in unread(parts)) is is_unread


@pytest.mark.parametrize(
    ("body", "objects"),
    [
        (b'{"input": {"a": [1, {"b": "}"}]}, "c": 1}', [b'{"a": [1, {"b": "}"}]}']),
        (b'[{"input":{}},{"arguments" :\n{"input":{"a":1}}}]', [b"{}", b'{"input":{"a":1}}']),
        (b'{"input": ["{"], "arguments": "{}", "a": {"in\\u0070ut": 1}}', []),
        (b'{"a": "\\"input\\": {", "input": null}', []),
    ],
)
def test_arguments_are_found_where_they_are_objects(body, objects):
    json.loads(body)
    assert [body[start:end] for start, end in arguments(body, literals(body))] == objects


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"logprobs": {"content": [{"token": "a}"}]}, "b": 1}', b'{"logprobs": null, "b": 1}'),
        (
            b'{"a": [{"logprobs":[{"token":"]"}]},{"logprobs":{"logprobs":{}}}]}',
            b'{"a": [{"logprobs":[]},{"logprobs":null}]}',
        ),
        (b'{"logprobs": null, "a": "logprobs"}', b'{"logprobs": null, "a": "logprobs"}'),
        (b'{"a": 1}', b'{"a": 1}'),
    ],
)
def test_probabilities_are_taken_out(body, left):
    assert without_probabilities(body) == left
