"""Which parts of texts somebody is asked about: bounded, the newest first, long texts from both ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.wire.extracts import Extract, extracts

EVERY = ("system", "user", "assistant", "tool", "other")
TEXTS = st.lists(st.tuples(st.text(max_size=60), st.sampled_from(EVERY)), max_size=12)


def taken(texts, sources=EVERY, size=10, most=4, overlap=0):
    return [(each.piece, each.text) for each in extracts(texts, sources, size=size, most=most, overlap=overlap)]


def test_short_texts_are_taken_whole_in_their_order():
    assert taken([("one", "user"), ("two", "assistant"), ("three", "tool")]) == [(0, "one"), (1, "two"), (2, "three")]
    assert taken([]) == []


def test_only_texts_of_the_sources_that_say_something():
    texts = [("one", "system"), ("two", "user"), (" \n", "user"), ("", "user"), ("three", "other")]
    assert taken(texts, sources=("user", "other")) == [(1, "two"), (4, "three")]
    assert taken(texts, sources=("tool",)) == []


def test_of_a_reply_every_text_counts():
    assert taken([("one", "assistant"), ("two", "assistant")], sources=("user",)) == [(0, "one"), (1, "two")]
    assert taken([("one", "assistant"), ("two", "user")], sources=("user",)) == [(1, "two")]


def test_of_too_many_the_newest_are_taken_and_what_was_said_before_what_else_there_is():
    texts = [(str(at), "user") for at in range(4)] + [("tool's word", "other"), ("x", "system")]
    assert taken(texts, most=3) == [(1, "1"), (2, "2"), (3, "3")]
    assert taken(texts, most=5) == [(0, "0"), (1, "1"), (2, "2"), (3, "3"), (5, "x")]


def test_a_long_text_is_taken_from_both_ends():
    text = "".join(chr(ord("a") + at // 10) * 1 for at in range(100))
    assert taken([(text, "user")], most=1) == [(0, text[:10])]
    assert taken([(text, "user")], most=2) == [(0, text[:10]), (0, text[-10:])]
    assert taken([(text, "user")], most=3) == [(0, text[:10]), (0, text[10:20]), (0, text[-10:])]
    assert "".join(part for _, part in taken([(text, "user")], most=10)) == text


def test_every_text_gets_its_first_window_before_any_gets_its_second():
    texts = [("a question", "user"), ("x" * 100, "user")]
    assert [index for index, _ in taken(texts, most=4)] == [0, 1, 1, 1]


def test_there_is_room_for_so_many_characters():
    texts = [("x" * 5, "user"), ("one", "user"), ("y" * 30, "user"), ("two", "user")]
    found = extracts(texts, EVERY, size=10, most=9, room=16)
    assert [(each.piece, each.text) for each in found] == [(1, "one"), (2, "y" * 10), (3, "two")]
    assert sum(len(each.text) for each in extracts(texts, EVERY, size=10, most=9, room=31)) == 31


def test_windows_overlap():
    text = "0123456789abcdefghij"
    assert extracts([(text, "user")], EVERY, size=10, most=9, overlap=2) == [
        Extract(0, 0, "0123456789"),
        Extract(0, 8, "89abcdefgh"),
        Extract(0, 10, "abcdefghij"),
    ]


def test_half_of_a_surrogate_pair_becomes_one_other_character():
    (found,) = extracts([("a\ud800b😀", "user")], EVERY, size=10, most=1)
    assert found.text == "a?b😀"
    assert found.end == 4


@given(TEXTS, st.integers(2, 12), st.integers(1, 6), st.integers(0, 1))
def test_whatever_the_texts_it_is_bounded_and_a_part_of_them(texts, size, most, overlap):
    found = extracts(texts, EVERY, size=size, most=most, overlap=overlap)
    assert len(found) <= most
    assert found == sorted(set(found)) == extracts(texts, EVERY, size=size, most=most, overlap=overlap)
    for each in found:
        assert 0 < len(each.text) <= size
        assert texts[each.piece][0][each.start : each.end] == each.text


@given(st.text(min_size=1, max_size=300).filter(str.strip), st.integers(2, 12), st.integers(0, 1))
def test_with_room_enough_nothing_is_left_out(text, size, overlap):
    found = extracts([(text, "user")], EVERY, size=size, most=1000, overlap=overlap)
    covered = {at for each in found for at in range(each.start, each.end)}
    assert covered == set(range(len(text)))


@pytest.mark.parametrize("texts", [[("x", "user")] * 200_000, [("x" * 8_000_000, "user")] * 40])
def test_very_many_and_very_long_texts_take_no_time(texts):
    assert len(extracts(texts, EVERY, size=2_000, most=32, overlap=200)) == 32
