"""Sentences to learn the judge of injections from, by `injection_attacks*.toml` and `injection_harmless*.toml`."""

import random
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

TABLES: Final = {
    True: ("injection_attacks.toml", "injection_attacks_staged.toml", "injection_attacks_veiled.toml"),
    False: (
        "injection_harmless.toml", "injection_harmless_about.toml", "injection_harmless_staged.toml",
        "injection_harmless_technical.toml", "injection_harmless_veiled.toml",
    ),
}  # fmt: skip
EACH: Final = 30  # sentences of a line, before doubles are dropped
PAGES: Final = 8  # of a half of a family in a language
PAGE: Final = (8, 30)  # sentences of a page
KEPT_STOPS: Final = 0.7
AROUND: Final = 300  # characters before and behind an attack that is carried
LOWERED: Final = 0.15  # share of texts that are written all small
_CHOICE: Final = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT: Final = re.compile(r"(?<!\\)\{(\w+)\}")


class Made(NamedTuple):
    """A sentence, its family and language, and which half of the family's lines it is of: two sources a family."""

    text: str
    family: str
    language: str
    half: int


def made(*, attack: bool, seed: int) -> Iterator[Made]:
    """Every line of every family some times."""
    dice = random.Random(seed)
    for table in TABLES[attack]:
        yield from _of_table(tomllib.loads(Path(__file__).with_name(table).read_text("utf-8")), dice)


def _of_table(tables: dict[str, Any], dice: random.Random) -> Iterator[Made]:
    slots = {name: many.split("|") for name, many in tables.pop("slots").items()}
    for family, by_language in tables.items():
        for language, table in by_language.items():
            for number, line in enumerate(lines_of(table)):
                for _ in range(EACH):
                    yield Made(_said(line, slots, dice), family, language, number % 2)


def paged(found: Iterable[Made], seed: int) -> Iterator[Made]:
    """Pages of sentences of one half of a family: much that is harmless by itself must not add up to an attack."""
    dice = random.Random(seed)
    halves: dict[tuple[str, str, int], list[str]] = {}
    for each in found:
        halves.setdefault(each[1:], []).append(each.text)
    for (family, language, half), texts in halves.items():
        for _ in range(PAGES):
            many = dice.sample(texts, min(len(texts), dice.randint(*PAGE)))
            yield Made(dice.choice("\n ").join(many), family, language, half)


def lines_of(table: Mapping[str, Any]) -> list[str]:
    return [line for line in table["lines"].splitlines() if line]


def filled(line: str, slots: Mapping[str, Sequence[str]], dice: random.Random) -> str:
    """Take one of each choice, the innermost first, and fill the slots."""
    while (text := _SLOT.sub(lambda slot: dice.choice(slots[slot[1]]), _one_of_each(line, dice))) != line:
        line = text
    return text.replace("\\n", "\n").replace("\\{", "{").replace("\\}", "}")


def _one_of_each(line: str, dice: random.Random) -> str:
    return _CHOICE.sub(lambda choice: dice.choice(choice[1].split("|")), line)


def _said(line: str, slots: Mapping[str, Sequence[str]], dice: random.Random) -> str:
    text = filled(line, slots, dice)
    text = text if dice.random() < KEPT_STOPS else text.rstrip("。.")
    return text.lower() if dice.random() < LOWERED else text


def carried(attack: str, text: str, dice: random.Random) -> str:
    """An attack after a sentence or a line of another text, with a little of what is around there."""
    near = dice.randrange(len(text))
    ends = [at + 1 for mark in ("\n", "。", ". ") if (at := text.find(mark, near)) >= 0]
    at = min(ends, default=len(text))
    return f"{text[max(0, at - AROUND) : at]}{attack} {text[at : at + AROUND]}"
