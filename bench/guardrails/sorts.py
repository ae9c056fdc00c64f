"""Texts of 2 KB of many sorts, to time guardrails on.

Fresh ones each time: an automaton that is built while it runs is quick on a text that it has seen before.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bench.guardrails.book import Writer, book
from bench.guardrails.dice import BASE64, LOWER_HEX, Dice

SIZE: Final = 2048  # bytes of UTF-8


def words(count: int = 1000) -> list[str]:
    """A list of forbidden words that are in none of the texts."""
    dice = Dice("denylist", "en")
    return [f"{dice.shaped('aaaa')}qx{dice.shaped('aaa')}" for _ in range(count)]


def cut_to(text: str, size: int = SIZE) -> str:
    """The longest beginning that is no longer than `size` bytes of UTF-8."""
    return text.encode()[:size].decode(errors="ignore")


def _sentences(writer: Writer, groups: Sequence[str]) -> str:
    text = ""
    while len(text.encode()) < SIZE:
        text += writer.fill(writer.dice.pick(groups)).text + (" " if writer.dice.language == "en" else "")
    return cut_to(text)


def _clean(language: str) -> Callable[[Dice, str], str]:
    def make(dice: Dice, which: str) -> str:
        own = Dice(str(dice.number(0, 2**32)), language)
        return _sentences(Writer(which, own), [each for each in book(which, language)["fillers"] if "«" not in each])

    return make


def dense(language: str) -> Callable[[Dice, str], str]:
    def make(dice: Dice, which: str) -> str:
        pages = book(which, language)
        secrets = [each for each in pages["secrets"]["prose"] if "private_key" not in each]
        groups = [each for group in pages["sentences"].values() for each in group] + secrets
        return _sentences(Writer(which, Dice(str(dice.number(0, 2**32)), language)), groups)

    return make


def _random(alphabet: str) -> Callable[[Dice, str], str]:
    return lambda dice, _: dice.characters(alphabet, SIZE)


def _assignments(dice: Dice, _: str) -> str:
    return cut_to(" ".join(f"{dice.shaped('aaaaaa')}={dice.shaped('aahAaA')}" for _ in range(SIZE // 10)))


SORTS: Final[Mapping[str, Callable[[Dice, str], str]]] = {
    "clean English": _clean("en"),
    "clean Japanese": _clean("ja"),
    "dense English": dense("en"),
    "dense Japanese": dense("ja"),
    "random digits": _random("0123456789"),
    "digits and separators": _random("0123456789 -."),
    "random hex": _random(LOWER_HEX),
    "random base64": _random(BASE64),
    "letters and dots": _random("abcdefghijklmnopqrstuvwxyz.."),
    "dots": lambda dice, _: "." * SIZE,
    "e-mail without its sign": lambda dice, _: ("abc.def-" * SIZE)[:SIZE],
    "signs only": _random("@:=/_-\"' "),
    "random assignments": _assignments,
}
