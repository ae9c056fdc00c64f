"""Addresses of e-mail, telephone numbers and names."""

from collections.abc import Callable
from typing import Final

import phonenumbers

from bench.guardrails.dice import ALNUM, Dice
from bench.guardrails.labels import Label, Labelled, whole
from bench.guardrails.words import WORDS

_AMERICAN_SHAPES: Final = [
    "({0}) {1}-{2}", "{0}-{1}-{2}", "{0}.{1}.{2}", "+1 {0} {1} {2}", "+1-{0}-{1}-{2}", "+1 ({0}) {1}-{2}",
    "1-{0}-{1}-{2}", "+1{0}{1}{2}", "{0} {1} {2}",
]  # fmt: skip
_ABROAD: Final = [
    "+44 20 7### ####", "+44 7%## ######", "020 7### ####", "+49 30 %#######", "+49 151 ########", "+33 6 ## ## ## ##",
    "+33 1 4# ## ## ##", "+81 3-####-####", "+81 90-####-####", "+61 4## ### ###", "+31 6 ########", "+353 8# ### ####",
]  # fmt: skip
_JAPANESE: Final = [
    "090-%###-####", "080-%###-####", "070-%###-####", "03-%###-####", "06-6###-####", "052-%##-####", "045-%##-####",
    "011-%##-####", "092-%##-####", "075-%##-####", "0120-###-###", "0120-##-####", "0570-###-###", "050-3###-####",
    "0422-##-####", "0467-##-####", "(03)%###-####", "03(%###)####", "03 %### ####", "090 %### ####", "090%#######",
    "080%#######", "03%#######", "+81-90-%###-####", "+81 3-%###-####", "+819012######", "(045)%##-####", "0120######",
]  # fmt: skip


def email(dice: Dice) -> Labelled:
    return whole(_address(dice), "email")


def _address(dice: Dice) -> str:
    local = dice.pick(_LOCAL)(dice)
    if dice.happens(0.1):
        local += "+" + dice.pick(["shop", "news", "2024", "alerts", "x"])
    return f"{local}@{dice.pick(WORDS['hosts'][dice.language])}"


def _names(dice: Dice) -> tuple[str, str]:
    if dice.language == "ja":
        return dice.fake.first_romanized_name().lower(), dice.fake.last_romanized_name().lower()
    return dice.fake.first_name().lower(), dice.fake.last_name().lower()


_LOCAL: Final[list[Callable[[Dice], str]]] = [
    lambda dice: ".".join(_names(dice)),
    lambda dice: "_".join(_names(dice)),
    lambda dice: _names(dice)[0][0] + _names(dice)[1],
    lambda dice: _names(dice)[0] + str(dice.number(1, 99)),
    lambda dice: _names(dice)[0].capitalize() + "." + _names(dice)[1].capitalize(),
    lambda dice: dice.pick(["info", "sales", "billing", "hr", "keiri", "saiyo", "orders"]) + "-" + dice.shaped("a#"),
    lambda dice: dice.characters(ALNUM.lower(), dice.number(5, 11)),
]


def phone(dice: Dice) -> Labelled:
    maker = _japanese_phone if dice.language == "ja" else dice.pick([_american_phone] * 3 + [_foreign_phone])
    return whole(dice.widened(maker(dice), 0.12), "phone")


def mobile(dice: Dice) -> Labelled:
    """A number in the form without any separators or with hyphens, as in tables and forms."""
    shape = dice.pick(["090-%###-####", "080%#######"])
    return phone(dice) if dice.language == "en" else whole(_valid(dice, [shape], "JP"), "phone")


def _american_phone(dice: Dice) -> str:
    while True:
        parts = dice.pick(WORDS["area_codes"]), dice.shaped("%##"), dice.digits(4)
        number = dice.pick(_AMERICAN_SHAPES).format(*parts)
        if _is_valid(number, "US"):
            return number


def _foreign_phone(dice: Dice) -> str:
    return _valid(dice, _ABROAD, "GB")


def _japanese_phone(dice: Dice) -> str:
    return _valid(dice, _JAPANESE, "JP")


def _valid(dice: Dice, shapes: list[str], region: str) -> str:
    shape = dice.pick(shapes)
    for _ in range(200):
        if _is_valid(number := dice.shaped(shape), region):
            return number
    raise ValueError(f"no telephone number has the shape {shape}")


def _is_valid(text: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def person(dice: Dice) -> Labelled:
    """Both names, in the language's order and forms."""
    name = dice.fake.name() if dice.language == "ja" else f"{dice.fake.first_name()} {dice.fake.last_name()}"
    if dice.language == "ja":
        name = name.replace(" ", dice.pick([" ", "", "　"]))
    elif dice.happens(0.15):
        first, last = name.split(" ", 1)
        name = f"{first} {dice.shaped('A')}. {last}"
    return whole(name, "person")


def surname(dice: Dice) -> Labelled:
    return whole(dice.fake.last_name(), "person")


def kana_name(dice: Dice) -> Labelled:
    """A Japanese name as it is read, which forms ask for beside it."""
    name = f"{dice.fake.last_kana_name()} {dice.fake.first_kana_name()}"
    return Labelled(name, (Label(0, len(name), "person", is_needed=False),))


MAKERS: Final = {
    "email": email,
    "phone": phone,
    "mobile": mobile,
    "person": person,
    "surname": surname,
    "kana": kana_name,
}
