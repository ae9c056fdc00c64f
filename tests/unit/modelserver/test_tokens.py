import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.modelserver import tokens


@given(st.text())
def test_the_pieces_of_a_text_add_up_to_it(text):
    assert "".join(tokens.pieces(text)) == text
    assert tokens.count([text]) == len(tokens.pieces(text))


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Hello there", ["Hello", " there"]),
        ("harbours", ["harbou", "rs"]),
        ("a, b", ["a", ",", " b"]),
        ("  x", [" ", " x"]),
        ("", []),
    ],
)
def test_a_token_is_up_to_six_letters_with_the_blank_before_them(text, cut):
    assert tokens.pieces(text) == cut
