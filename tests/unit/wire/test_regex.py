"""What an expression may be in the middle of, held against trying every continuation."""

import itertools
import random

import pytest
import re2

from llmgateway.wire.regex_ahead import may_be_empty, run_of, unfinished, written
from llmgateway.wire.regex_syntax import (
    Assertion,
    Atom,
    Choice,
    Concat,
    Repeat,
    Scope,
    SyntaxRefusedError,
    parse,
)

EXPRESSIONS = [
    "abc",
    "ab?c",
    "a+b",
    "a*?b",
    "(a|bc)+",
    "a{2,3}b",
    "a{2}",
    "a{2,}",
    "(?:ab){1,2}c",
    "a|ab|abc",
    "(?i)ab|c",
    "(?P<n>a)b",
    "(?<n>a)b",
    "(?i:a)b",
    "(?s:.)b",
    "(?U)a+b",
    "[ab]c",
    "[^a]b",
    "[]a]b",
    "[^]a]b",
    "[a\\]]b",
    "[[:alpha:]]b",
    "[[:^digit:]a]b",
    "\\Qa.b\\Ec",
    "\\Qab",
    "\\Qab\\E{2}",
    "\\x61b",
    "\\x{61}b",
    "\\141b",
    "\\pLb",
    "\\p{L}b",
    "\\PLa",
    "\\d\\w\\s",
    "a\\.b",
    "a{b",
    "a{,2}",
    "a{1,b}",
    "()ab",
    "(|a)b",
    "a(?:)b",
    "a{0}b",
    "(?:a{0}){2}b",
    "東京都?",
    "[東京]都",
]


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_what_is_written_again_means_the_same(source):
    one, other = re2.compile(source), re2.compile(written(parse(source)))
    for text in texts(4):
        assert bool(one.fullmatch(text)) == bool(other.fullmatch(text)), text


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_a_text_is_unfinished_if_and_only_if_something_makes_a_longer_match_of_it(source):
    regex = re2.compile(source)
    beginnings = re2.compile(unfinished(parse(source)))
    longer = {text for text in texts(5) if regex.fullmatch(text)}
    for text in texts(2):
        expected = any(each.startswith(text) and each != text for each in longer)
        assert bool(beginnings.fullmatch(text)) >= expected, text
        if not set(source) & set("[\\.東{"):  # else a continuation may need letters that are not tried
            assert bool(beginnings.fullmatch(text)) == expected, text


def texts(longest):
    letters = "abc.東" if longest < 5 else "abc"
    for size in range(longest + 1):
        yield from map("".join, itertools.product(letters, repeat=size))


@pytest.mark.parametrize("source", ["a\\b", "a$", "(?:a\\b)+b", "a\\B"])
def test_an_assertion_at_the_end_is_not_yet_decided(source):
    assert re2.fullmatch(unfinished(parse(source)), "a")


def test_nothing_is_longer_than_the_empty_expression():
    assert unfinished(parse("")) is None
    assert unfinished(parse("(?:a{0})")) is None
    assert unfinished(parse("(?i:)")) is None


def test_parts_are_told_apart():
    assert parse("a") == Atom("a")
    assert parse("^a|b") == Choice((Concat((Assertion("^"), Atom("a"))), Atom("b")))
    assert parse("(?i)[x-z]{2,}?") == Scope("i", Repeat(Atom("[x-z]"), 2, None, "?"))
    assert parse("(a)") == Scope("", Atom("a"))
    assert parse("") == Concat(())
    assert parse("a{3}") == Repeat(Atom("a"), 3, 3, "")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("\\Aa", "a line's beginning"),
        ("a\\z", "a line's end"),
        ("\\Ca", "part of a character"),
        ("a(?i)b", "only at the beginning"),
        ("(?-m)^a", "cannot be taken away"),
        ("(?s-m:^a)", "cannot be taken away"),
        ("a)b", "from its character 2 on"),
    ],
)
def test_what_would_mean_something_else_in_a_stream_is_refused(source, sentence):
    with pytest.raises(SyntaxRefusedError, match=sentence):
        parse(source)


@pytest.mark.parametrize("source", ["", "a*", "a?b*", "\\b", "^$", "a|", "(?i)a{0,3}", "(a*)+", "\\Q\\E", "a{0}"])
def test_what_may_match_nothing_is_known(source):
    assert may_be_empty(parse(source))


@pytest.mark.parametrize("source", ["a", "a+", "^a", "a|b", "(?i)a{1,3}", "(a*b)+", "\\Qa\\E"])
def test_what_always_takes_a_character_is_known(source):
    assert not may_be_empty(parse(source))


@pytest.mark.parametrize(
    ("source", "run"),
    [
        ("\\d+", ("\\d", 1)),
        ("[a-f]{8,}", ("[a-f]", 8)),
        ("(?i)(x){3,4}", ("(?i:(?:x))", 3)),
        ("\\d*", None),
        ("\\d+?", None),
        ("\\d\\d", None),
        ("a+b", None),
        ("(ab)+", None),
    ],
)
def test_a_class_repeated_is_known(source, run):
    found = run_of(parse(source))
    if run is None:
        assert found is None
    else:
        assert found is not None
        assert found[1] == run[1]
        assert all(bool(re2.fullmatch(found[0], char)) == bool(re2.fullmatch(run[0], char)) for char in "aXx7f ")


def test_any_expression_that_re2_takes_is_read_or_refused_but_never_misread():
    dice = random.Random(11)
    pieces = [
        "a",
        "b",
        "[ab]",
        "[^]b]",
        "(",
        ")",
        "|",
        "*",
        "+",
        "?",
        "{2}",
        "{1,}",
        "(?:",
        "(?i)",
        "\\d",
        "\\Q",
        "\\E",
        "^",
        "{",
        "}",
    ]
    options = re2.Options()
    options.log_errors = False
    read = 0
    for _ in range(4000):
        source = "".join(dice.choices(pieces, k=dice.randint(1, 7)))
        try:
            one = re2.compile(source, options)
        except re2.error:
            continue
        try:
            other = re2.compile(written(parse(source)), options)
        except SyntaxRefusedError:
            continue
        read += 1
        for text in ("", "a", "b", "ab", "aab", "abab", "(", "{", "}", "^", "7", "A", "Ab{2}", "*", "a*"):
            assert bool(one.fullmatch(text)) == bool(other.fullmatch(text)), (source, text)
    assert read > 500
