"""Japanese postal codes and addresses."""

from typing import Final

from bench.guardrails.dice import Dice
from bench.guardrails.labels import Label, Labelled, inside, whole
from bench.guardrails.words import WORDS


def postal_code(dice: Dice) -> Labelled:
    """With the mark in front of it, or bare where the sentence says what it is."""
    return _postal(dice, dice.pick(["〒", "〒 ", "〒"]))


def bare_postal_code(dice: Dice) -> Labelled:
    return _postal(dice, "")


def _postal(dice: Dice, mark: str) -> Labelled:
    code = dice.widened(f"{dice.pick(WORDS['places'])[0]}-{dice.digits(4)}", 0.12)
    return inside(mark, code, "", "jp_postal_code", wide=True)


def address(dice: Dice) -> Labelled:
    """From the prefecture to the house, now and then with a building, which may be left out."""
    if dice.happens(0.15):
        return whole(dice.fake.address().split(" ")[0], "jp_address")
    _, town, quarter = dice.pick(WORDS["places"])
    house = town + quarter + dice.widened(_house(dice), 0.25)
    if not dice.happens(0.35):
        return whole(house, "jp_address")
    full = (
        house
        + dice.pick([" ", "　"])
        + dice.pick(WORDS["buildings"])
        + dice.pick(["", "A棟"])
        + str(dice.number(101, 1205))
        + "号室"
    )
    return Labelled(full, (Label(0, len(full), "jp_address", wider=((0, len(house)),)),))


def _house(dice: Dice) -> str:
    chome, ban, go = dice.number(1, 6), dice.number(1, 40), dice.number(1, 25)
    return dice.pick(
        [
            f"{chome}-{ban}-{go}",
            f"{chome}-{ban}-{go}",
            f"{chome}丁目{ban}番{go}号",
            f"{chome}丁目{ban}-{go}",
            f"{ban}番地{go}",
        ]
    )


MAKERS: Final = {"jp_postal_code": postal_code, "jp_postal_bare": bare_postal_code, "jp_address": address}
