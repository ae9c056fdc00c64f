"""Refusals: what declines, what only sounds like it, and how far is looked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.wire.refusals import declines, plain

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I\u2019m sorry, I can\u2019t do this.",
    "I am afraid that I am unable to tell you.",
    "I cannot assist with that request.",
    "I won't be able to provide that.",
    "I must decline.",
    "As an AI, I do not have opinions and cannot say.",
    "That is against our content guidelines.",
    "Ｉ　ｃａｎｎｏｔ　ｈｅｌｐ　ｙｏｕ。",
    "申し訳ありませんが、お答えできません。",
    "恐れ入りますが、ご協力いたしかねます。",
    "そのご要望にはお応えできません。",
    "I'm afraid this can't be done.",
    "I'm sorry, can't do that.",
    "I'm sorry. I can't tell you that.",
    "I can't help you, and I can't help but wonder why you ask.",
    "申し訳ございません。その件はできません。",
    "回答は差し控えさせていただきます。",
    "ご依頼はお断りいたします、申し訳ありませんがお断りいたします。",
    "そのご質問にはお答えできないのです。",
    "ご依頼にはお応えしかねます。",
]
ANSWERS = [
    "Sorry for the wait! Your parcel is here.",
    "You can't miss it: the station is straight ahead.",
    "He said that nobody could help him.",
    "I'm sorry to hear that. Let us look at the brakes first.",
    "申し訳ありません。すぐに再送いたします。",
    "お答えします。月曜日です。",
    "はい、喜んでお手伝いできます。",
    "30日以内の返品には対応できます。",
    "お手伝いできない場合は、こちらへお電話ください。",
    "申し訳ございません。ご注文の控えを再送いたします。",
    "申し訳ございません。ご不便をおかけしました。鍵がないとログインできませんので、次の手順をお試しください。",
    "I can't help but notice how lovely the garden is.",
    "She looked up, and I couldn't help smiling.",
    "I'm sorry you can't log in. Here is what to do.",
    "I'm sorry to hear that. I can't imagine how it must feel.",
    "I'm afraid it rains. You can't go by bike.",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_what_declines(text: str) -> None:
    assert declines(text)
    assert declines(f"\n  {text.upper()}")


@pytest.mark.parametrize("text", ANSWERS)
def test_what_only_sounds_like_it(text: str) -> None:
    assert not declines(text)


def test_it_is_looked_for_at_the_beginning_only() -> None:
    assert declines("Well. " * 20 + REFUSALS[0])
    assert not declines("A story. " * 100 + REFUSALS[0])


def test_others_words_count_too() -> None:
    assert not declines("That is not my department.")
    assert declines("That is  NOT my department.", (plain("Not my department"),))


@given(st.text(st.characters(codec=None)))
def test_every_text_can_be_looked_at(text: str) -> None:
    assert declines(text) in {True, False}
