"""Names and patterns against an independent matcher."""

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.config.patterns import best_match, matches, overlap

texts = st.text("ab*", max_size=7)
names = st.text("ab", max_size=9)


@given(texts, names)
def test_matching_agrees_with_fnmatch(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatchcase(name, pattern)


@given(texts, texts, names)
def test_patterns_that_share_a_name_overlap(one: str, other: str, name: str) -> None:
    if matches(one, name) and matches(other, name):
        assert overlap(one, other)
        assert overlap(other, one)


def test_patterns_that_share_no_name_do_not_overlap() -> None:
    assert not overlap("gpt-*", "claude-*")
    assert not overlap("*-mini", "*-large")
    assert not overlap("gpt-4", "gpt-5*")
    assert overlap("gpt-*", "*-mini")


def test_the_name_itself_wins_then_the_most_literal_characters() -> None:
    patterns = ["*", "gpt-*", "gpt-4*", "gpt-4o", "*-4o-x", "gpt-*-x"]
    assert best_match(patterns, "gpt-4o") == "gpt-4o"
    assert best_match(patterns, "gpt-4.1") == "gpt-4*"
    assert best_match(patterns, "gpt-5") == "gpt-*"
    assert best_match(patterns, "claude") == "*"
    assert best_match(["*b", "a*"], "ab") == "*b"
    assert best_match(["a***", "ab*"], "abc") == "ab*"
    assert best_match(["x"], "y") is None


def test_a_pattern_with_many_stars_takes_no_longer_on_a_name_that_almost_matches() -> None:
    assert not matches("*a*a*a*a*a*a*a*a", "a" * 100_000 + "b")
