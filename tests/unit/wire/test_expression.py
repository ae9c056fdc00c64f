"""Expressions over octets say what the package's own objects say."""

import random

import pytest
import re2

from llmgateway.wire import expression
from llmgateway.wire.expression import Expression, begun

PATTERNS = [rb"a+", rb"a*", rb"(a)(b)?", rb"(?i)A|b\b", rb"[^a]{2,}", rb"\bb", rb"(a|ab)(c|bcd)?", rb"x\z"]
DICE = random.Random(5)
TEXTS = [bytes(DICE.choices(b"aabbcdx \xe3\xff", k=DICE.randrange(12))) for _ in range(60)]


def package(pattern, *, longest=False):
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.longest_match = longest
    return re2.compile(pattern, options)


def spans(found, groups):
    return found and [found.span(group) for group in range(groups + 1)]


@pytest.mark.parametrize("longest", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_it_finds_what_the_package_finds(pattern, longest):
    ours, theirs = Expression(pattern, longest=longest), package(pattern, longest=longest)
    for text in TEXTS:
        at, end = DICE.randrange(len(text) + 1), DICE.randrange(len(text) + 3)
        for way in ("search", "match", "fullmatch"):
            found = getattr(ours, way)(text, at, end)
            assert spans(found, theirs.groups) == spans(getattr(theirs, way)(text, at, end), theirs.groups)
        places = [each.span() for each in theirs.finditer(text)]
        assert [each.span() for each in ours.finditer(text)] == ours.spans(text) == places


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_short_ways_say_where_the_long_ones_find_it(pattern):
    ours = Expression(pattern)
    for text in TEXTS:
        at, end = DICE.randrange(len(text) + 3), DICE.randrange(len(text) + 3)
        found, here = ours.search(text, at, end), ours.match(text, at, end)
        assert ours.place(text, at, end) == (found.span() if found else (-1, -1))
        assert ours.ends(text, at, end) == (here.end() if here else -1)
        assert ours.takes(text) == (ours.fullmatch(text) is not None)
        assert ours.spans(text, at, end) == [each.span() for each in ours.finditer(text, at, end)]


def test_the_direct_way_is_the_one_that_is_taken():
    assert Expression(b"a")._bound.__name__ == "Match"


def test_without_it_the_package_is_asked(monkeypatch):
    monkeypatch.setattr(expression, "_ANCHOR", None)
    found = Expression(rb"b(c)?").search(b"abd", 1)
    assert found
    assert (found.span(), found.span(1), found.group(1)) == ((1, 2), (-1, -1), b"")
    assert Expression(rb"b").search(b"a") is None


def test_parts_are_given_as_octets_and_places():
    found = Expression(rb"(\w+)@(\w+)(\.x)?").search(b"to ada@home, please")
    assert found
    assert (found.group(), found.group(1), found.group(3)) == (b"ada@home", b"ada", b"")
    assert (found.start(2), found.end(2)) == (7, 11)


def test_the_last_group_is_the_whole_where_there_are_no_groups():
    grouped, plain = Expression(rb"a(b+)").match(b"abb"), Expression(rb"ab+").match(b"abb")
    assert grouped
    assert plain
    assert (grouped.last(), plain.last()) == ((1, 3), (0, 3))


def test_of_alternatives_it_says_which_one_was_taken():
    pattern = Expression(rb"(?:x=([0-9]+)|y=([a-z]+)|z);")
    taken = [(each.chosen(), each.span(each.chosen())) for each in pattern.finditer(b"y=ab; z; x=7;")]
    assert taken == [(2, (2, 4)), (0, (6, 8)), (1, (11, 12))]


def test_in_wide_ones_octets_are_utf_8():
    assert Expression("[あ-ん]+".encode(), latin=False).search("xあいy".encode()).group() == "あい".encode()


def test_a_wrong_pattern_is_an_error():
    with pytest.raises(ValueError, match="missing"):
        Expression(b"(a")


def test_words_are_known_by_what_they_begin_with():
    begins = Expression(begun(["as", "印鑑"]).encode(), latin=False)
    assert all(begins.takes(text.encode()) for text in ("a", "as", "印", "印鑑"))
    assert not any(begins.takes(text.encode()) for text in ("", "s", "ass", "鑑"))
