"""Accounts of Japan's post office bank: 記号 and 番号."""

import random

import pytest
from tests.unit.guardrails.pii_texts import found, streamed

from llmgateway.guardrails.pii.guardrail import PiiGuardrail
from llmgateway.wire.view import View


def accounts(text: str) -> list[str]:
    return [value for kind, value in found(text) if kind == "jp_bank_account"]


TEXTS = [
    ("ゆうちょ銀行 記号：16130、番号：52275781", ["16130", "52275781"]),  # noqa: RUF001 - full width
    ("ゆうちょ銀行 記号 10120 番号 12345671", ["10120", "12345671"]),
    ("記号：10120 番号：12345671 名義：ヤマダ", ["10120", "12345671"]),  # noqa: RUF001
    ("記号　１０１２０　番号　１２３４５６７１", ["１０１２０", "１２３４５６７１"]),  # noqa: RUF001
    ("記号は10120、番号は451です", ["10120", "451"]),
    ("記号:10120\n番号:2345671", ["10120", "2345671"]),
    ("| 記号 | 10120 |\n| 番号 | 345671 |", ["10120", "345671"]),
    ("記号番号 10120-345671", ["10120", "345671"]),
    ("ゆうちょ 10120-12345671", ["10120-12345671"]),
    ("ゆうちょ銀行：10120の345671まで", ["10120", "345671"]),  # noqa: RUF001
    ("ゆうちょ銀行 10120 345671", ["10120", "345671"]),
    ("記号（10120）", ["10120"]),  # noqa: RUF001
    ("記号,番号,名義\n10120,345671,x\n19990,21,y", ["10120", "345671", "19990", "21"]),
]


@pytest.mark.parametrize(("text", "values"), TEXTS)
def test_sign_and_number(text, values):
    assert accounts(text) == values


@pytest.mark.parametrize(
    "text",
    [
        "記号 20120 番号 345671",  # no sign begins with a 2
        "記号 10125",
        "記号 101200",
        "番号 345671",
        "ゆうちょ銀行で12340円を払った",
        "品番,番号\n10120,345671",
        "記号 10120 と並び 345671 があります",
    ],
)
def test_what_is_none(text):
    assert [value for value in accounts(text) if value != "10120"] == []


@pytest.mark.parametrize("seed", range(30))
def test_in_pieces_as_in_the_whole(seed):
    dice, guardrail = random.Random(seed), PiiGuardrail({})
    text = dice.choice(["。", "\n", "1"]).join(text for text, _ in dice.sample(TEXTS, 4))
    whole = [each[:3] for each in guardrail.find(View(text))]
    assert streamed(guardrail, text, [dice.randint(1, 7) for _ in range(31)]) == whole
