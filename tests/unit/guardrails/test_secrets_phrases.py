"""Passwords of several words, and what forms and messages say in the same place."""

import pytest

from llmgateway.guardrails.secrets import phrases
from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.wire.view import View

GUARD = Secrets({})
PHRASE = "correct horse battery staple"


def found(text: str) -> list[str]:
    return [text[each.start : each.end] for each in GUARD.find(View(text))]


@pytest.mark.parametrize(
    "text",
    ['PASSWORD="{}"', "password: '{}'", 'DB_PASSWORD = "{}";', '{{"password": "{}", "n": 1}}', "passphrase := '{}'"],
)
@pytest.mark.parametrize("phrase", [PHRASE, "purple monkey dishwasher 42", "Tr0ub4dor & three", "eins zwei drei vier5"])
def test_a_password_of_several_words(text, phrase):
    assert found(text.format(phrase)) == [phrase]


@pytest.mark.parametrize(
    "text",
    [
        'password: "Enter your new password"',
        '"password": "At least 8 characters"',
        "INVALID_PASSWORD = 'Wrong password, 3 tries left'",
        '"password": "Mot de passe oublie"',
        '"password": "Neues Passwort"',
        'password = "one two three"',
        f"password: {PHRASE}",
        f'passwordHint = "{PHRASE}"',
        f'password: "{PHRASE}',
        'password: "パスワード 12 文字"',
        'password: "' + "horse battery " * 6 + '42"',
    ],
)
def test_what_is_no_password(text):
    assert found(text) == []


def test_it_waits_for_the_quote_that_closes_it():
    text = f'so PASSWORD="{PHRASE}" it is'
    start, end = text.index(PHRASE), text.index(PHRASE) + len(PHRASE)
    for cut in range(start + 9, end + 1):
        assert phrases.opening(View(text[:cut])) == start
    assert not any(start < GUARD.settled(View(text[:cut])) < end for cut in range(len(text)))
    assert phrases.opening(View(text[: end + 1])) == end + 1


@pytest.mark.parametrize("text", ['password: "Enter your', 'password: "' + "horse " * 20, 'title: "two words', "x"])
def test_messages_and_what_is_too_long_wait_for_nothing(text):
    assert phrases.opening(View(text)) == len(text)
