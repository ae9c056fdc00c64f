"""The same values, written so that simple patterns miss them. Pure."""

import base64
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote

from bench.guardrails.dice import FULL_WIDTH, Dice
from bench.guardrails.labels import Labelled, whole

_KANJI: Final = str.maketrans("0123456789", "〇一二三四五六七八九")
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff"
_SPELT: Final = [(" [at] ", " [dot] "), ("(at)", "(dot)"), (" at ", " dot "), ("[at]", "."), (" @ ", " . ")]
_SPELT_JA: Final = [("＠", "．"), (" アット ", " ドット "), ("（アット）", "（ドット）")]
Trick = Callable[[Dice, str], str]


def _words(dice: Dice, text: str) -> str:
    at, dot = dice.pick([*_SPELT, *(_SPELT_JA if dice.language == "ja" else [])])
    return text.replace("@", at).replace(".", dot)


def _sprinkled(dice: Dice, text: str) -> str:
    places = {dice.number(1, len(text) - 1) for _ in range(3)}
    return "".join((dice.pick(_INVISIBLE) if at in places else "") + each for at, each in enumerate(text))


def _spaced(dice: Dice, text: str) -> str:
    return dice.pick([" ", ".", "-", " "]).join(each for each in text if each.isalnum())


def _kanji(dice: Dice, text: str) -> str:
    return text.translate(_KANJI)


def _full_width(dice: Dice, text: str) -> str:
    return text.translate(FULL_WIDTH)


def _url(dice: Dice, text: str) -> str:
    return quote(text, safe="")


def _base64(dice: Dice, text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _entity(dice: Dice, text: str) -> str:
    return text.replace("@", dice.pick(["&#64;", "&#x40;", "\\u0040"]))


TRICKS: Final[dict[str, tuple[Trick, Sequence[str]]]] = {
    "words": (_words, ["email"]),
    "zero_width": (_sprinkled, ["email", "phone", "payment_card"]),
    "spaced": (_spaced, ["phone", "payment_card"]),
    "kanji_digits": (_kanji, ["phone", "jp_my_number"]),
    "full_width": (_full_width, ["email", "phone", "payment_card", "jp_my_number", "jp_postal_code"]),
    "url": (_url, ["email"]),
    "base64": (_base64, ["email"]),
    "entity": (_entity, ["email"]),
}


def tricks(language: str) -> list[tuple[str, str]]:
    """Every trick with every kind that it is played on in a language."""
    pairs = [(trick, kind) for trick, (_, kinds) in TRICKS.items() for kind in kinds]
    if language == "en":
        return [(trick, kind) for trick, kind in pairs if not kind.startswith("jp_") and trick != "kanji_digits"]
    return pairs


def disguised(trick: str, original: Labelled, dice: Dice) -> Labelled:
    """Rewrite a value; all of what comes out is still that value. Marks before it stay outside."""
    label = original.labels[0]
    before, text = original.text[: label.start], original.text[label.start : label.end]
    hidden = whole(TRICKS[trick][0](dice, text), label.kind)
    return Labelled(before) + hidden + Labelled(original.text[label.end :])
