"""Words in one automaton: how they may be written, where they have borders, and which of them may still come."""

import random
import sys

import pytest

from llmgateway.wire.lexicon import Lexicon, forms, spaced
from llmgateway.wire.plain import Plain, lowered
from llmgateway.wire.view import fold


def test_the_plain_form_leads_back_to_the_text():
    plain = Plain("xxＡ\u200bＢ".translate({0xFF21: "A", 0xFF22: "B"}), 2)
    assert plain.text == "ab"
    assert [plain.place(at) for at in range(2)] == [2, 4]
    assert [Plain("abc", 1).place(at) for at in range(2)] == [1, 2]


def test_small_letters_are_as_many_as_the_letters_and_do_not_depend_on_their_place():
    every = "".join(chr(code) for code in range(sys.maxunicode + 1))
    assert len(lowered(every)) == len(every)
    assert lowered(every) == "".join(map(lowered, every))


def test_every_way_to_write_a_word_is_looked_for():
    assert forms("ガス") == {"ガス", "カ\u3099ス", fold("ｶﾞｽ")}
    assert forms("Ａb") == {"ab"}


@pytest.mark.parametrize(("char", "expected"), [*zip("aZ9_éяΣ\u0301", [True] * 8, strict=True)])
def test_letters_of_words_with_borders(char, expected):
    assert spaced(char) is expected


@pytest.mark.parametrize("char", "-. 東あアー한ห、。\x1f")
def test_signs_and_letters_of_words_without_borders(char):
    assert not spaced(char)


def test_the_live_end_is_the_first_place_from_which_a_word_may_still_come():
    """Against the plain definition, over all texts that matter."""
    dice = random.Random(8)
    for _ in range(300):
        words = ["".join(dice.choices("ab東 ", k=dice.randint(1, 6))).strip() or "a" for _ in range(4)]
        whole = dice.random() < 0.5
        lexicon = Lexicon(words, whole=whole)
        text = "".join(dice.choices("ab東 ", k=dice.randint(0, 12)))
        assert lexicon.live(text) == plain_live(set(map(fold, words)), text, whole), (words, text, whole)


def plain_live(words, text, whole):
    for at in range(len(text)):
        inside = whole and at and spaced(text[at - 1]) and spaced(text[at])
        rest = text[at:]
        proper = any(word.startswith(rest) and word != rest for word in words)
        if not inside and (proper or (rest in words and whole and spaced(rest[-1]))):
            return at
    return len(text)
