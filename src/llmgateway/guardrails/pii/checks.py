"""Check digits. Each takes nothing but digits (or capital letters where said) and says whether they belong together."""

import string
from collections.abc import Sequence
from operator import mul
from typing import Final

_ZERO: Final = ord("0")
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
_NUMBERS: Final = {each: str(at) for at, each in enumerate(string.digits + string.ascii_uppercase)}
_MY_NUMBER: Final = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_VERHOEFF: Final = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def luhn(digits: str) -> bool:
    """Payment cards, and the Canadian insurance number."""
    last = digits[::-1].encode()
    return (sum(last[::2]) + sum(last[1::2].translate(_DOUBLED)) - _ZERO * len(last)) % 10 == 0


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits times weights; the shorter of both decides how many."""
    return sum(map(mul, map(int, digits), weights))


def iban(compact: str) -> bool:
    """Capital letters and digits, without blanks."""
    return int("".join(map(_NUMBERS.__getitem__, compact[4:] + compact[:4]))) % 97 == 1


def my_number(digits: str) -> bool:
    """Twelve digits of a person in Japan."""
    rest = weighted(digits, _MY_NUMBER) % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest) and len(set(digits)) > 1


def corporate_number(digits: str) -> bool:
    """Thirteen digits of a company in Japan; the first one is the check digit."""
    return int(digits[0]) == 9 - weighted(digits[:0:-1], (1, 2) * 6) % 9


def nhs(digits: str) -> bool:
    """Ten digits of a patient in Britain."""
    rest = 11 - weighted(digits, range(10, 1, -1)) % 11
    return rest != 10 and rest % 11 == int(digits[9])


def cpf(digits: str) -> bool:
    """Eleven digits of a tax payer in Brazil."""
    first = weighted(digits[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits[:10], range(11, 1, -1)) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}" and len(set(digits)) > 1


def verhoeff(digits: str) -> bool:
    """Twelve digits of an Indian Aadhaar."""
    state = 0
    for at, digit in enumerate(reversed(digits)):
        state = _dihedral(state, int(_VERHOEFF[at % 8][int(digit)]))
    return state == 0


def _dihedral(a: int, b: int) -> int:
    """Multiply in the group of a pentagon's turns (0 to 4) and reflections (5 to 9)."""
    if a < 5:
        return (a + b) % 5 if b < 5 else (a + b) % 5 + 5
    return (a - b) % 5 + 5 if b < 5 else (a - b) % 5


def steuer_id(digits: str) -> bool:
    """Eleven digits of a tax payer in Germany."""
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10]) and digits[0] != "0"


def bsn(digits: str) -> bool:
    """Nine digits of a person in the Netherlands."""
    return weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and int(digits) > 0


def pesel(digits: str) -> bool:
    """Eleven digits of a person in Poland."""
    return weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def nir(digits: str) -> bool:
    """Fifteen digits of a person in France."""
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def rrn(digits: str) -> bool:
    """Thirteen digits of a person in Korea."""
    return (11 - weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(digits[12])


def resident_id(compact: str) -> bool:
    """Seventeen digits and a digit or X, of a person in China."""
    rest = weighted(compact[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11
    return compact[17] == "10X98765432"[rest]


def dni(compact: str) -> bool:
    """Eight digits (the first may be X, Y or Z) and a letter, of a person in Spain."""
    number = "XYZ".find(compact[0])
    digits = compact[:8] if number < 0 else f"{number}{compact[1:8]}"
    return compact[8] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


def nric(compact: str) -> bool:
    """A letter, seven digits and a letter, of a person in Singapore."""
    rest = (weighted(compact[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if compact[0] in "TG" else 0)) % 11
    return compact[8] == ("JZIHGFEDCBA" if compact[0] in "ST" else "XWUTRQPNMLK")[rest]
