"""Chance with a seed: numbers, choices, characters, and Faker in both languages."""

import random
import string
from collections.abc import Sequence
from typing import Final, TypeVar

from faker import Faker

T = TypeVar("T")
LOWER_HEX: Final = "0123456789abcdef"
ALNUM: Final = string.ascii_letters + string.digits
BASE64URL: Final = ALNUM + "-_"
BASE64: Final = ALNUM + "+/"
FULL_WIDTH: Final = {**{code: code + 0xFEE0 for code in range(0x21, 0x7F)}, 0x20: 0x3000}
_FAKERS: Final = {"en": Faker("en_US"), "ja": Faker("ja_JP")}


class Dice:
    """The only source of chance of one text. Who has the same seed gets the same text.

    Faker is shared, and seeded anew by each: finish one text before the next one of that language is begun.
    """

    def __init__(self, seed: str, language: str) -> None:
        self.language = language
        self.chance = random.Random(seed)
        self.fake = _FAKERS[language]
        self.fake.seed_instance(self.chance.randrange(2**32))

    def pick(self, among: Sequence[T]) -> T:
        return self.chance.choice(among)

    def number(self, low: int, high: int) -> int:
        return self.chance.randint(low, high)

    def happens(self, share: float) -> bool:
        return self.chance.random() < share

    def some(self, among: Sequence[T], count: int) -> list[T]:
        """Different ones, in an order of chance."""
        return self.chance.sample(among, min(count, len(among)))

    def characters(self, alphabet: str, length: int) -> str:
        return "".join(self.chance.choices(alphabet, k=length))

    def digits(self, length: int, *, first: str = string.digits) -> str:
        return self.pick(first) + self.characters(string.digits, length - 1) if length else ""

    def shaped(self, shape: str) -> str:
        """Fill a shape: `#` a digit, `%` one from 1 to 9, `A` a capital letter, `a` a small one, `h` a hex digit."""
        alphabets = {
            "#": string.digits,
            "%": "123456789",
            "A": string.ascii_uppercase,
            "a": string.ascii_lowercase,
            "h": LOWER_HEX,
        }
        return "".join(self.pick(alphabets[each]) if each in alphabets else each for each in shape)

    def widened(self, text: str, share: float) -> str:
        """Write it in full-width characters, in a share of cases and in Japanese only."""
        return text.translate(FULL_WIDTH) if self.language == "ja" and self.happens(share) else text


def grouped(digits: str, sizes: Sequence[int], separator: str) -> str:
    """Write digits in groups."""
    groups, at = [], 0
    for size in sizes:
        groups.append(digits[at : at + size])
        at += size
    return separator.join(groups)
