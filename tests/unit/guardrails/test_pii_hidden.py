"""Values that are written so that no program should read them, or as only some programs write them."""

from base64 import b64encode

import pytest
from tests.unit.guardrails.pii_texts import found, only

from llmgateway.guardrails.pii import escapes, runs

UNSEEN = "\u200b"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("contact me at robert.cox[at]haynes[dot]org please", "robert.cox[at]haynes[dot]org"),
        ("write to me at john dot doe at example dot com.", "john dot doe at example dot com"),
        ("メールはkelly.coxアットgriffinドットexampleドットcomです", "kelly.coxアットgriffinドットexampleドットcom"),
        ("taroアットマークexample.jp。", "taroアットマークexample.jp"),
        ("karen.stanton @ example.com", "karen.stanton @ example.com"),
    ],
)
def test_the_last_of_several_signs_is_the_one_of_the_address(text, address):
    assert only(text) == ("email", address)


@pytest.mark.parametrize(
    "text", ["y = x @ self.net", "q @ k.mT", "アットホームなドットコム", "look at example.com", "a[@]b"]
)
def test_code_and_prose_are_no_addresses(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("user@münchen.de が", "user@münchen.de"),
        ("メールはinfo@例え.jpまで", "info@例え.jp"),
        ("andré.x@example.com and", "andré.x@example.com"),
        ("почта user@пример.рф", "user@пример.рф"),
        ("x@y.xn--p1ai", "x@y.xn--p1ai"),
        ("連絡先info@example.comまたは例え.jp", "info@example.com"),
    ],
)
def test_addresses_with_other_letters(text, address):
    assert only(text) == ("email", address)


@pytest.mark.parametrize("text", ["https://jo:secret@müller.de/", "https://jo:pass@example.com", "価格@東京です.jp"])
def test_what_stands_before_the_host_of_a_url_is_no_address(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("payment_card", "4111111111111111"),
        ("phone", "090-1234-5678"),
        ("us_ssn", "536-90-4399"),
        ("ip_address", "203.0.113.7"),
        ("email", "jane@example.org"),
    ],
)
def test_a_value_in_base64(kind, value):
    encoded = b64encode(value.encode()).decode()
    assert only(f"see {encoded} there") == (kind, encoded)


@pytest.mark.parametrize("value", ["4111111111111112", "12 apples + 5", "1234567890123456", "99-99-99-99-99"])
def test_other_numbers_in_base64_are_nothing(value):
    assert found(b64encode(value.encode()).decode()) == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("tel=%2B16174455676&x=1", "phone", "%2B16174455676"),
        ("090%2D1234%2D5678 x", "phone", "090%2D1234%2D5678"),
        ("card=4111%201111%201111%201111", "payment_card", "4111%201111%201111%201111"),
        ("beacon to 203[.]0[.]113[.]7 seen", "ip_address", "203[.]0[.]113[.]7"),
    ],
)
def test_signs_in_their_escapes(text, kind, value):
    ((found_kind, piece),) = found(text)
    assert found_kind == kind
    assert value.endswith(piece)
    assert len(value) - len(piece) <= 3


def test_what_is_plain_is_as_long_as_it_was():
    octets = b"a %2B %20 1[.]2 b[.]c"
    assert len(escapes.plain(octets)) == len(octets)
    assert escapes.plain(octets).replace(runs.GAP, b"") == b"a +   1.2 b[.]c"
    assert escapes.plain(b"nothing") == b"nothing"


@pytest.mark.parametrize("value", ["GB82WEST12345698765432", "203.0.113.7"])
def test_unseen_characters_between_all_others(value):
    hidden = UNSEEN.join(value)
    assert found(f"to {hidden} now") == [("iban" if value[0] == "G" else "ip_address", hidden)]


def test_too_many_of_them_hide_it():
    assert found((UNSEEN * 8).join("GB82WEST12345698765432")) == []


def test_a_number_that_is_said_aloud():
    assert only("お客様：080の1234の5678です") == ("phone", "080の1234の5678")
    assert only("電話は03・1234・5678まで") == ("phone", "03・1234・5678")


@pytest.mark.parametrize(
    "address", ["a@1例え.jp", "a@mail.例え.jp", "a@x-1例.jp", "é.long.name@b.example", "a@b.ü.example"]
)
@pytest.mark.parametrize("around", ["{}", "メールは{}まで", "x@y.example、{}", "? {} ?"])
def test_each_such_address_is_found_by_itself(address, around):
    """A quick look must let each pass that a closer one takes, whatever else stands in the text."""
    alone = ("email", address) in found(address)
    assert (("email", address) in found(around.format(address))) == alone
    assert alone == (address != "a@x-1例.jp")  # in two scripts


def test_many_signs_are_no_trouble():
    assert found("@" * 2000 + "あ") == []
