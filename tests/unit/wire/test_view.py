"""Folded forms are as long as the text itself, and offsets mean the same in each."""

import random
import sys

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.wire import alphabets
from llmgateway.wire import view as module
from llmgateway.wire.unseen import UNSEEN, hides
from llmgateway.wire.view import CONTEXT, SEPARATOR, View, fold


@given(st.text())
def test_every_form_is_as_long_as_the_text(text):
    view = View(text)
    assert len(view.folded) == len(view.octets) == len(text)


def test_look_alikes_become_ascii_and_nothing_else_changes():
    assert fold("ＡＢ１２＠．　‐–—−－～") == "AB12@. -----~"
    assert fold("マイナンバー") == "マイナンバー"
    assert View("番号１２３").octets == b"??123"


def test_context_ends_at_the_texts_own_beginning():
    view = View(f"other text{SEPARATOR}口座番号： １")
    assert view.before(len(view.text) - 1) == "口座番号: "
    assert view.before(0) == ""
    assert View("x" * 200).before(150) == "x" * CONTEXT


def test_of_all_characters_only_look_alikes_change_and_into_ascii():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    changed = {ord(before): after for before, after in zip(every, fold(every), strict=True) if before != after}
    assert set(changed) == set(module._FOLDED) | set(alphabets.PLAIN)
    assert all(after.isascii() for after in changed.values())
    assert View(every).octets == fold(every).encode("ascii", "replace")


def test_a_long_text_is_folded_like_its_characters_whichever_form_is_asked_for_first():
    dice = random.Random(3)
    signs = "あ漢aＡ７７-−　（）！?\ufffe\ufffd\ud800\x00\x7f\x80é😀"
    for _ in range(300):
        text = "".join(dice.choices(signs, k=dice.randint(0, 60)))
        one, other = View(text), View(text)
        assert one.folded == other.folded == fold(text) == "".join(map(fold, text))
        assert one.octets == View(text).octets == fold(text).encode("ascii", "replace")


@given(st.text(st.characters() | st.sampled_from(UNSEEN)))
def test_it_tells_whether_something_shows_nothing(text):
    assert View(text).hides == hides(text)


def test_what_is_plain_is_not_copied():
    text = "plain ascii"
    assert View(text).folded is text
    assert fold(text) is text
    assert View(text).octets == b"plain ascii"
