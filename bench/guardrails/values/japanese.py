"""Japanese numbers of persons, companies and accounts."""

from typing import Final

from stdnum.jp import cn, in_

from bench.guardrails.dice import Dice, grouped
from bench.guardrails.labels import Label, Labelled, whole
from bench.guardrails.words import WORDS

_LICENCE_WEIGHTS: Final = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def my_number(dice: Dice) -> Labelled:
    """In any of the forms; without separators only what stands around it says what it is."""
    separator = dice.pick(["", " ", "-", " "])
    return whole(dice.widened(grouped(_my_number(dice), (4, 4, 4), separator), 0.15), "jp_my_number")


def _my_number(dice: Dice) -> str:
    digits = dice.digits(11, first="123456789")
    return digits + in_.calc_check_digit(digits)


def corporate_number(dice: Dice) -> Labelled:
    """Thirteen digits, in invoices with a T in front of them."""
    digits = dice.digits(12, first="123456789")
    number = cn.calc_check_digit(digits) + digits
    if dice.happens(0.35):
        return Labelled("T" + number, (Label(1, 14, "jp_corporate_number", wider=((0, 14),)),))
    return whole(dice.widened(number, 0.1), "jp_corporate_number")


def bank_account(dice: Dice) -> Labelled:
    """Bank, branch, kind of account and its number. The number is what matters, who takes more is right, too."""
    kind = dice.pick(["普通", "普通", "当座", "普通預金", "（普）", "普通口座"])
    gap = dice.pick([" ", "　", "", "："])
    before = (
        dice.pick(WORDS["banks"])
        + dice.pick(["", " ", "　"])
        + dice.pick(WORDS["branches"])
        + dice.pick([" ", "　", "、"])
    )
    return _account(dice, before, kind + gap)


def account_number(dice: Dice) -> Labelled:
    """The number alone, for sentences that say what it is."""
    return _account(dice, "", "")


def _account(dice: Dice, before: str, kind: str) -> Labelled:
    number = dice.widened(dice.digits(7), 0.12)
    start, end = len(before + kind), len(before + kind + number)
    return Labelled(
        before + kind + number, (Label(start, end, "jp_bank_account", wider=((len(before), end), (0, end))),)
    )


def postal_savings(dice: Dice) -> Labelled:
    """An account of the postal savings bank: a sign of five digits and a number of eight that ends in 1."""
    sign, number = "1" + dice.digits(3) + "0", dice.digits(7, first="123456789") + "1"
    before, between = dice.pick([("記号", "番号"), ("記号 ", " 番号 "), ("記号：", "、番号：")])
    text = before + sign + between + number
    return Labelled(
        text,
        (
            Label(len(before), len(before) + 5, "jp_bank_account", is_needed=False),
            Label(len(text) - 8, len(text), "jp_bank_account", wider=((len(before), len(text)), (0, len(text)))),
        ),
    )


def driving_licence(dice: Dice) -> Labelled:
    """Twelve digits: place, year, serial number, check digit, how often it was lost."""
    digits = dice.pick([str(code) for code in range(10, 98)]) + dice.digits(8)
    rest = sum(int(digit) * weight for digit, weight in zip(digits, _LICENCE_WEIGHTS, strict=True)) % 11
    number = digits + str((11 - rest) % 11 % 10) + str(dice.pick([0, 0, 0, 1, 2]))
    return whole(dice.widened(number, 0.12), "jp_driving_licence")


def jp_passport(dice: Dice) -> Labelled:
    return whole(dice.widened(dice.pick(["T", "M"]) + dice.shaped("A#######"), 0.1), "jp_passport")


MAKERS: Final = {
    "jp_my_number": my_number,
    "jp_corporate_number": corporate_number,
    "jp_bank_account": bank_account,
    "jp_account_number": account_number,
    "jp_postal_savings": postal_savings,
    "jp_driving_licence": driving_licence,
    "jp_passport": jp_passport,
}
