"""Passwords and keys in tables: the title of a column says what they are."""

import pytest

from llmgateway.domain.verdict import Action
from llmgateway.guarding.chain import Chain, Link
from llmgateway.guarding.holdback import HoldBack, joined
from llmgateway.guarding.notes import Notes
from llmgateway.guarding.placeholders import Placeholders
from llmgateway.guardrails.secrets import columns
from llmgateway.guardrails.secrets.guardrail import Secrets
from llmgateway.wire.heads import Above, Head
from llmgateway.wire.view import View

GUARD = Secrets({})
ONE, TWO = "c0rrectH0rse14", "Winter#2025x"
KEY = "q8Zt4mN0vXw2Lr7K"


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in GUARD.find(View(text))]


@pytest.mark.parametrize(
    "text",
    [
        f"| user | password |\n|---|---|\n| bob | {ONE} |\n| ann | {TWO} |",
        f'host,user,"DB Password",port\ndb1,root,"{ONE}",5432\ndb2,app,{TWO},5432',
        f"name\tpwd\nbob\t{ONE}\nann\t{TWO}\n",
        f"サービス,ID,パスワード\nAWS,bob,{ONE}\nGCP,bob,{TWO}",
        f"| ID | 初期パスワード（仮） |\n|--|--|\n| bob | `{ONE}` |\n| ann | `{TWO}` |",  # noqa: RUF001
        "admin_password;host\n" + f"{ONE};h\n" + "-;h\n" * 90 + f"{TWO};h",
    ],
)
def test_what_stands_in_a_column_of_passwords(text):
    assert found(text) == [("secret.password", ONE), ("secret.password", TWO)]


@pytest.mark.parametrize("title", ["API key", "api_key", "Client Secret", "APIキー", "access-token"])
def test_what_stands_in_a_column_of_keys(title):
    assert found(f"service,{title}\nmaps,{KEY}") == [("secret.generic", KEY)]


@pytest.mark.parametrize(
    "text",
    [
        "| Parameter | Password |\n|---|---|\n| type | string |\n| least | 12 characters |\n| hash | SHA-256 |",
        "user,password\nbob,<password>\nann,changeme123\ncy,${DB_PASSWORD2}",
        f"user,password\nbob,{ONE} is what he said",
        f"passwd,\n{ONE},\n",  # a list of words
        f"Feature,Compass\nx,{ONE}",
        f'"pt", "pu", "pw"\n"qladder", "qnorm", "{ONE}"',  # who logs in?
        f"user,password\n\nbob,{ONE}",
        f"user,password\nbob,{'a1B' * 50}",
        "token,id\n##ing,c0rrectH0rse14x",
    ],
)
def test_what_is_no_password_or_no_such_column(text):
    assert found(text) == []


@pytest.mark.parametrize("size", [1, 5, 50, 300])
def test_a_stream_says_what_the_whole_text_says(size):
    lines = [f"bob{at},{ONE if at % 2 else ONE + ' no'},{at}" for at in range(60)]
    text = "\n".join(["So:", "", "user,password,n", *lines, "", "That's all, c0rrectH0rse15."])
    hold = HoldBack(Chain([Link("secrets", GUARD, Action.REDACT)]), Notes(), Placeholders())
    out = "".join(joined(hold.feed(text[at : at + size])) for at in range(0, len(text), size)) + joined(hold.finish())
    assert out == text.replace(f"{ONE},", "[SECRET_PASSWORD],")


def test_a_cell_waits_where_it_may_be_a_password_and_nowhere_else():
    above = Above((Head(",", ("user", "password")),), "bo")
    for text, waits in (("b,c0rr", 4), ("b,c0rr ", 5), ("b,c0rr x", 0), ("b,c0rr,7", 0), ("b,", 0), ("b\nx\ny", 0)):
        assert len(text) - columns.opening(View(text, above)) == waits
