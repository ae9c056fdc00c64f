"""Numbers in their forms, with and without labels, and those that are nobody's."""

import pytest
from tests.unit.guardrails.pii_texts import found, only

CARDS = ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111111111111111", "3782 822463 10005", "6011000990139424"]
CARDS += ["4111.1111.1111.1111", "4111 - 1111 - 1111 - 1111", "3782.822463.10005", "6212345678901234569"]
CARDS += ["213112345678904", "180012345678905", "3501234567890127", "4143592077678647740"]
PHONES = [
    "(212) 555-0187",
    "212-555-0187",
    "212.555.0187",
    "1-212-555-0187",
    "+1 212 555 0187",
    "+12125550187",
    "+44 20 7946 0958",
    "+81-3-1234-5678",
    "+819012345678",
    "020 7946 0958",
    "06 12 34 56 78",
    "0151 17248002",
    "0176/70969789",
    "03-1234-5678",
    "(03)1234-5678",
    "03(1234)5678",
    "０３－１２３４－５６７８",
    "090-1234-5678",
    "09012345678",
    "0120-123-456",
    "0120123456",
    "〇九〇-一二三四-五六七八",
    "212-555-0187 x204",
    "(212) 555-0187, extension 796",
    "090.1234.5678",
    "0120.123.456",
    "0572.37.7497",
    "050-1234-5678",
    "0161 4960893",
    "+39 01245308681",
    "090 - 1234 - 5678",
    "07911123456",
    "0711/8773690",
    "0711 / 8773690",
    "212/555-0187",
    "(030) 901820",
    "09325599304",
]
NOBODYS = [
    "2026-11-22 10:15:00",
    "1712345678901",
    "version 10.2.30.4",
    "978-3-16-148410-0",
    "1,234,567,890",
    "3.14159265358979",
    "10.1000/182.5555",
    "1 2 3 4 5 6 7 8 9 10 11 12",
    "0 1 1 0 1 0 0 1 1 0 1 0",
    "1101 0110 1010 0011",
    "001100 111111",
    "U+30000020",
    "012-345678",
    "/a/b/012/345678",
    "404/500, 2021",
    "2024/05/11 and 0120/12",
    "04 11 23 35 42",
    "00312345678906",
    "1 0067 5661 0319",
    "GTIN 00312345678906",
    "合計0123456789件の数字",
    "1024 2048 4096 8192",
    "123e4567-e89b-12d3-a456-426614174000",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "in 1999-2003 and 2004-2008",
    "00:1A:2B:3C:4D:5E",
    "£1299.00 1499.00",
    "4111 1111 1111 1112",
    "a4111111111111111",
    "12-4111-1111-1111-1111",
    "9400 4111 1111 1111 1111 24",  # groups of a parcel
    "355269848354794055",  # an identifier, though a card's check digit fits
]


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("around", ["{}", "pay {} now", '"{}"', "カード{}です", "n={}, exp 12/27"])
def test_a_card_is_found_whatever_is_around_it(card, around):
    assert only(around.format(card)) == ("payment_card", card)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("behind", ["123", "737 12/27", "2026-01-02", "192.168.1.17", "04 27", "4111 1111 1111 1112"])
def test_a_card_is_found_whatever_number_is_behind_it(card, behind):
    assert ("payment_card", card) in found(f"{card} {behind}")
    assert ("payment_card", card) in found(f"her card: {card} {behind} please")


def test_cards_behind_each_other_are_all_found():
    for pair in zip(CARDS, CARDS[1:], strict=False):
        for between in (" ", ", ", "\n"):
            assert [text for _, text in found(between.join(pair))] == [*pair]


@pytest.mark.parametrize("phone", PHONES)
@pytest.mark.parametrize("around", ["{}", "ask {}, please", '"{}"', "昨日{}から着信", "<{}>"])
def test_a_telephone_number_needs_no_label_if_it_is_written_as_one(phone, around):
    assert only(around.format(phone)) == ("phone", phone)


@pytest.mark.parametrize(
    "text",
    ["phone: {}", '"phoneNumber":"{}"', "Tel. {}", "MOBILE={}", "携帯は{}です", "Ph {}", "Téléphone : {}", "Mob. {}"],
)
def test_bare_digits_are_a_telephone_number_after_a_label(text):
    assert only(text.format("5551234567")) == ("phone", "5551234567")
    assert found(text.format("5551234567").lower().replace("phone", "hotelx").replace("tel", "cart"))[1:] == []


@pytest.mark.parametrize("text", ["0000000000000", "/toppage/0000000000000/APM03000.html", "0001234567890"])
def test_no_countrys_number_begins_with_a_zero(text):
    assert found(text, "phone") == []
    assert found("0081 3 1234 5678", "phone") == [("phone", "0081 3 1234 5678")]


def test_what_is_dialled_first_stands_before_a_whole_country():
    assert only("0011 61 2 9374 4000") == ("phone", "0011 61 2 9374 4000")
    assert only("0081-3-1234-5678") == ("phone", "0081-3-1234-5678")
    assert found("lot 004-242-1582-063", "phone") == []


def test_letters_like_a_passport_s_are_one_only_where_a_label_says_so():
    assert found("part CRCXLGG0T") == []
    assert found("passport CRCXLGGTT") == []


@pytest.mark.parametrize("text", NOBODYS)
def test_a_number_that_is_nobodys_is_left_alone(text):
    assert found(text) == []
    assert found(f"と{text}の") == []


@pytest.mark.parametrize("label", ["Order", "order number is", "invoice no.", "注文番号：", "追跡番号", "tracking-id="])
def test_a_label_can_say_that_a_number_is_nobodys(label):
    assert found(f"{label} 212-555-0187") == []
    assert found(f"{label} 4111111111111111") == []


def test_ten_digits_are_a_telephone_number_in_japanese_only():
    assert found("see 0312345678 for more") == []


def test_a_label_inside_of_an_address_is_none():
    text = '"mail": "amy@mail.nhs.net", "cc": "2544868202958046"'
    assert found(text) == [("email", "amy@mail.nhs.net"), ("payment_card", "2544868202958046")]
    assert found("a@phone.example 4155550132") == [("email", "a@phone.example")]
    assert ("phone", "4155550132") in found("customer.phone=4155550132")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("<dt>口座番号</dt>\n<dd>1234567</dd>", "jp_bank_account", "1234567"),
        ("<tr><th>SSN</th>\n<td>536904399</td></tr>", "us_ssn", "536904399"),
        ("- name: SSN\n  value: 536904399", "us_ssn", "536904399"),
        ('{"label":"口座番号",\n"value":"1234567"}', "jp_bank_account", "1234567"),
    ],
)
def test_tags_and_names_of_values_may_stand_between_the_lines(text, kind, value):
    assert only(text) == (kind, value)


def test_a_label_of_several_means_all_of_a_list():
    numbers = [("phone", "4155550132"), ("phone", "4155550199")]
    assert found('{"phones":["4155550132","4155550199"]}') == numbers
    assert found("phones: 4155550132, 4155550199") == numbers
    assert found("photos 4155550132") == []


def test_a_label_may_stand_right_before_its_number():
    assert found("TEL03-1234-5678　FAX03-1234-5679") == [("phone", "03-1234-5678"), ("phone", "03-1234-5679")]
    assert found("XTEL0, FAXL0 03") == []


def test_a_plus_is_believed_against_any_label():
    assert ("phone", "+44 20 7946 0958") in found("order +44 20 7946 0958 by tonight")
    assert ("phone", "+44 20 7946 0958") in found("write to a@nhs.example or ring +44 20 7946 0958")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("bot: the phone number on the account?\ncaller: it's 4155550132\nbot: ok", "phone", "4155550132"),
        ("agent: can i have the social\ncaller: 536 90 4399", "us_ssn", "536 90 4399"),
        ("[09:14] Bot: Your SSN?\n[09:15] Visitor: 536904399", "us_ssn", "536904399"),
        ("係：口座番号をお願いします。\nお客様：1234567です", "jp_bank_account", "1234567"),
        ("私：新しい電話番号教えて\n母：４１５５５５０１３２", "phone", "４１５５５５０１３２"),
    ],
)
def test_an_answer_is_what_was_asked_for(text, kind, value):
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is your SSN?\nmonitor: 536904399",
        "SSN is nothing that you need for this here.\ncaller: 536904399",
        "SSN 1 or 2?\ncaller: 536904399",
        "SSN?\ncaller: I told you that before: 536904399",
    ],
)
def test_what_is_no_answer_is_not(text):
    assert found(text) == []


@pytest.mark.parametrize("label", ["tax_id", "Tax ID:", "TIN", "taxpayer"])
@pytest.mark.parametrize(("kind", "value"), [("us_ssn", "536-90-4399"), ("id.de", "86095742719")])
def test_a_number_for_taxes_is_what_its_form_says(label, kind, value):
    assert only(f"{label} {value}") == (kind, value)


@pytest.mark.parametrize("text", ["PAN: {}", "pan number is {}", "Permanent Account Number {}", '{{"pan": "{}"}}'])
def test_a_permanent_account_number_needs_its_label(text):
    assert only(text.format("ABCPD1234E")) == ("id.in", "ABCPD1234E")
    assert found(text.format("ABCXD1234E")) == []
    assert found("item ABCPD1234E") == []


def test_that_label_means_one_number_and_no_other():
    assert found("order 99812 shipped, 212-555-0187") == [("phone", "212-555-0187")]
    assert found("Order 212-555-0187 212-555-0188") == [("phone", "212-555-0188")]
    assert found("For your order please ring 212-555-0187") == [("phone", "212-555-0187")]


def test_the_nearest_label_decides():
    assert found("SSN 536904399, passport 536904399") == [("us_ssn", "536904399"), ("passport", "536904399")]
    assert found("hotel 5551234567, excel 5551234567") == []


def test_a_label_does_not_reach_over_lines():
    assert found("phone: none\nepoch time 1712345678") == []
    assert only("Phone:\n5551234567") == ("phone", "5551234567")


@pytest.mark.parametrize("number", ["536-90-4399"])
def test_a_social_security_number_in_its_form_needs_no_label(number):
    assert only(f"it is {number}.") == ("us_ssn", number)


@pytest.mark.parametrize("number", ["000-12-3456", "666-12-3456", "900-12-3456", "536-00-4399", "536-90-0000"])
def test_a_number_that_was_never_given_is_none(number):
    assert found(f"SSN {number}") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NHS number 943 476 5919", ("id.gb", "943 476 5919")),
        ("NINO AB123456C", ("id.gb", "AB123456C")),
        ("SIN 046 454 286", ("id.ca", "046 454 286")),
        ("Aadhaar: 2341 2341 2346", ("id.in", "2341 2341 2346")),
        ("529.982.247-25", ("id.br", "529.982.247-25")),
        ("Steuer-ID 86095742719", ("id.de", "86095742719")),
        ("BSN 111222333", ("id.nl", "111222333")),
        ("PESEL 44051401359", ("id.pl", "44051401359")),
        ("DNI 12345678Z", ("id.es", "12345678Z")),
        ("NRIC S1234567D", ("id.sg", "S1234567D")),
        ("11010519491231002X", ("id.cn", "11010519491231002X")),
        ("passport no. C01X00T47", ("passport", "C01X00T47")),
        ("Passport: 123456789", ("passport", "123456789")),
        ("PAN card number GPXPK7217U", ("id.in", "GPXPK7217U")),
        ("Permanent Account Number (PAN) GPXPK7217U", ("id.in", "GPXPK7217U")),
        ("SS number 233 90 1141", ("us_ssn", "233 90 1141")),
        ("Reisepass-Nr.: CRCXLGG0T", ("passport", "CRCXLGG0T")),
    ],
)
def test_what_states_give_to_persons(text, expected):
    assert only(text) == expected


@pytest.mark.parametrize("text", ["DNI 12345678A", "NRIC S1234567A", "NHS number 943 476 5918", "SIN 046 454 287"])
def test_a_wrong_check_digit_is_no_number(text):
    assert found(text) == []


def test_digits_that_stand_apart_are_read_together():
    assert only("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1") == ("payment_card", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")
    assert only("at 0-9-0-1-2-3-4-5-6-7-8 now") == ("phone", "0-9-0-1-2-3-4-5-6-7-8")


def test_invisible_characters_inside_do_not_hide_a_number():
    assert only("card 4111\u200b1111\u20601111 1111") == ("payment_card", "4111\u200b1111\u20601111 1111")


@pytest.mark.parametrize("text", ["call +1-23456789012 now", "法人 +123456789012", "個人番号は +1-2345-6789-012"])
def test_too_many_digits_after_a_plus_are_nothing_and_stop_nobody(text):
    assert found(text) == []


def test_a_number_takes_its_longest_reading():
    assert found("DE89 3704 0044 0532 0130 00") == [("iban", "DE89 3704 0044 0532 0130 00")]


@pytest.mark.parametrize("card", ["4222 2222 2222 2", "4222-2222-2222-2", "6304 2345 6789 1234 59", "5018123456789"])
def test_cards_of_other_lengths_need_a_label(card):
    assert only(f"card number: {card}.") == ("payment_card", card)
    assert found(f"number {card}.") == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("SSN: 536 - 90 - 4399.", "us_ssn", "536 - 90 - 4399"),
        ("employee, SS# 536904399, born", "us_ssn", "536904399"),
        ("米国社会保障番号 536904399", "us_ssn", "536904399"),
        ("Aadhaar card no 2341 2341 2346", "id.in", "2341 2341 2346"),
        ("マイナンバーカードの番号：123456789018", "jp_my_number", "123456789018"),
        ("Steuerliche Identifikationsnummer 36574261809", "id.de", "36574261809"),
        ("Passport No.\n882752332", "passport", "882752332"),
        ("℡ 0312345678", "phone", "0312345678"),
        ("reach us at 8144417219 today", "phone", "8144417219"),
        ("You can text 9522126506 if", "phone", "9522126506"),
        ("emergency contact 6562158154 (mother)", "phone", "6562158154"),
        ("my phone number is 2066443148. 12 people", "phone", "2066443148"),
    ],
)
def test_what_the_words_before_a_number_call_it(text, kind, value):
    assert only(text) == (kind, value)


def test_a_label_on_the_line_before_says_nothing_where_more_stands_between():
    assert found("Passport: see the notes below.\n882752332") == []
    assert found("Passport No.\n\n882752332") == []


@pytest.mark.parametrize("number", ["TK1234567", "TZ1234567", "tk1234567"])
def test_passports_of_japan_begin_with_letters_of_their_own(number):
    assert only(f'"passport_no": "{number}"') == ("jp_passport", number)


def test_other_letters_are_of_japan_where_japanese_stands_before_them():
    assert only("旅券番号 MZ1234567") == ("jp_passport", "MZ1234567")
    assert only("passport no MZ1234567") == ("passport", "MZ1234567")


@pytest.mark.parametrize("number", ["EA1234567", "PA1234567"])
def test_passports_of_others_are_others_in_japanese_too(number):
    assert only(f"旅券番号 {number}") == ("passport", number)


@pytest.mark.parametrize(
    "account",
    ["gb82 west 1234 5698 7654 32", "GB82.WEST.1234.5698.7654.32", "GB82 - WEST - 1234 - 5698 - 7654 - 32",
     "GB 82WEST12345698765432"],
)  # fmt: skip
def test_an_account_in_whatever_groups(account):
    assert only(f"to {account} today") == ("iban", account)


@pytest.mark.parametrize(
    "text", ["at 20 people came to see 12 of us", "gb82 west of there, 1234 went", "in 2024 100 new"]
)
def test_prose_is_no_account(text):
    assert found(text) == []


@pytest.mark.parametrize("text", ["::ffff:203.0.113.7 x", "[::ffff:203.0.113.7]:80"])
def test_an_address_of_version_4_in_one_of_version_6(text):
    assert only(text) == ("ip_address", "::ffff:203.0.113.7")


def test_or_of_a_machine_itself():
    assert found("::ffff:127.0.0.1") == []


@pytest.mark.parametrize("text", ["inside:{}/443", "src {}/161 by", "{}/24", "from {}/32."])
def test_an_address_with_its_port_or_mask_behind_a_slash(text):
    assert only(text.format("12.213.224.214")) == ("ip_address", "12.213.224.214")


@pytest.mark.parametrize("sign", ["[.]", "(.)", "[dot]", "(dot)"])
def test_points_as_reports_of_attacks_write_them(sign):
    address = sign.join(("203", "0", "113", "7"))
    assert only(f"blocked {address} today") == ("ip_address", address)
    assert only(f"IPアドレスは{address}です") == ("ip_address", address)


def test_an_address_behind_a_slash_and_a_colon_is_no_password():
    assert only("Username/e-mail:jane@example.com|") == ("email", "jane@example.com")
