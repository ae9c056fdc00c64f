"""Texts with labels, and how they are put together. Pure.

Templates have slots in guillemets, such as `Call «phone» before noon`. What fills a slot says which of its characters
are what; labels move along while pieces are joined, so that they cannot be wrong by a character.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

SLOT: Final = re.compile(r"«([a-z0-9_.?]+)»")


class Label(NamedTuple):
    """`text[start:end]` is a value of `kind`.

    `wider`: other bounds that are as good (with a building's name, or without). `is_needed`: False where it may be
    found and need not be, such as a name without anything around it that says so.
    """

    start: int
    end: int
    kind: str
    is_needed: bool = True
    wider: tuple[tuple[int, int], ...] = ()

    def moved(self, by: int) -> "Label":
        return Label(
            self.start + by,
            self.end + by,
            self.kind,
            self.is_needed,
            tuple((start + by, end + by) for start, end in self.wider),
        )


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and what is in it."""

    text: str
    labels: tuple[Label, ...] = ()

    def __add__(self, other: "Labelled") -> "Labelled":
        return joined([self, other])

    def optional(self) -> "Labelled":
        """Give the same, where nothing has to be found."""
        return Labelled(self.text, tuple(label._replace(is_needed=False) for label in self.labels))


@dataclass(frozen=True, slots=True)
class Sample:
    """A text of the corpus: which language, which form (mail, log, …), and what is in it."""

    text: str
    labels: tuple[Label, ...]
    language: str
    form: str


def plain(text: str) -> Labelled:
    """Nothing to find."""
    return Labelled(text)


def whole(text: str, kind: str) -> Labelled:
    """All of it is one value."""
    return Labelled(text, (Label(0, len(text), kind),))


def inside(before: str, value: str, after: str, kind: str, *, wide: bool = False) -> Labelled:
    """A value with something around it. `wide`: who takes all of it is right, too."""
    text = before + value + after
    wider = ((0, len(text)),) if wide else ()
    return Labelled(text, (Label(len(before), len(before) + len(value), kind, True, wider),))


def joined(pieces: Iterable[Labelled], between: str = "") -> Labelled:
    """Put texts one behind the other."""
    texts: list[str] = []
    labels: list[Label] = []
    at = 0
    for number, piece in enumerate(pieces):
        if number and between:
            texts.append(between)
            at += len(between)
        labels += [label.moved(at) for label in piece.labels]
        texts.append(piece.text)
        at += len(piece.text)
    return Labelled("".join(texts), tuple(labels))


def slots(template: str) -> list[str]:
    """Name the slots of a template, in order."""
    return SLOT.findall(template)


def filled(template: str, fill: Callable[[str], Labelled]) -> Labelled:
    """Fill every slot. A name with `?` behind it is filled with a value that need not be found."""
    pieces: list[Labelled] = []
    at = 0
    for slot in SLOT.finditer(template):
        pieces.append(plain(template[at : slot.start()]))
        name = slot[1]
        pieces.append(fill(name[:-1]).optional() if name.endswith("?") else fill(name))
        at = slot.end()
    return joined([*pieces, plain(template[at:])])
