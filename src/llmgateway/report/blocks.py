"""What a report consists of, whatever it is written as: headings, texts, tables, plots. All texts are plain."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 1 is the report's own."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. `is_aside`: what figures rest on, and what they do not say."""

    text: str
    is_aside: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that is to be seen first: what it is, and how sure one may be of it."""

    title: str
    figure: str
    below: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Table:
    """`numbers`: which columns are figures, and stand to the right. `whole`: which are not broken into lines."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    whole: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Quote:
    """What a person wrote, and who and when."""

    text: str
    by: str


@dataclass(frozen=True, slots=True)
class Plot:
    """`svg` for pages; `lines` say the same in characters, where there is a way."""

    title: str
    svg: str
    lines: Sequence[str] = ()


Block = Heading | Text | Tiles | Table | Quote | Plot
