"""What stands behind a password and is one as well, further cookies, and passwords that are several words."""

import pytest

from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.guardrails.secrets.strength import is_password_in_address
from llmgateway.guardrails.secrets.wording import is_passphrase
from llmgateway.wire.view import View

GUARD = Secrets({})
FIRST, SECOND = "Kx7fTmp2q", "Falcon!2024x"


def found(text: str) -> list[str]:
    return [text[each.start : each.end] for each in GUARD.find(View(text))]


@pytest.mark.parametrize(
    "text",
    [
        "Old password: {}, the new one is {}.",
        "Old password was {} / new: {}",
        "The password has been changed from {} to {} at 14:20.",
        "The password is {} or {}, one of them.",
        "tried the password {} and {}",
        "using the former password ({}) after we had switched to {}.",
        "Is the password still {}?\nTom: no, since monday it's {}",
        "パスワードは {} から {} に変わりました。",
        "まずパスワード {} を試し、だめなら {} にしてください。",
    ],
)
def test_one_beside_another(text):
    assert found(text.format(FIRST, SECOND)) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "text",
    [
        "I sent the password {} to mary2024x.",
        "The password is {} and the host srv-042.example.org",
        "パスワード：{}、URL：https://192.0.2.20/a1",
        "The password is {}, 2026-11-02 at noon",
        "The password is {} and nothing else",
    ],
)
def test_what_stands_beside_one_and_is_none(text):
    assert found(text.format(FIRST)) == [FIRST]


def test_no_row_goes_on_farther_than_a_stream_looks_back():
    values = [f"Qx7fTmp2{letter}" for letter in "abcdefghijklmnopqrstuvwxyzABCDEF"]
    values = found("The password is " + " or ".join(values))
    assert 10 < len(values) < 20


def test_every_cookie_that_logs_in():
    first, second = "8fKq2mPz7RtYw4LsN6vBxC1d", "Zq3nVb8sLk5jHg2fDp9aWe7r"
    assert found(f"Cookie: sid={first}; theme=dark; auth_token={second}; x=1") == [first, second]
    assert found(f'curl -b "session={first}" https://example.com') == [first]


@pytest.mark.parametrize("value", ["tundra-otter-lemon", "Copper-Falcon-Maple-Violin", "pickle.meadow.saddle.yonder"])
def test_words_that_a_sign_joins_are_a_password(value):
    assert found(f"The passphrase is {value}, I think") == [value]
    assert found(f"PASSWORD={value}") == [value]


@pytest.mark.parametrize(
    "value",
    [
        *(b"user-supplied-value", b"my-database-secret", b"saved_assert_hooks", b"otter-otter-otter", b"tundra-otter"),
        *(b"Copper-falcon-maple", b"a-be-see-dee", b"tundra otter lemon", b"settings.copper.falcon.lemon"),
    ],
)
def test_words_of_programs_and_messages_are_none(value):
    assert not is_passphrase(value)


def test_in_an_address_three_words_are_enough():
    assert is_password_in_address(b"magnet.pepper.osaka")
    assert is_password_in_address(b"otter_ramen_magnet")
    assert not is_password_in_address(b"user_pass_word")
