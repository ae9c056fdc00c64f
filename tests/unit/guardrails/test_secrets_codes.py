"""One-time codes, PINs, codes of doors and recovery codes: found right beside their names, and nowhere else."""

import pytest
from tests.support.guardrails import waits

from llmgateway.guardrails.secrets import codes
from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.wire.view import View

GUARD = Secrets({})


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in GUARD.find(View(text))]


TEXTS = [
    "Your verification code is {}. It expires in 10 minutes.",
    "Your one-time password is {}; never share it with anyone.",
    "Acme: your code is {}",
    "your Acme code is {}",
    "I got an OTP of {} but the page timed out.",
    "The door code for the server room is {}.",
    "Gate code is #{}.",
    "Parental control PIN: {}",
    "Enter PIN {} on the keypad.",
    "My SIM PIN1 is {}",
    "Passcode for the tablet is {}.",
    "{} is your login code.",
    "{} is your Acme verification code",
    "認証コードは {} です。",
    "認証コード（6桁）：{}",
    "確認コード【{}】をログイン画面に入力してください。",
    "ワンタイムパスワード：{}",
    "サーバールームの入室コードは{}です。",
    "PINは{}です",
    "{} があなたの認証コードです。",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("code", ["482913", "7306", "40719385"])
def test_a_number_beside_the_name_of_a_code(text, code):
    assert found(text.format(code)) == [("secret.code", code)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Recovery codes: k3f9q-w2m7x, p8r4t-z6n1v", ["k3f9q-w2m7x", "p8r4t-z6n1v"]),
        ("Save these recovery codes somewhere safe:\n48201937\n50718264", ["48201937", "50718264"]),
        ("backup codes: 4820-1937 5071-8264", ["4820-1937", "5071-8264"]),
        ("BitLocker recovery key: 225875-272081-394694-757619", ["225875-272081-394694-757619"]),
        ("Google: G-482913 is your verification code", ["G-482913"]),
        ("次のリカバリーコードを保管してください。\nk3f9q-w2m7x\np8r4t-z6n1v", ["k3f9q-w2m7x", "p8r4t-z6n1v"]),
        ("バックアップコード：4820-1937、5071-8264", ["4820-1937", "5071-8264"]),
    ],
)
def test_codes_that_recover_have_letters_and_come_in_lists(text, values):
    assert found(text) == [("secret.code", each) for each in values]


@pytest.mark.parametrize(
    "text",
    [
        "Error code 482913: access denied",
        "The postal code is 10115, the area code 4021.",
        "MG Road, Bengaluru, PIN code: 560001",
        "Promo code: SPRING25, order code: 48291377",
        "The verification code is sent by SMS and is valid for 10 minutes.",
        "The PIN header on the board has 4021 pins; GPIO18 is free.",
        "In Erlang/OTP 26 the default changed; OTP: 25.3 works",
        "Security code scanning found 1204 issues.",
        "recovery code path: 4096.5 ms",
        "Your PIN is 1234, or 0000, they say",
        "Backup code: src/backup/run.py",
        "shopping: 4021",
        "4021 is your room",
        "認証コードの有効期限は2026年12月1日までです。",
        "認証コードを入力してください（残り 1800 秒）。",
        "入室コードは総務（内線 4021）に聞いてください。",
        "暗証番号は登録時に決めた4桁です。",
        "認証コードは以下ではありません。4021号室",
        "4021です。認証コードは別に送ります",
    ],
)
def test_what_is_no_code(text):
    assert found(text) == []


@pytest.mark.parametrize("text", TEXTS)
def test_a_number_waits_for_what_calls_it_a_code(text):
    assert waits(GUARD, f"So {text.format('482913')}\nNothing more.", "482913")


@pytest.mark.parametrize("after", [" apples", " is yours", " is your one two three four five six", "\n", ", "])
def test_it_waits_no_longer_than_such_words_go_on(after):
    text = f"so 482913{after}"
    assert codes.opening(View("so 482913 is your Acme ver")) == len("so ")
    assert codes.opening(View(text + ".")) == len(text) + 1


def test_codes_are_a_kind_of_their_own():
    text = "Your verification code is 482913, the password is xT4pQ9mRw2"
    assert [each.kind for each in Secrets({"kinds": ["secret.code"]}).find(View(text))] == ["secret.code"]
    assert [each.kind for each in Secrets({"kinds": ["secret.password"]}).find(View(text))] == ["secret.password"]
