"""Folded forms are as long as the text itself, and offsets mean the same in each."""

from hypothesis import given
from hypothesis import strategies as st

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
