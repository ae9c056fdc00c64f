"""Passwords before the words that call them so, in English and Japanese, and what waits for such words in a stream."""

import pytest
from tests.support.guardrails import waits

from llmgateway.guardrails.secrets import behind
from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.ports.guardrail import MAX_OPEN
from llmgateway.wire.view import SEPARATOR, View

HIDDEN = "\u200b"
VALUE = "c0rrectH0rse14"
GUARD = Secrets({})


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in GUARD.find(View(text))]


TEXTS = [
    "Please use {} as your password.",
    "use `{}` as the new password for now",
    'Type "{}" as password and go on',
    "Log in with {} as the admin password",
    "enter mary21 as user name and {} as password.",
    "{} is the password",
    "The thing is that '{}' was our old wifi password.",
    "It has **{}** as a passphrase, too",
    "{} (password)",
    "({}) is my current PASSWORD!",
    "{}をパスワードとして使ってください",
    "「{}」を新しいパスワードに設定しました",
    "{} が初期パスワードです",
    "次から{}が共通のパスワードになります",
    "{}を暗証番号として登録",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("password", [VALUE, "Winter#2025x"])
def test_a_password_before_its_word(text, password):
    assert found(text.format(password)) == [("secret.password", password)]


@pytest.mark.parametrize(
    "text",
    [
        "Use KeePass2x1 as your password manager.",
        "PBKDF2-SHA256 is the password hash that we use",
        "SELECT users.pwd12hash AS password FROM t",
        "const checked = (req.body1x as Password)",
        "bob21@mail.example.com is the password contact",
        "bob21@mail.test as my password",
        "use changeme123 as the password",
        "See https://a.example.com/x1y2 as the password",
        f"{VALUE} and the password",
        "mary2024x is the long forgotten and rather silly old temporary password",
        f"{VALUE}{SEPARATOR} is the password",
        f"{VALUE}を使い、パスワードは別に送ります",
        "mary2024xをパスワードごと消した",
        "iPhone15Proを買いパスワードを忘れた",
    ],
)
def test_what_is_called_no_password(text):
    assert found(text) == []


@pytest.mark.parametrize("text", TEXTS)
def test_a_value_waits_for_the_words_behind_it(text):
    assert waits(GUARD, f"Well, {text.format(VALUE)}\nNothing more.", VALUE)


@pytest.mark.parametrize(
    "after", [" and then", " as of", " is gone", "を買った", "。", " (see", " as the boss said", "\n"]
)
def test_it_waits_no_longer_than_such_words_go_on(after):
    assert behind.opening(View(f"say {VALUE} ")) == len("say ")
    assert behind.opening(View(f"say {VALUE}{after}")) == len(f"say {VALUE}{after}")


def test_words_wait_for_nothing_and_nothing_waits_for_ever():
    assert behind.opening(View("Use the chairs as ")) == len("Use the chairs as ")
    hidden = f"{VALUE}{HIDDEN * 400} is the "
    assert len(hidden) - GUARD.settled(View(hidden)) <= MAX_OPEN


def test_characters_that_nobody_sees_hide_nothing():
    hidden = "c0rr\u200bectH0rse14"
    assert found(f"{hidden} is the pass\u200bword") == [("secret.password", hidden)]
    assert GUARD.settled(View(f"so {hidden} is th\u200b")) == len("so ")


def test_both_readings_of_what_hides_wait():
    text = f"password.{HIDDEN}{VALUE} (password)"
    assert found(text) == [("secret.password", VALUE)]
    assert not any(text.index(VALUE) < GUARD.settled(View(text[:cut])) < len(text) - 11 for cut in range(len(text)))
