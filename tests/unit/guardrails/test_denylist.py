"""The guardrail `denylist`: an operator's words, in every width and case, whole where words have borders."""

import random

import pytest

from llmgateway.domain.verdict import Finding
from llmgateway.guardrails.denylist import Denylist
from llmgateway.ports.guardrail import MAX_OPEN, REACH, OptionError
from llmgateway.wire.lexicon import MAX_WORD
from llmgateway.wire.view import View


def found(words, text, **options):
    return [text[each.start : each.end] for each in Denylist({"words": words, **options}).find(View(text))]


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("ban", "Ban the urban BAN, ban-d: bans", ["Ban", "BAN", "ban"]),
        ("ban", "banをban、ｂａｎ", ["ban", "ban", "ｂａｎ"]),
        ("ban", "ban_1 ban1 1ban bané éban", []),
        ("cafe", "cafe\u0301 café cafe", ["cafe"]),
        ("café", "CAFÉ cafe\u0301 cafe", ["CAFÉ", "cafe\u0301"]),
        ("c++", "c++ C++11 c+", ["c++", "C++"]),
        (".net", ".NET x.net", [".NET", ".net"]),
        ("東京", "東京都と東京", ["東京", "東京"]),
        ("ガス", "ｶﾞｽとガスとか\u3099ス", ["ｶﾞｽ", "ガス"]),
        ("パン", "ﾊﾟﾝ パン ハ\u309aン", ["ﾊﾟﾝ", "パン", "ハ\u309aン"]),
        ("ａｂｃ", "ABC", ["ABC"]),
        ("a b", "A　B a\u00a0b a  b", ["A　B", "a\u00a0b"]),
        ("a b", "a\nb, a\tb, a\n\nb", ["a\nb", "a\tb"]),
        ("ａ　ｂ", "a\nb", ["a\nb"]),
        ("ab", "a\nb", []),
        ("привет", "Привет, приветик", ["Привет"]),
        ("σίσυφος", "ΣΊΣΥΦΟΣ", ["ΣΊΣΥΦΟΣ"]),
        ("istanbul", "İSTANBUL", ["İSTANBUL"]),
        ("서울", "서울에서", ["서울"]),
        ("ห้าม", "กห้ามก", ["ห้าม"]),
        ("x", "x" * 5 + " x", ["x"]),
        ("😀", "a😀b", ["😀"]),
        ("falcon", "fal\u200bcon, \u200bf\u00ada\u2060l\ufeffcon\u200d", ["fal\u200bcon", "f\u00ada\u2060l\ufeffcon"]),
        ("falcon", "x\u200bfalcon falcon\u200bs", []),
        ("東京", "東\u200b京", ["東\u200b京"]),
        ("東京", "東\ufe0f京", ["東\ufe0f京"]),
        ("I❤️NY", "we say I❤️NY", ["I❤️NY"]),
        ("❤️\u200d🔥", "a ❤️\u200d🔥 or ❤️🔥", ["❤️\u200d🔥", "❤️🔥"]),
    ],
)
def test_finds(word, text, expected):
    assert found([word], text) == expected


def test_words_inside_others_count_once_and_those_that_overlap_once_each():
    assert found(["new york", "york times", "york"], "the New York Times") == ["New York", " Times"]
    assert found(["東京", "東京都"], "東京都") == ["東京都"]


def test_parts_of_words_are_found_where_whole_words_are_not_asked_for():
    assert found(["ban"], "urban", whole_words=False) == ["ban"]


def test_a_long_word_after_a_shorter_one_that_begins_it_is_waited_for():
    guardrail = Denylist({"words": ["ban", "ban on falcon"]})
    assert guardrail.settled(View("a ban")) == 2
    assert guardrail.settled(View("a ban ")) == 2
    assert guardrail.settled(View("a ban i")) == 7
    assert guardrail.find(View("a ban i")) == [Finding(2, 5, "denylist")]


def test_only_the_end_that_may_begin_a_word_is_held():
    guardrail = Denylist({"words": ["falcon", "極秘"]})
    for text, held in [
        ("x f", 1),
        ("x fal", 3),
        ("xfal", 0),
        ("fax", 0),
        ("falcon", 6),
        ("falcon ", 0),
        ("これは極", 1),
    ]:
        assert len(text) - guardrail.settled(View(text)) == held, text


def test_what_was_found_before_an_open_end_is_settled_where_it_ends():
    guardrail = Denylist({"words": ["abcd", "cdef"], "whole_words": False})
    assert guardrail.settled(View("xabcd")) == 5  # "cd" may go on, but then that finding begins after this one
    assert guardrail.find(View("xabcdef")) == [Finding(1, 5, "denylist"), Finding(5, 7, "denylist")]


def test_two_long_words_over_each_other_hold_no_more_than_may_be_held():
    one, other = "a" * 100 + "b" * 100, "b" * 100 + "c" * 100
    guardrail = Denylist({"words": [one, other], "whole_words": False})
    text = one + "c" * 99
    assert len(text) - guardrail.settled(View(text)) <= MAX_WORD <= MAX_OPEN
    assert [each.end for each in guardrail.find(View(text + "c"))] == [200, 300]


def test_no_finding_goes_on_after_the_end():
    assert Denylist({"words": ["ban"]}).continues("denylist", "ban") == 0


def test_characters_that_show_nothing_are_seen_through_up_to_a_bound():
    assert len(found(["falcon"], "fal" + "\u200b" * 50 + "con")) == 1
    assert found(["falcon"], "fal" + "\u200b" * 51 + "con") == []
    assert len(found(["falcon"], ("\u200b" * 38).join("falcon"))) == 1
    assert found(["falcon"], ("\u200b" * 39).join("falcon")) == []  # 201 characters
    assert found(["fal\u200bcon"], "falcon") == ["falcon"]


def test_however_many_characters_that_show_nothing_both_laws_hold():
    dice = random.Random(6)
    guardrail = Denylist({"words": ["falcon", "con", "東京", "x" * 150]})
    pieces = [
        "fal",
        "con",
        "s",
        " ",
        "東",
        "京",
        "x" * 75,
        *("\u200b" * size for size in (1, 20, 49, 50, 51, 150, 400)),
    ]
    for _ in range(1500):
        text = "".join(dice.choices(pieces, k=dice.randint(1, 9)))
        cut, start = dice.randint(0, len(text)), dice.randint(0, len(text))
        everything, settled = guardrail.find(View(text)), guardrail.settled(View(text[:cut]))
        early = [each for each in guardrail.find(View(text[:cut])) if each.start < settled]
        assert early == [each for each in everything if each.start < settled]
        assert cut - settled <= MAX_OPEN
        window = max(0, start - REACH)
        near = guardrail.find(View(text[window:]), start - window)
        assert [each.start + window for each in near] == [each.start for each in everything if each.start >= start]


def test_half_of_a_surrogate_pair_is_no_reason_to_fail():
    text = "x \ud83d ban \udc00 東京 ba"
    assert found(["ban", "東京"], text) == ["ban", "東京"]
    assert Denylist({"words": ["ban"]}).settled(View(text)) == len(text) - 2


def test_a_hundred_thousand_words_are_as_good_as_ten():
    dice = random.Random(4)
    words = ["".join(dice.choices("abcdefghij", k=dice.randint(5, 14))) for _ in range(100_000)]
    guardrail = Denylist({"words": words})
    for word in dice.sample(words, 50):
        text = f"so {word.upper()} it"
        assert [each[:2] for each in guardrail.find(View(text))] == [(3, 3 + len(word))]
        assert guardrail.settled(View(text[: 2 + len(word)])) == 3


@pytest.mark.parametrize(
    ("options", "option", "sentence"),
    [
        ({}, "words", "at least one word"),
        ({"words": []}, "words", "at least one word"),
        ({"words": "ban"}, "words", "list of strings"),
        ({"words": ["ban", " "]}, "words", "number 2"),
        ({"words": ["ok", "x" * 201]}, "words", "at most 200 characters long; number 2"),
        ({"words": ["a\x1fb"]}, "words", "control characters; number 1"),
        ({"words": ["a\nb"]}, "words", "control characters"),
        ({"words": ["a"], "kind": "No Spaces"}, "kind", "small letters"),
        ({"words": ["a"], "whole_words": 1}, "whole_words", "true or false"),
        ({"words": ["a"], "file": "x"}, "file", "no setting"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, option, sentence):
    with pytest.raises(OptionError, match=sentence) as raised:
        Denylist(options)
    assert raised.value.option == option


def test_findings_have_the_name_that_the_operator_gives():
    guardrail = Denylist({"words": ["ban"], "kind": "custom.legal"})
    assert guardrail.kinds == ("custom.legal",)
    assert guardrail.find(View("ban"))[0].kind == "custom.legal"


@pytest.mark.parametrize("sign", ["\ufe0f", "\u200b"])
def test_a_sign_that_nobody_sees_far_away_decides_about_no_word(sign):
    guardrail = Denylist({"words": ["東京", "I❤️NY"]})
    text = f"東{sign}京 I❤️NY " + "x" * 400
    assert len(guardrail.find(View(text))) == 2
    assert guardrail.find(View(text + "a\u200bb ❤️")) == guardrail.find(View(text))
