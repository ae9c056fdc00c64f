"""E-mail addresses, plain and hidden; addresses of the Internet protocol; bank accounts by IBAN."""

from base64 import b64encode

import pytest
from tests.unit.guardrails.pii_texts import found, only

MAILS = ["jane.doe+news@mail.example.co.uk", "a@b.co", "o'neil_99@example.museum", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｊｐ"]


@pytest.mark.parametrize("mail", MAILS)
@pytest.mark.parametrize(
    "around", ["{}", "to {}, please", '{{"email":"{}"}}', "<{}>", "メールは{}まで", "a,{},b", "mailto:{}?x=1", "({})."]
)
def test_an_e_mail_address_is_found_whatever_is_around_it(mail, around):
    kind, piece = only(around.format(mail))
    assert kind == "email"
    assert piece in {mail, f"mailto:{mail}"}


@pytest.mark.parametrize(
    "hidden",
    [
        "jane [at] example [dot] com",
        "jane(at)example(dot)com",
        "jane at example dot com",
        "jane[at]example.com",
        "jane @ example . com",
        "jane AT example DOT com",
        "jane%40example.com",
        "jane&#64;example.com",
        "jane&#x40;example.com",
        "jane\\u0040example.com",
        "jane（アット）example（ドット）com",
        "jane アット example ドット com",
        "jane アットマーク example ドット com",
        "ja\u200bne@exam\u2060ple.com",
        b64encode(b"jane@example.com").decode(),
        b64encode(b"jane.doe@example.org").decode(),
    ],
)
def test_an_address_is_found_in_disguise(hidden):
    assert only(f"write {hidden}, then") == ("email", hidden)
    assert only(f"宛先：{hidden}です") == ("email", hidden)


@pytest.mark.parametrize(
    "text",
    [
        "icon@2x.png",
        "npm@10.2.3",
        "@media (max-width: 3px)",
        "git@github.com:org/repo.git",
        "Message-ID: <20260102.abc@mail.example.com>",
        "https://user:secret@db.example.com/x",
        "meet at noon at the office",
        "look at example.com for more",
        "a@b",
        "@@@@ a@ @b.co",
        b64encode(b"nothing to see here").decode(),
        "U3VwZXJjYWxpZnJhZ2lsaXN0aWM",
    ],
)
def test_what_only_looks_like_one(text):
    assert found(text) == []


def test_a_word_longer_than_any_address_holds_none():
    assert found("x" * 200 + "@example.com") == []
    assert found("x" * 60 + "@example.com") == [("email", "x" * 60 + "@example.com")]


ADDRESSES = [
    "203.0.113.7",
    "10.1.2.3",
    "2001:db8:85a3::8a2e:370:7334",
    "2001:db8:1:2:3:4:5:6",
    "fe80::1",
    "::ffff:0:1a2b",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "around", ["{}", "from {} port 22", '"ip":"{}"', "接続元は{}です", "IP：{}、", "server {}.", "[{}]"]
)
def test_an_address_of_either_version(address, around):
    assert only(around.format(address)) == ("ip_address", address)


def test_an_address_beside_what_belongs_to_it():
    assert only("http://203.0.113.7:8080/x") == ("ip_address", "203.0.113.7")
    assert only("203.0.113.0/24 via") == ("ip_address", "203.0.113.0")
    assert [piece for _, piece in found("203.0.113.7-203.0.113.9")] == ["203.0.113.7", "203.0.113.9"]
    assert [piece for _, piece in found("203.0.113.7, 203.0.113.9")] == ["203.0.113.7", "203.0.113.9"]


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "0.0.0.0:8080",
        "255.255.255.0",
        "::1",
        "::",
        "version 1.2.3.4",
        "v1.2.3.4",
        "foo==1.2.3.4",
        "Chrome/120.0.0.0",
        "foo-1.2.3.4.tar.gz",
        "1.2.3.4-rc1",
        "1.2.3.4.5",
        "300.1.2.3",
        "12:34:56",
        "std::vector::a",
        "dead::beef",
        "00:1a:2b:3c:4d:5e",
        "00:11:22:33:44:55:66:77",
        "バージョン1.2.3.4",
    ],
)
def test_what_is_no_address_of_anybody(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "iban",
    ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32", "NO9386011117947"],
)
def test_an_account_number_in_one_piece_or_in_groups(iban):
    assert only(f"to {iban} today") == ("iban", iban)
    assert only(f"口座は{iban}です") == ("iban", iban)


@pytest.mark.parametrize(
    "iban", ["DE89370400440532013001", "ZZ89370400440532013000", "DE8937040044053201300", "DE89 3704"]
)
def test_a_wrong_account_number_is_none(iban):
    assert "iban" not in {kind for kind, _ in found(iban)}
