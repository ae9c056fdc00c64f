"""Numbers with check digits, and other numbers that stand for a person or a machine."""

import ipaddress
from typing import Final

from stdnum import iban as ibans
from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_97_10
from stdnum.us import ssn as ssns

from bench.guardrails.dice import Dice, grouped
from bench.guardrails.labels import Labelled, inside, whole

# Issuer: what its numbers begin with, how long they are, and how they are printed.
_ISSUERS: Final = [
    (["4"], 16, (4, 4, 4, 4)),
    (["51", "52", "53", "54", "55", "2221", "2720"], 16, (4, 4, 4, 4)),
    (["34", "37"], 15, (4, 6, 5)),
    (["3528", "3540", "3589"], 16, (4, 4, 4, 4)),
    (["36", "38"], 14, (4, 6, 4)),
    (["6011", "65"], 16, (4, 4, 4, 4)),
]
_BBANS: Final = {
    "DE": "##################", "GB": "AAAA##############", "NL": "AAAA##########", "CH": "#################",
    "AT": "################", "IE": "AAAA##############", "SE": "####################", "DK": "##############",
    "PL": "########################", "LU": "###hhhhhhhhhhhhh",
}  # fmt: skip
_PASSPORTS: Final = ["#########", "A########", "A#######", "AA#######", "##AA#####", "C%hh%#h##"]


def payment_card(dice: Dice) -> Labelled:
    begins, length, sizes = dice.pick([*_ISSUERS, _ISSUERS[0], _ISSUERS[1]])
    digits = dice.pick(begins)
    digits += dice.digits(length - 1 - len(digits))
    digits += luhn.calc_check_digit(digits)
    separator = dice.pick([" ", "-", "", " "])
    return whole(dice.widened(grouped(digits, sizes, separator), 0.1), "payment_card")


def iban(dice: Dice) -> Labelled:
    while True:
        country = dice.pick(list(_BBANS))
        bban = dice.shaped(_BBANS[country]).upper()
        number = country + mod_97_10.calc_check_digits(bban + country) + bban
        if _is_iban(number):
            break
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return whole(dice.pick([number, spaced]), "iban")


def _is_iban(number: str) -> bool:
    try:
        ibans.validate(number)
    except ValidationError:
        return False
    return True


def ip_address(dice: Dice) -> Labelled:
    if dice.happens(0.75):
        return whole(_public(dice), "ip_address")
    groups = [dice.pick(["2001", "2400", "2a02", "2606"]), *(f"{dice.number(0, 0xFFFF):x}" for _ in range(7))]
    if dice.happens(0.5):
        groups[3:7] = ["0"] * 4
    return whole(str(ipaddress.IPv6Address(":".join(groups))), "ip_address")


def _public(dice: Dice) -> str:
    while True:
        address = ".".join(str(dice.number(1, 254)) for _ in range(4))
        if ipaddress.ip_address(address).is_global:
            return address


def private_address(dice: Dice) -> Labelled:
    """An address of some network of one's own: may be found, need not be."""
    address = dice.pick(["10.%#.%.%#", "192.168.%.%#", "172.16.%.%#", "127.0.0.1", "0.0.0.0"])
    return whole(dice.shaped(address), "ip_address").optional()


def us_ssn(dice: Dice) -> Labelled:
    """With hyphens, as it is printed."""
    return whole(_ssn(dice), "us_ssn")


def bare_ssn(dice: Dice) -> Labelled:
    """Without hyphens, or with blanks: only what stands around it says what it is."""
    return whole(_ssn(dice).replace("-", dice.pick(["", " "])), "us_ssn")


def _ssn(dice: Dice) -> str:
    while not ssns.is_valid(number := dice.shaped("###-##-####")):
        pass
    return number


def passport(dice: Dice) -> Labelled:
    return inside("", dice.shaped(dice.pick(_PASSPORTS)).upper(), "", "passport")


MAKERS: Final = {
    "payment_card": payment_card,
    "iban": iban,
    "ip_address": ip_address,
    "private_ip": private_address,
    "us_ssn": us_ssn,
    "us_ssn_bare": bare_ssn,
    "passport": passport,
}
