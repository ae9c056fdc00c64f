"""Characters that nobody sees: told, and left out with the places of what is left."""

import unicodedata

import pytest

from llmgateway.wire.unseen import IS_UNSEEN, UNSEEN, hides, marked, without


def test_they_are_signs_that_show_nothing():
    assert {unicodedata.category(each) for each in UNSEEN} <= {"Cf", "Mn", "Lo", "Cn"}
    assert not any(each.isascii() or each in "　\u00a0é東①" for each in UNSEEN)


@pytest.mark.parametrize(
    "each", ["\u00ad", "\u034f", "\u061c", "\u180e", "\u200b", "\u202e", "\u2062", "\ufe0f", "\U000e0041"]
)
def test_one_inside_of_a_word_hides_it(each):
    assert hides(f"pro{each}ject")
    assert without(f"pro{each}ject", 1) == ("project", [0, 1, 2, 4, 5, 6, 7])
    assert each in IS_UNSEEN


@pytest.mark.parametrize("text", ["thanks ❤️ and ☎️ you", "🏳️ ©️", "plain"])
def test_what_says_how_an_emoji_looks_hides_nothing_and_stays(text):
    assert not hides(text)
    assert without(text, len(text)) == (text, [*range(len(text))])
    assert marked(text, "-") == text


@pytest.mark.parametrize("text", ["日\ufe0f本", "\ufe0f日本", "日本\ufe00", "日\ufe0f\ufe0f本"])
def test_a_selector_behind_anything_else_hides(text):
    assert hides(text)
    assert without(text, len(text))[0] == "日本"
    assert "\ufe0f" not in marked(text, "-")


@pytest.mark.parametrize("text", ["❤\ufe0f\u200d🔥", "❤\ufe0f\ufe0fa", "a❤️b\u200bc", "\u200b❤️", "日\ufe0f本 ❤️"])
def test_what_is_told_is_what_is_left_out(text):
    """However far away: a text hides something if and only if one of its pieces does."""
    shown, places = without(text, len(text))
    assert shown == "".join(text[at] for at in places)
    assert [at for at, each in enumerate(marked(text, "-")) if each != "-"] == places
    assert hides(text) == (shown != text)


def test_more_in_a_row_than_may_be_stay():
    text = "a\u200b\u200bb\u200bc"
    assert without(text, 1) == ("a\u200b\u200bbc", [0, 1, 2, 3, 5])
    assert without("\u200b", 1) == ("", [])
    assert without("", 1) == ("", [])
