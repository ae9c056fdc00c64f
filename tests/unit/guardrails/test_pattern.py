"""The guardrail `pattern`: an operator's expressions, in whole texts and in streams."""

import random

import pytest

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.pattern.guardrail import MAX_PATTERNS, Pattern
from llmgateway.ports.guardrail import MAX_OPEN, REACH, OptionError
from llmgateway.wire.view import SEPARATOR, View


def made(*patterns, **options):
    return Pattern({"patterns": list(patterns), **options})


def found(source, text, **options):
    return [text[each.start : each.end] for each in made(source, **options).find(View(text))]


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("PROJ-\\d+", "a PROJ-1, PROJ-22", ["PROJ-1", "PROJ-22"]),
        ("\\bab\\b", "ab xab ab東 東ab abx", ["ab", "ab", "ab"]),
        ("東京都?", "東京と東京都", ["東京", "東京都"]),
        ("a|ab", "ab", ["a"]),
        ("ab|a", "ab", ["ab"]),
        ("B.*?E", "B x E y E", ["B x E"]),
        ("^x$", "x\ny\nx", ["x", "x"]),
        ("\\d{4}", "1234567 89", ["1234567"]),
        ("a.a", "ababa", ["aba", "ba"]),
        ("(?i)secret", "SECRET Secret", ["SECRET", "Secret"]),
        ("(?s)a.b", "a\nb", ["a\nb"]),
        ("a.b", "a\nb a😀b", ["a😀b"]),
        ("[^ ]+@x", "é日@x y@x", ["é日@x", "y@x"]),
        ("１+", "11１１", ["１１"]),
    ],
)
def test_finds(source, text, expected):
    assert found(source, text) == expected


def test_a_match_is_looked_for_in_as_many_characters_as_it_may_have():
    assert found("x.*y", "x東y" + "." * 20 + "y", max_length=5) == ["x東y"]
    assert found("x.{4,}y", "x12345y", max_length=6) == []
    assert found("x.{4}y|5y", "x12345y x1234y", max_length=6) == ["5y", "x1234y"]
    assert found("x.+", "x東京都庁舎", max_length=4) == ["x東京都"]


def test_a_class_repeated_is_one_finding_however_long_it_goes_on():
    guardrail = made("[0-9]{7,}")
    for size, expected in [(6, 0), (7, 1), (500, 1), (5000, 1)]:
        text = "n " + "7" * size
        assert guardrail.find(View(text)) == [Finding(2, 2 + size, "pattern.1")] * expected
    assert guardrail.settled(View("n " + "7" * 500)) == 2
    assert guardrail.continues("pattern.1", "77 7") == 2
    assert guardrail.continues("pattern.1", "7" + SEPARATOR + "7") == 1
    assert guardrail.continues("pattern.1", "x7") == 0


def test_a_run_of_other_characters_goes_on_in_code_points():
    guardrail = made("[ぁ-ん]{3,}", "x")
    assert guardrail.continues("pattern.1", "ああx") == 2
    assert guardrail.continues("pattern.2", "xx") == 0
    text = "日" + "あ" * 400
    assert guardrail.find(View(text)) == [Finding(1, 401, "pattern.1")]
    assert guardrail.settled(View(text)) == 1


@pytest.mark.parametrize(
    ("source", "text", "held"),
    [
        ("PROJ-\\d{4}", "nothing to wait for", 0),
        ("PROJ-\\d{4}", "a PRO", 3),
        ("PROJ-\\d{4}", "a PROJ-123", 8),
        ("PROJ-\\d{4}", "a PROJ-1234", 0),
        ("PROJ-\\d{4}\\b", "a PROJ-1234", 9),
        ("PROJ-\\d{4,6}", "a PROJ-1234", 9),
        ("(?i)secret", "a SEC", 3),
        ("\\bcat\\b", "concat", 0),
        ("\\bcat\\b", "a cat", 3),
        ("東京都庁", "ここは東京", 2),
        ("社外秘", "これは社", 1),
        ("x.*y", "ax" + "." * 100, 101),
        ("x.*y", "ax" + "." * 300, 0),
        ("ab$", "xab", 2),
        ("a.c", "aaa", 2),
    ],
)
def test_only_what_a_match_may_still_come_of_is_held(source, text, held):
    assert len(text) - made(source).settled(View(text)) == held


def test_separators_end_lines_and_matches_and_context():
    guardrail = made("^a+$", "b[^x]*b")
    text = f"a{SEPARATOR}aa{SEPARATOR}b{SEPARATOR}b"
    assert [each[:2] for each in guardrail.find(View(text))] == [(0, 1), (2, 4)]
    assert guardrail.settled(View(f"b{SEPARATOR}")) == 2


def test_findings_of_several_expressions_are_told_apart():
    guardrail = Pattern({"patterns": {"number": "\\d+", "word": "[a-z]+\\d"}})
    assert guardrail.kinds == ("pattern.number", "pattern.word")
    assert guardrail.find(View("ab12")) == [Finding(0, 3, "pattern.word"), Finding(3, 4, "pattern.number")]


def test_half_of_a_surrogate_pair_is_one_character():
    text = "\ud83d ab \udc00 ab"
    assert [each.start for each in made("ab").find(View(text))] == [2, 7]


def test_a_stranger_s_text_against_an_expression_that_backtracks_elsewhere():
    assert found("(a+)+$", "a" * 200 + "b", max_length=250) == []
    assert found("(a|aa)+b", "a" * 2000, max_length=250) == []


@pytest.mark.parametrize(
    ("patterns", "sentence"),
    [
        ([], "at least one"),
        ("abc", "list of strings"),
        (["(a"], "'1' is refused: RE2 does not take it: missing"),
        (["a(?=b)"], "RE2 does not take it"),
        (["(a)\\1"], "RE2 does not take it"),
        (["a*"], "matches the empty text"),
        (["\\b"], "matches the empty text"),
        (["\\Aa"], "a line's beginning"),
        (["a(?i)b"], "only at the beginning"),
        (["\\pL{10,50}"], "too large: 59844 instructions"),
        (["[0-9]{200}"], "max_length"),
        ({"Bad Name": "a"}, "small letters, digits and _"),
        ({"": "a"}, "small letters, digits and _"),
        ({"n": 3}, "must be a string"),
        ([f"{char}[^a]{{1,400}}" for char in "abcdefg"], "all of them together are refused"),
        (["a"] * (MAX_PATTERNS + 1), "at most 100"),
    ],
)
def test_expressions_that_cannot_be_kept_are_refused(patterns, sentence):
    with pytest.raises(OptionError, match=sentence) as raised:
        Pattern({"patterns": patterns})
    assert raised.value.option == "patterns"


@pytest.mark.parametrize("length", [0, 251, "x", True])
def test_a_length_that_a_stream_cannot_hold_is_refused(length):
    with pytest.raises(OptionError) as raised:
        made("a", max_length=length)
    assert raised.value.option == "max_length"


def test_any_expression_over_any_text_keeps_both_laws():
    dice = random.Random(21)
    for _ in range(250):
        try:
            guardrail = made(
                *(expression(dice) for _ in range(dice.randint(1, 3))), max_length=dice.choice([3, 9, 250])
            )
        except OptionError:
            continue
        for _ in range(8):
            text = "".join(dice.choices("aab東1 \n-\x1f", k=dice.randint(0, 25)))
            if dice.random() < 0.1:
                text = "".join(dice.choices("aab東1", k=3)) * dice.randint(50, 200) + text
            check_laws(guardrail, text, dice.randint(0, len(text)), dice.randint(0, len(text)))


def check_laws(guardrail, text, cut, start):
    everything = guardrail.find(View(text))
    settled = guardrail.settled(View(text[:cut]))
    early = guardrail.find(View(text[:cut]))
    assert [each for each in early if each.start < settled] == [each for each in everything if each.start < settled]
    assert cut - settled <= MAX_OPEN or early[-1].end == cut
    window = max(0, start - REACH)
    near = guardrail.find(View(text[window:]), start - window)
    assert [each[:2] for each in near] == [(a - window, b - window) for a, b, *_ in everything if a >= start]


ATOMS = ["a", "b", "東", "[ab]", "[^a]", ".", "\\d", "\\w", "1", "\\x{6771}", "\\Qab\\E", "[[:alpha:]]", "\\s"]
ASSERTIONS = ["^", "$", "\\b", "\\B"]
REPEATS = ["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "{0,2}?"]


def expression(dice, depth=3):
    if depth == 0 or dice.random() < 0.35:
        return dice.choice(ATOMS)
    one, other = expression(dice, depth - 1), expression(dice, depth - 1)
    ways = [
        dice.choice(ASSERTIONS) + one,
        one + dice.choice(ASSERTIONS),
        one + other,
        f"({one}|{other})",
        f"(?i:{one})",
        f"(?P<x{depth}{dice.random()}>{one})".replace(".", "_"),
        f"({one}){dice.choice(REPEATS)}",
        f"({one}){dice.choice(REPEATS)}",
    ]
    return dice.choice(ways)
