"""Passwords that show by themselves what they are, in the sentence of a word that is about logging in."""

import pytest
from tests.support.guardrails import waits

from llmgateway.guardrails.secrets import clauses
from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.guardrails.secrets.made_up import is_dressed_up, is_made_up
from llmgateway.wire.view import SEPARATOR, View

GUARD = Secrets({})
MADE_UP = ["xT4pQ9mRw2", "kV#9trWq7z", "Falcon!2024x", "bewQub-2mirza-tokfyx", "Cedar-Lagoon7-Piano"]


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in GUARD.find(View(text))]


BEHIND = [
    "When prompted for a password, enter {} and press return.",
    "Hi, the password you sent me, {}, doesn't work.",
    "Did anybody try both passwords ({} was one of them)?",
    "Sign in as mary with {} and change the tenant.",
    "pw changed, it's {} now",
    "I reset it to '{}' for now.",
    "the spare admin account still answers to {}.",
    "Anna: what's the password for the wiki again?\nTom: {}\nAnna: thanks",
    "Anna: can you send me the root pw\nTom: sure, {}",
    "Anna  3:14 PM\nanyone have the wiki password?\nTom  3:15 PM\n{}",
    "ログイン時は mary と {} を入力してください。",
    "予備の管理アカウントは、いまだに {} のままです。",
    "田中：wikiのパスワードって何でしたっけ？\n佐藤：{}",
]
BEFORE = [
    "Use {} to log in to the portal.",
    "{} is what you need to type when it asks for the keystore password.",
    "Enter {} at the login screen.",
    "ひとまず {} でログインしてください。",
]


@pytest.mark.parametrize("text", [*BEHIND, *BEFORE])
@pytest.mark.parametrize("password", MADE_UP)
def test_a_password_in_the_sentence_of_such_a_word(text, password):
    assert found(text.format(password)) == [("secret.password", password)]


@pytest.mark.parametrize(
    "text",
    [
        "Log in to Office365 with your iPhone15Pro, then open Outlook2019.",
        "The password manager that we tried is KeePassXC2.7.9.",
        "Use KeePass2x1 as your password manager.",
        "User Ab3xK9mQw failed to log in three times.",
        "The user jS4mXy7Kq is unable to log in since the migration.",
        "aB3xK9mQw2. The password is elsewhere.",
        f"aB3xK9mQw2{SEPARATOR} to log in",
        "The account has the plan price_1Mx8By5LkdIwHu7ix since May.",
        "The login page is at https://example.com/d/aB3xK9mQw2/view for all.",
        "The login failed at 0x041d5f0012 again",
        "passphraseMeadow#6924$ ",
        "Log in with the build 3f2a1b9c7d of yesterday.",
        "You can log in to Windows2019!",
        "ユーザーAb3xK9mQwがログインに3回失敗しました。",
        "aB3xK9mQw2です。パスワードは別に送ります",
        "aB3xK9mQw2を使い、パスワードは別に送ります",
        "パスワードマネージャーは1Password8です",
        "パスワードレス認証ではYubiKey5Cを使います。",
    ],
)
def test_what_is_no_password(text):
    assert found(text) == []


@pytest.mark.parametrize("text", BEFORE)
def test_it_waits_until_the_sentence_has_told(text):
    assert waits(GUARD, f"Well, {text.format(MADE_UP[0])}\nNothing more.", MADE_UP[0])


@pytest.mark.parametrize("after", [", and", " and they", " goes", "\n", "。", ". "])
def test_it_waits_no_longer_than_such_a_sentence_goes_on(after):
    text = f"say {MADE_UP[0]}{after}"
    assert clauses.opening(View(f"say {MADE_UP[0]} to lo")) == len("say ")
    assert clauses.opening(View(text + "x")) == len(text) + 1


@pytest.mark.parametrize("key", ["x8Kq2mPz7RtYw4LsN6vB"])
def test_a_key_that_somebody_asked_for(key):
    assert found(f"Anna: which api key do you use?\nTom: {key}") == [("secret.generic", key)]
    assert found(f"Anna: the api key\nTom: {key}") == []
    assert found(f"田中：APIキーはどれですか\n佐藤：{key}") == [("secret.generic", key)]


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (b"xT4pQ9mRw2", True),
        (b"k7x2m9q4w1", True),
        (b"kx7fmp2q", True),
        (b"iPhone15Pro", False),
        (b"Windows2019Server", False),
        (b"3f2a1b9c7d", False),
        (b"AB12CD34EF", False),
        (b"Hello%20World2", False),
        (b"mary@Host2.test", False),
        (b"x" * 40 + b"A1", False),
    ],
)
def test_what_nobody_mixes_but_for_a_password(value, is_one):
    assert is_made_up(value) is is_one


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (b"Ginger213$", True),
        (b"Maple@2024", True),
        (b"Cedar-Lagoon7-Piano", True),
        (b"k3Vq-9TmX-w2Lr", True),
        (b"AB12-CD34-EF56", False),
        (b"Ginger213", False),
        (b"Section-Two-Three", False),
    ],
)
def test_how_people_and_their_browsers_make_them_up(value, is_one):
    assert is_dressed_up(value) is is_one
