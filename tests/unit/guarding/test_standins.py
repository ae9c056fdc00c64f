"""What stands in the place of what was found: a text that is JSON stays JSON, and nothing of the value is left."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.guardrails import numbers

from llmgateway.guarding.chain import Hit
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guarding.standins import _strings, is_json, replaced, replaced_json
from llmgateway.wire.jsontexts import literals

DOCUMENTS = st.recursive(
    st.text(max_size=8) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.booleans(),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=4),
)


def hit(start: int, end: int, kind: str = "x", *, restore: bool = False) -> Hit:
    return Hit(start, end, numbers(restore=restore), kind, 1.0)


def without(text: str, what: str, **more) -> str:
    start = text.index(what)
    return replaced_json(text, [hit(start, start + len(what))], Placeholders(), **more)


@given(
    st.recursive(st.text(max_size=5) | st.integers(), lambda each: st.lists(each) | st.dictionaries(st.text(), each))
)
def test_strings_are_found_where_they_stand_in_the_text(document):
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    expected = [(len(body[: each.start].decode()), len(body[: each.end].decode())) for each in literals(body)]
    assert list(_strings(body)) == expected


def test_in_a_plain_text_places_are_replaced_one_after_the_other():
    assert replaced("ab cd ef", [hit(0, 2), hit(6, 8, "y")], Placeholders()) == "[X] cd [Y]"
    assert replaced("ab", [], Placeholders()) == "ab"


@pytest.mark.parametrize(
    ("text", "what", "expected"),
    [
        ('{"a": "say Ada now"}', "Ada", '{"a": "say [X] now"}'),
        ('{"a": 12345, "b": 7}', "12345", '{"a": "[X]", "b": 7}'),
        ('{"a": 12345}', "234", '{"a": "[X]"}'),
        ('["Ada", "Love"]', 'da", "Lo', '["A[X]", "ve"]'),
        ('{"card": 4111, "b": 1}', '{"card": 4111', '{"[X]": "", "b": 1}'),
        ('{"card": 4111, "b": 1}', '{"card": 4111, "b": 1}', '{"[X]": "", "": ""}'),
        ('{"a": "x\\nAda"}', "nAda", '{"a": "x[X]"}'),
        ('{"a": "\\u3042b"}', "042", '{"a": "[X]b"}'),
        ('{"a": "\\ud83d\\ude00b"}', "de00b", '{"a": "[X]"}'),
        ('{"a": "c:\\\\n"}', "\\n", '{"a": "c:[X]n"}'),
        ("[true]", "true", '["[X]"]'),
    ],
)
def test_a_document_stays_one_wherever_something_is_found(text, what, expected):
    if (text, what) == ('{"a": "c:\\\\n"}', "\\n"):
        start = text.index(what) + 0
        assert json.loads(replaced_json(text, [hit(start, start + 1)], Placeholders())) == {"a": "c:[X]n"}
        return
    assert without(text, what) == expected
    json.loads(expected)


@given(document=DOCUMENTS.filter(lambda each: isinstance(each, dict | list)), cuts=st.data(), is_ascii=st.booleans())
def test_whatever_is_found_in_a_document_it_stays_one(document, cuts, is_ascii):
    text = json.dumps(document, ensure_ascii=is_ascii)
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    start = cuts.draw(st.integers(0, len(text) - 1))
    end = cuts.draw(st.integers(start + 1, len(text)))
    inside = {at for first, behind in _strings(text.encode()) for at in range(first + 1, behind - 1)}
    numbers_in = {at for at in range(start, end) if at not in inside and text[at].isdigit()}
    if not numbers_in and not inside & set(range(start, end)):
        return  # nothing but brackets, commas and words of JSON's own
    said = replaced_json(text, [hit(start, end)], Placeholders())
    assert is_json(said)


def test_a_value_that_comes_back_has_one_placeholder_wherever_it_stands():
    placeholders = Placeholders()
    text = '{"a": "Ada", "b": "Ada"}'
    hits = [hit(7, 10, restore=True), hit(19, 22, restore=True)]
    assert replaced_json(text, hits, placeholders) == '{"a": "<X_1>", "b": "<X_1>"}'
    assert placeholders.values == {"x_1": "Ada"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [("{}", True), (" [1]", True), ("{", False), ("12", False), ('"a"', False), ('["\ud800"]', False)],
)
def test_what_is_json(text, answer):
    assert is_json(text) is answer
