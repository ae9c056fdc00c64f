"""Many words at once: what a text ends and goes on with."""

import random

import pytest

from llmgateway.guardrails.pii.given_names import is_given, may_begin
from llmgateway.guardrails.pii.wordset import WordSet

WORDS = WordSet(["様", "さん", "でございます", "先生"])


@pytest.mark.parametrize("text", ["佐藤様", "さん", "先生", "、でございます"])
def test_what_a_text_ends_with(text):
    assert WORDS.end(text)


@pytest.mark.parametrize("text", ["", "様子", "さ", "ん", "生", "ございます"])
def test_what_it_does_not_end_with(text):
    assert not WORDS.end(text)


def test_what_stands_at_a_place():
    assert WORDS.begin("佐藤さんが", 2)
    assert not WORDS.begin("佐藤さんが", 3)
    assert not WORDS.begin("佐藤さんが", 9)


@pytest.mark.parametrize("seed", range(20))
def test_it_says_what_trying_each_word_says(seed):
    dice = random.Random(seed)
    letters = "様さん先生でござい"
    words = {"".join(dice.choices(letters, k=dice.randint(1, 4))) for _ in range(8)}
    some = WordSet(words)
    for _ in range(200):
        text = "".join(dice.choices(letters, k=dice.randint(0, 6)))
        at = dice.randint(0, 6)
        assert some.end(text) == text.endswith(tuple(words))
        assert some.begin(text, at) == (at <= len(text) and text.startswith(tuple(words), at))


@pytest.mark.parametrize("name", ["太郎", "花子", "健", "聡太郎", "さくら", "くみ子", "ユミ", "陽一"])
def test_given_names(name):
    assert is_given(name)
    assert all(may_begin(name[:size]) for size in range(len(name)))


@pytest.mark.parametrize(
    "word", ["", "大学", "公園", "子供", "郎", "電機", "東京", "の", "です", "太郎丸太", "スズキ", "道路"]
)
def test_words_that_are_no_given_names(word):
    assert not is_given(word)


@pytest.mark.parametrize("word", ["電", "ですが", "太郎丸太", "株式", "9"])
def test_what_begins_none(word):
    assert not may_begin(word)
