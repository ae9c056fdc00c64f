import ipaddress
import unicodedata

import phonenumbers
import pytest
from bench.guardrails.dice import Dice
from bench.guardrails.values import MAKERS, benign, value
from bench.guardrails.values.tokens import PROVIDERS
from stdnum import ean, iban, luhn
from stdnum.jp import cn, in_
from stdnum.us import ssn

SEEDS = range(60)


def made(name, language):
    return [value(name, Dice(f"{name}/{seed}", language)) for seed in SEEDS]


def found(name, language, kind=None):
    """What is labelled, in ordinary characters."""
    return [
        unicodedata.normalize("NFKC", each.text[label.start : label.end])
        for each in made(name, language)
        for label in each.labels
        if kind in {None, label.kind} and label.is_needed
    ]


def digits(text):
    return "".join(each for each in text if each.isdigit())


def languages(name):
    return ["ja"] if name == "kana" else ["en", "ja"]


@pytest.mark.parametrize(("name", "language"), [(name, each) for name in MAKERS for each in languages(name)])
def test_every_label_is_inside_its_text_and_so_are_its_other_bounds(name, language):
    for each in made(name, language):
        assert each.text
        for label in each.labels:
            for start, end in ((label.start, label.end), *label.wider):
                assert 0 <= start < end <= len(each.text)
            assert each.text[label.start : label.end].strip() == each.text[label.start : label.end]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_cards_have_their_check_digit(language):
    assert all(luhn.is_valid(digits(each)) for each in found("payment_card", language))


def test_ibans_are_valid_and_of_several_countries():
    numbers = found("iban", "en")
    assert all(iban.is_valid(each) for each in numbers)
    assert len({each[:2] for each in numbers}) > 4


def test_my_numbers_have_their_check_digit():
    assert all(in_.is_valid(digits(each)) for each in found("jp_my_number", "ja"))


def test_corporate_numbers_have_their_check_digit():
    assert all(cn.is_valid(digits(each)) for each in found("jp_corporate_number", "ja"))


def test_the_t_of_an_invoice_is_not_a_part_of_the_number_but_may_be_taken():
    with_t = [each for each in made("jp_corporate_number", "ja") if each.text.startswith("T")]
    assert with_t
    assert all(each.labels[0].start == 1 and each.labels[0].wider == ((0, 14),) for each in with_t)


def test_licences_have_twelve_digits_a_place_and_a_check_digit():
    for number in found("jp_driving_licence", "ja"):
        assert len(number) == 12
        assert 10 <= int(number[:2]) <= 97
        weighted = sum(
            int(digit) * weight for digit, weight in zip(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=False)
        )
        assert int(number[10]) == (11 - weighted % 11) % 11 % 10


def test_social_security_numbers_are_valid():
    assert all(ssn.is_valid(each) for each in found("us_ssn", "en"))
    assert all(ssn.is_valid(each.replace(" ", "")) for each in found("us_ssn_bare", "en"))


@pytest.mark.parametrize(("language", "regions"), [("en", ("US", "GB")), ("ja", ("JP",))])
def test_telephone_numbers_are_valid(language, regions):
    for each in found("phone", language) + found("mobile", language):
        assert any(phonenumbers.is_valid_number(phonenumbers.parse(each, region)) for region in regions), each


def test_addresses_of_machines_are_global_and_private_ones_need_not_be_found():
    assert all(ipaddress.ip_address(each).is_global for each in found("ip_address", "en"))
    assert {ipaddress.ip_address(each).version for each in found("ip_address", "en")} == {4, 6}
    assert found("private_ip", "en") == []


def test_an_account_is_its_number_and_may_be_told_with_its_bank():
    for each in made("jp_bank_account", "ja"):
        label = each.labels[0]
        assert len(digits(unicodedata.normalize("NFKC", each.text[label.start : label.end]))) == 7
        assert (0, len(each.text)) in label.wider


def test_postal_savings_end_in_one():
    assert all(each.endswith("1") and len(each) == 8 for each in found("jp_postal_savings", "ja"))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_addresses_of_people_have_one_sign_and_a_host(language):
    for each in found("email", language):
        local, _, host = each.partition("@")
        assert local
        assert "." in host
        assert "@" not in host


def test_names_are_what_stands_in_the_text():
    assert all(" " in each for each in found("person", "en"))
    assert all(each.isidentifier() or " " in each for each in found("person", "ja"))


def test_japanese_addresses_begin_with_a_prefecture():
    assert all(any(each[:4].find(mark) > 0 for mark in "都道府県") for each in found("jp_address", "ja"))


@pytest.mark.parametrize("family", sorted(PROVIDERS))
def test_a_token_is_one_word_long_enough_to_be_one_and_never_the_same(family):
    tokens = {PROVIDERS[family](Dice(str(seed), "en")) for seed in SEEDS}
    assert len(tokens) == len(SEEDS)
    assert all(len(each) >= 20 and not any(char.isspace() for char in each) for each in tokens)


def test_a_password_in_an_address_is_labelled_and_the_whole_address_may_be_taken():
    for each in made("connection", "en"):
        label = each.labels[0]
        assert each.text[label.start - 1] == ":"
        assert each.text[label.end] == "@"
        assert (0, len(each.text)) in label.wider


def test_a_key_block_is_labelled_as_a_whole_and_its_body_may_be_taken():
    for each in made("private_key", "en"):
        assert each.text.startswith("-----BEGIN ")
        assert each.text.endswith(" PRIVATE KEY-----")
        start, end = each.labels[0].wider[0]
        assert "PRIVATE KEY" not in each.text[start:end]


@pytest.mark.parametrize("name", sorted(benign.MAKERS))
def test_nothing_benign_has_to_be_found(name):
    assert found(name, "en") == found(name, "ja") == []


def test_book_and_bar_codes_have_check_digits_as_real_ones_do():
    assert all(ean.is_valid(digits(each.text)) for name in ("isbn", "jan") for each in made(name, "ja"))


def test_the_same_seed_gives_the_same_value():
    assert made("email", "ja") == made("email", "ja")
    assert made("token", "en") == made("token", "en")
