"""Letters and digits of other sets that say what ASCII's do: those of mathematics, letters in circles, the digits of
other scripts. One character becomes one.

Digits in circles and small raised ones stay what they are: they number what stands behind or before them.
"""

from typing import Final

from llmgateway.wire.expression import Expression
from llmgateway.wire.unseen import SIGHT

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_ALPHABETS: Final = tuple(range(0x1D400, 0x1D6A4, len(_LETTERS)))  # bold, italic, script, …
_CIRCLED: Final = 0x24B6
_ZEROS: Final = (
    *(0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50),
    *(0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810),
    *range(0x1D7CE, 0x1D800, len(_DIGITS)),
    0x1FBF0,
)
# Letters of mathematics that were there before the others, by two: what they are, and what they say.
_ALONE: Final = "ℂCℊgℋHℌHℍHℎhℐIℑIℒLℕNℙPℚQℛRℜRℝRℤZℨZℬBℭCℯeℰEℱFℳMℴo"  # noqa: RUF001 - look-alikes are what it is about


def _sets() -> dict[int, str]:
    found = dict(zip(map(ord, _ALONE[::2]), _ALONE[1::2], strict=True))
    for base, said in (*((each, _LETTERS) for each in (*_ALPHABETS, _CIRCLED)), *((each, _DIGITS) for each in _ZEROS)):
        found |= {base + at: each for at, each in enumerate(said)}
    return found


PLAIN: Final = _sets()
"""What each of them says."""
_OTHERS: Final = f"[{''.join(map(chr, sorted(PLAIN)))}]"
_ODD: Final = Expression(f"{_OTHERS}|{SIGHT}".encode(), latin=False)
_ANY: Final = Expression(_OTHERS.encode(), latin=False)


def is_odd(text: str) -> bool:
    """Whether a text has one of these, or a character that nobody sees: one look for both."""
    return not text.isascii() and _ODD.search(text.encode("utf-8", "replace")) is not None


def plain(text: str) -> str:
    """The text with these written as ASCII; it is as long as it was."""
    return text.translate(PLAIN) if _ANY.search(text.encode("utf-8", "replace")) is not None else text
