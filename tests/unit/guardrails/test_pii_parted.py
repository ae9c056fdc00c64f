"""Numbers that the end of a line parts, or signs that part other things."""

import random

import pytest
from tests.unit.guardrails.pii_texts import found, only, streamed

from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.wire.view import SEPARATOR, View

LINE = "This is a line of a mail which a client has wrapped, "
BROKEN = [
    (f"{LINE}4111-1111-\n1111-1111 and so on", ("payment_card", "4111-1111-\n1111-1111")),
    (f"{LINE}4111 1111\r\n1111 1111 and so on", ("payment_card", "4111 1111\r\n1111 1111")),
    (f"> {LINE}4111 1111 1111 \n> 1111", ("payment_card", "4111 1111 1111 \n> 1111")),
    ("my number: 090-1234-\n5678", ("phone", "090-1234-\n5678")),
    ("ring (212) 555-\n0187.", ("phone", "(212) 555-\n0187")),
    ("電話は03-1234-\n5678です", ("phone", "03-1234-\n5678")),
    (f"{LINE}phone 03 1234\n5678 is", ("phone", "03 1234\n5678")),
    ("マイナンバーは1234-5678-\n9018です", ("jp_my_number", "1234-5678-\n9018")),
    ("SSN 536-90-\n4399", ("us_ssn", "536-90-\n4399")),
]
SIGNED = [
    ("card 4111/1111/1111/1111", ("payment_card", "4111/1111/1111/1111")),
    ("4111_1111_1111_1111", ("payment_card", "4111_1111_1111_1111")),
    ("it is 4111 / 1111 / 1111 / 1111", ("payment_card", "4111 / 1111 / 1111 / 1111")),
    ("カード：4111、1111、1111、1111", ("payment_card", "4111、1111、1111、1111")),  # noqa: RUF001 - full width
    ("電話 03/1234/5678", ("phone", "03/1234/5678")),
    ("TEL：03、1234、5678", ("phone", "03、1234、5678")),  # noqa: RUF001
    ("電話 03～1234～5678", ("phone", "03～1234～5678")),  # noqa: RUF001
    ("tel: 212/555-0187", ("phone", "212/555-0187")),
    ("phone 212 / 555 / 0187", ("phone", "212 / 555 / 0187")),
    ("マイナンバー 1234/5678/9018", ("jp_my_number", "1234/5678/9018")),
    ("口座 123/4567890", ("jp_bank_account", "123/4567890")),
    ("SSN: 536_90_4399", ("us_ssn", "536_90_4399")),
]


@pytest.mark.parametrize(("text", "value"), BROKEN + SIGNED)
def test_a_number_in_parts(text, value):
    assert only(text) == value


@pytest.mark.parametrize(
    "text",
    [
        f"{LINE}4111 1111\n1111 1112",  # the check digit is another
        "4111 1111\n1111 1111",  # nothing has wrapped so short a line
        f"{LINE}there were 0312\n345678 of them",
        f"{LINE}call about 1234\n2024-11-29 10:11",
        f"phone{SEPARATOR} 03/1234/5678",
        "see 2024/11/29, 12/31/2025 and 11/29/2024",
        "call on 11/29/2025 or 2025/11/29",
        "2024_11_29_123456.log",
        "1234/5678/9018 items",
        "in 03/1234/5678 of cases",
        "注文番号 4111/1111/1111/1111",
        "カードは4111、1111、1111、1112番",
        "電話は3月、1234件、5678人",
        "12345/1234/5678/9018/1",
        "tel 03/" + "1" * 60 + "/5678",
    ],
)
def test_what_is_none(text):
    assert found(text) == []


def test_what_follows_in_the_next_line_is_no_part_of_a_whole_number():
    assert found(f"{LINE}phone 03-1234-5678\n2024 was a good year") == [("phone", "03-1234-5678")]


@pytest.mark.parametrize("seed", range(60))
def test_in_pieces_as_in_the_whole(seed):
    dice, guardrail = random.Random(seed), PiiGuardrail({})
    parts = [text for text, _ in dice.sample(BROKEN + SIGNED, 4)]
    parts = [text[: dice.choice([len(text), dice.randint(0, len(text))])] for text in parts]
    text = "".join(part + dice.choice(["", "\n", "\n> ", "、", "/", "1", "-\n", "。", " x"]) for part in parts)
    whole = [each[:3] for each in guardrail.find(View(text))]
    assert streamed(guardrail, text, [dice.randint(1, 7) for _ in range(31)]) == whole


def test_no_number_waits_longer_than_it_may_go_on():
    guardrail = PiiGuardrail({})
    for text in ("It was 1999. Then", "1234\nThen", "12/31 of", "4111/1111 and", "12、あ"):
        assert guardrail.settled(View(text)) >= len(text) - len("Then")
    for text in ("1234\n" * 99, "12/" * 200, "1-\n" * 200, "12、" * 200):
        assert len(text) - guardrail.settled(View(text)) <= 256
