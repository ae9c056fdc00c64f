"""The judge `length`: what is too much of a text."""

import pytest

from llmgateway.domain.usage import estimate_tokens
from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.length import LengthJudge
from llmgateway.ports.guardrail import OptionError
from llmgateway.ports.judge import SOURCES, Judged, Piece


def judged(text, source="user", **options):
    found = LengthJudge(options).judge([Piece(text, source)])
    return found[0].finding if found else None


def test_what_is_over_the_limit_is_to_blame():
    assert judged("x" * 10, max_characters=10) is None
    assert judged("x" * 13, max_characters=10) == Finding(10, 13, "length.characters")


def test_characters_are_code_points():
    assert judged("😀" * 10, max_characters=10) is None
    assert judged("東" * 11, max_characters=10) == Finding(10, 11, "length.characters")


@pytest.mark.parametrize("text", ["x" * 40, "東京" * 6 + "abcd", "😀" * 10, "é" * 20, "\ud800" * 40, ""])
def test_tokens_that_the_gateway_estimates_decide(text):
    assert estimate_tokens(len(text.encode("utf-8", "replace"))) <= 10
    assert judged(text, max_tokens=10) is None


@pytest.mark.parametrize(
    ("text", "start"), [("x" * 41, 40), ("東京" * 7, 13), ("😀" * 11, 10), ("é" * 21, 20), ("\ud800" * 41, 40)]
)
def test_tokens_beyond_are_to_blame_from_the_first_character_that_does_not_fit(text, start):
    assert judged(text, max_tokens=10) == Finding(start, len(text), "length.tokens")


def test_the_limit_that_is_reached_first_is_named():
    assert judged("x" * 50, max_characters=10, max_tokens=10) == Finding(10, 50, "length.characters")
    assert judged("x" * 50, max_characters=45, max_tokens=10) == Finding(40, 50, "length.tokens")


def test_only_texts_of_the_sources_are_judged_and_each_alone():
    judge = LengthJudge({"max_characters": 3, "sources": ["user", "tool"]})
    pieces = [Piece("xxxx", source) for source in SOURCES]
    assert judge.judge(pieces) == [
        Judged(at, Finding(3, 4, "length.characters"))
        for at, source in enumerate(SOURCES)
        if source in {"user", "tool"}
    ]
    assert judge.judge([Piece("xx", "user")] * 9) == []


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "max_characters"),
        ({"sources": ["user"]}, "max_characters"),
        ({"max_characters": 0}, "max_characters"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": 1, "sources": ["nobody"]}, "sources"),
        ({"max_tokens": 1, "sources": []}, "sources"),
        ({"max_words": 1}, "max_words"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, option):
    with pytest.raises(OptionError) as raised:
        LengthJudge(options)
    assert raised.value.option == option
