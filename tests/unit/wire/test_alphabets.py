"""Letters and digits of other sets, one for one, as Unicode has them."""

import sys
import unicodedata

from llmgateway.wire.alphabets import PLAIN, is_odd, plain
from llmgateway.wire.unseen import UNSEEN


def test_each_says_what_unicode_says_it_does():
    for char, said in ((chr(code), said) for code, said in PLAIN.items()):
        if unicodedata.category(char) != "Cn":  # where an alphabet has a hole, its letter was there before
            assert said == str(unicodedata.digit(char, unicodedata.normalize("NFKC", char)))


def test_all_letters_of_mathematics_and_all_digits_are_there():
    every = map(chr, range(128, sys.maxunicode + 1))
    named = [each for each in every if unicodedata.name(each, "").startswith("MATHEMATICAL ")]
    latin = [each for each in named if unicodedata.normalize("NFKC", each).isascii() and each.isalnum()]
    assert len(latin) > 700
    assert [each for each in latin if ord(each) not in PLAIN] == []
    assert plain("٠١٢३४๕６") == "01234" + "5６"


def test_a_text_keeps_its_length_and_what_is_not_meant():
    text = "①② m² ⁴⁵ Ａ 東京 é 𝗉𝗋𝗈𝗃𝖾𝖼𝗍 ⓐⓩ ℋ 𝟢𝟫"
    assert plain(text) == "①② m² ⁴⁵ Ａ 東京 é project az H 09"
    assert len(plain(text)) == len(text)
    assert plain("\ud800 x") == "\ud800 x"


def test_one_look_tells_of_letters_and_of_what_nobody_sees():
    assert is_odd("a𝗉")
    assert all(is_odd(f"a{each}b") for each in UNSEEN)
    assert not any(map(is_odd, ("", "abc", "déjà vu", "東京", "❤️ ☎️", "😀", "①", "\ud800")))
