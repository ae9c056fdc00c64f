"""The texts inside of JSON: what they say, and where each character of them is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.guarding.segments import Segmented

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def inside(text):
    return Segmented(text).joined.split("\x1f")


@pytest.mark.parametrize("text", ["", "plain", '"a string"', "{ no JSON }", "12345", "[1, 2", '{"a": "\\q"}'])
def test_a_text_that_is_no_object_or_list_is_the_only_one(text):
    assert Segmented(text).joined == text
    assert Segmented(text).written(0, len(text)) == (0, len(text), "")


def test_strings_and_what_stands_between_them_are_texts_of_their_own():
    text = '{"a": "b", "n": 4111, "": [true, "c"]}'
    assert inside(text) == ["a", "b", "n", ": 4111, ", ": [true, ", "c", text]


@pytest.mark.parametrize(
    ("raw", "said", "written"),
    [
        (r"a\nb", "a\nb", [0, 1, 3, 4]),
        (r"\u0041bc", "Abc", [0, 6, 7, 8]),
        (r"\ud83d\ude00x", "😀x", [0, 12, 13]),
        (r"\"\\\"", '"\\"', [0, 2, 4, 6]),
        (r"日本\t語", "日本\t語", [0, 1, 2, 4, 5]),
    ],
)
def test_each_character_is_found_where_it_is_written(raw, said, written):
    found = Segmented(f'["{raw}"]')
    assert found.segments[0].text == said
    assert [found.written(at, at)[0] - 2 for at in range(len(said) + 1)] == written


def test_json_inside_of_strings_is_looked_into_too():
    text = json.dumps(["é", {"a": json.dumps({"b": json.dumps({"c": "x\ny"}), "n": 7})}])
    found = Segmented(text)
    start = found.joined.index("x\ny")
    at, end, _ = found.written(start, start + 3)
    assert (text[at], text[end - 1]) == ("x", "y")
    start = found.joined.index("7")
    at, end, quote = found.written(start, start + 1)
    assert (text[at:end], quote) == ("7", '\\"')


@given(VALUES)
def test_what_is_written_where_a_text_stands_says_that_text(value):
    text = json.dumps([value], ensure_ascii=False)
    if not text.isprintable() and not all(ord(each) >= 32 for each in text):
        return
    found = Segmented(text)
    at = 0
    for segment in found.segments:
        start, end, quote = found.written(at, at + len(segment.text))
        written = text[start:end]
        if not quote and segment.outer is None and not segment.is_document:
            assert json.loads(f'"{written}"') == segment.text
        at += len(segment.text) + 1
