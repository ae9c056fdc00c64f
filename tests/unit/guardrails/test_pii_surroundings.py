"""What stands right beside a number, and how its groups are, tells it from others of the same length."""

import pytest
from tests.unit.guardrails.pii_texts import found, only

CARDS = ["4111 1111 1111 1111", "5555 5555 5555 4444", "3782 822463 10005"]


def test_each_card_of_a_list_with_dates_is_found():
    text = "from the report:\n" + "\n".join(f"  {card}  0{at}/27" for at, card in enumerate(CARDS, 1))
    assert [piece for _, piece in found(text)] == CARDS
    assert [piece for _, piece in found(" ".join(f"12/28 {card}" for card in CARDS))] == CARDS


@pytest.mark.parametrize("card", ["624123 8411665205230", "624123-8411665205230", "6241238411665205230"])
def test_a_card_in_two_groups(card):
    assert only(f"paid with {card}.") == ("payment_card", card)


@pytest.mark.parametrize("text", ["5394 5428 5462 5496 5531 \n 5565", "cases/testcase-detail/5390364397928448."])
def test_numbers_in_rows_and_paths_are_no_cards(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("and call 8123 7562 to reschedule", "8123 7562"),
        ("WhatsApp: 61237455", "61237455"),
        ('"phone": "030 124547"', "030 124547"),
        ("tel 512 391 780", "512 391 780"),
        ("Tel: 02-217-1121", "02-217-1121"),
        ("Contact: 6128 8424, or", "6128 8424"),
        ("(11) 2327-9061", "(11) 2327-9061"),
        ("021 231 86 68", "021 231 86 68"),
        ("Contact: 1350089506 / mail", "1350089506"),
        ("telephones +44 118 496 0014, 3311573751", "3311573751"),
    ],
)
def test_telephone_numbers_of_other_countries(text, phone):
    assert ("phone", phone) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "gtk+3.0 (3.24.38-2) and 15~+20220727091640",
        "U+2161-2163, U+2165-2168",
        "overflow the call stack (CVE-2026-9358)",
        "the fax machine, model FX-1234-5678",
        "967 979 992 1004 1017",
        "0069 0307 0301",
        "fax 20250314",
        "phone id 51239178",
        "Clause 252.227-7013",
        "Claim 0965/587772",
        "the licence file 1234-5678-9012",
        "P/N 123-45-6789-A",
    ],
)
def test_what_letters_and_groups_beside_a_number_rule_out(text):
    assert found(text) == []


def test_a_plus_behind_the_break_of_a_line_in_json_is_one():
    assert only('"call\\n+44 20 7946 0018"') == ("phone", "+44 20 7946 0018")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("seen 110105194912310038 there", "id.cn", "110105194912310038"),
        ("UID 2341 2341 2346", "id.in", "2341 2341 2346"),
        ("(S.I.N. 046 454 286)", "id.ca", "046 454 286"),
        ("the passport she renewed in 2022 has the number UW554547", "passport", "UW554547"),
        ("his passport (R3754006)", "passport", "R3754006"),
    ],
)
def test_what_else_says_whose_a_number_is(text, kind, value):
    assert only(text) == (kind, value)


@pytest.mark.parametrize(
    "text",
    ["uid=234123412346", "110105194913310048", "passport 2022 2023 UW554547", "doi:10.8034/j.0665.24.1713; see there"],
)
def test_what_does_not(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Upgrade from 1.2.3.4 to 1.2.4.0",
        '[assembly: AssemblyVersion("2.30.14.115")]',
        "enzyme classes 2.7.11.1, 1.14.13.39 and 3.4.21.36",
        "sections 10.4.12.1 to 10.4.13.2",
        "XFree86 4.3.99.16 brings",
        "zip 2.2.1.3",
        "bump foo from 4.4.63.26 to 4.5",
    ],
)
def test_numbers_of_versions_and_chapters_are_no_addresses(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "ping 8.8.8.8 fails",
        "http://1.2.3.4/x",
        "root@5.9.1.2",
        "IP 5.9.1.2",
        "5.9.1.2:443 is down",
        "5.9.1.0/24",
        '5.9.1.2 - - [10/Mar/2025] "GET /"',
        "10.0.0.1 is ours",
        "a login from 5.9.1.2 at noon",
        "接続元は5.9.1.2です",
        "from 203.0.113.7, 198.51.100.23",
    ],
)
def test_short_addresses_are_some_where_something_says_so(text):
    assert {kind for kind, _ in found(text)} == {"ip_address"}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("card 4372 0809 9844\n0782, ok", "payment_card", "4372 0809 9844\n0782"),
        ("phone +33 1 23\n20 87 80.", "phone", "+33 1 23\n20 87 80"),
        ("card 4 1 1 1 1 1 1 1\n1 1 1 1 1 1 1 1 ok", "payment_card", "4 1 1 1 1 1 1 1\n1 1 1 1 1 1 1 1"),
        ("text +44\n7400 736020 then", "phone", "+44\n7400 736020"),
        ("write or ring the following number if nobody opens, +44 7700\n900118.", "phone", "+44 7700\n900118"),
    ],
)
def test_a_number_that_its_first_line_begins(text, kind, value):
    assert only(text) == (kind, value)


@pytest.mark.parametrize(
    "text",
    ["tel 212-555-0187\n2 rooms", "12345678\n12345678", "so 4111 1111\n1111 1111", "+1\n2 apples", "+44 1\n+44 2"],
)
def test_what_begins_no_number_goes_on_nowhere(text):
    assert all("\n" not in piece for _, piece in found(text))
