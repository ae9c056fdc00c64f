"""The templates of one set and language, from books/, and the forms that texts are built in."""

import json
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from bench.guardrails.dice import Dice
from bench.guardrails.labels import Labelled, filled, joined, plain
from bench.guardrails.values import value

BOOKS: Final = Path(__file__).parent / "books"
SETS: Final = ("tune", "test")
LANGUAGES: Final = ("en", "ja")
PROSE: Final = ("mail", "chat", "notes", "ticket", "contract")
TOLD_BY_TITLE: Final = {
    "person", "passport", "jp_passport", "jp_account_number", "jp_driving_licence", "jp_corporate_number",
    "jp_my_number", "jp_postal_bare",
}  # fmt: skip
TABLES: Final = ("form", "json", "csv", "log", "code", "yaml", "xml")


@cache
def book(which: str, language: str) -> Mapping[str, Any]:
    """Read the templates of one set and language."""
    return tomllib.loads((BOOKS / f"{which}_{language}.toml").read_text("utf-8"))


def templates(which: str) -> set[str]:
    """Every template of a set, in all languages: sentences, lines, frames. Names of fields are not among them."""
    found: set[str] = set()
    for language in LANGUAGES:
        pages = book(which, language)
        found |= {*pages["fillers"], *pages["hard_benign"], *pages["passages"]}
        for part in ("frames", "sentences", "lines", "secrets"):
            found |= {each for group in pages[part].values() for each in group}
    return found


class Writer:
    """Writes texts of one set and language, with the dice of one text."""

    def __init__(self, which: str, dice: Dice) -> None:
        self.book = book(which, dice.language)
        self.dice = dice

    def fill(self, template: str) -> Labelled:
        return filled(template, lambda name: value(name, self.dice))

    def prose(self, form: str, sentences: list[Labelled]) -> Labelled:
        """Put sentences into a mail, a chat turn and so on, as one or more paragraphs."""
        frame = self.dice.pick(self.book["frames"][form]).strip("\n")
        body = self.paragraphs(sentences)
        return filled(frame, lambda name: body if name == "body" else value(name, self.dice))

    def paragraphs(self, sentences: list[Labelled]) -> Labelled:
        gap = "" if self.dice.language == "ja" else " "
        pieces = sentences[:1]
        for before, sentence in pairwise(sentences):
            is_line = not before.text.endswith((".", "?", "!", ":", "。")) or self.dice.happens(0.25)
            pieces += [plain("\n" if is_line else gap), sentence]
        return joined(pieces)

    def fillers(self, count: int) -> list[Labelled]:
        return [self.fill(each) for each in self.dice.some(self.book["fillers"], count)]

    def hard(self, count: int) -> list[Labelled]:
        return [self.fill(each) for each in self.dice.some(self.book["hard_benign"], count)]

    def passage(self) -> Labelled:
        """A longer piece of another sort: code, figures, a recipe."""
        return self.fill(self.dice.pick(self.book["passages"]))

    def mixed(self, wanted: list[Labelled], fillers: int) -> list[Labelled]:
        """Sentences in an order of chance."""
        sentences = [*wanted, *self.fillers(fillers)]
        self.dice.chance.shuffle(sentences)
        return sentences

    def table(self, form: str, names: list[str], benign: int) -> Labelled:
        """Write values in a form, an object, rows or lines; `names` are slots that have a field in the book."""
        if form in {"log", "code"}:
            return self.lines(form, names, benign)
        fields = [(self.book["fields"][name], name) for name in names]
        others = self.dice.some(sorted(self.book["benign_fields"]), benign)
        fields += [(self.book["benign_fields"][name], name) for name in others]
        self.dice.chance.shuffle(fields)
        return _WRITERS[form](self, fields)

    def lines(self, form: str, names: list[str], benign: int) -> Labelled:
        own = [each for each in self.book["lines"][form] if any(f"«{name}»" in each for name in names)]
        chosen = self.dice.some(own, self.dice.number(1, 3))
        chosen += self.dice.some(self.book["lines"][f"{form}_benign"], benign)
        self.dice.chance.shuffle(chosen)
        return joined([self.fill(each) for each in chosen], "\n")

    def form(self, fields: list[tuple[list[str], str]]) -> Labelled:
        colon = self.dice.pick([": ", ":\t", " : "] if self.dice.language == "en" else ["：", ": ", "　", "："])
        return joined([plain(titles[0] + colon) + value(name, self.dice) for titles, name in fields], "\n")

    def object(self, fields: list[tuple[list[str], str]]) -> Labelled:
        is_short = self.dice.happens(0.4)
        colon, comma = (":", ",") if is_short else (": ", ",\n  ")
        members = []
        for titles, name in fields:
            members.append(joined([plain(f'{json.dumps(titles[1])}{colon}"'), value(name, self.dice), plain('"')]))
        ends = ("{", "}") if is_short else ("{\n  ", "\n}")
        return joined([plain(ends[0]), joined(members, comma), plain(ends[1])])

    def yaml(self, fields: list[tuple[list[str], str]]) -> Labelled:
        quote = self.dice.pick(["", "", '"', "'"])
        members = [
            joined([plain(f"  {titles[1]}: {quote}"), value(name, self.dice), plain(quote)]) for titles, name in fields
        ]
        return joined([plain("record:"), *members], "\n")

    def xml(self, fields: list[tuple[list[str], str]]) -> Labelled:
        members = [
            joined([plain(f"  <{titles[1]}>"), value(name, self.dice), plain(f"</{titles[1]}>")])
            for titles, name in fields
        ]
        return joined([plain("<record>"), *members, plain("</record>")], "\n")

    def rows(self, fields: list[tuple[list[str], str]]) -> Labelled:
        comma = self.dice.pick([",", ";", "\t"])
        head = plain(comma.join(titles[1] for titles, _ in fields))
        rows = [self._row(fields, comma) for _ in range(self.dice.number(1, 3))]
        return joined([head, *rows], "\n")

    def _row(self, fields: list[tuple[list[str], str]], comma: str) -> Labelled:
        cells = [self._cell(name) for _, name in fields]
        quoted = [joined([plain('"'), cell, plain('"')]) if comma in cell.text else cell for cell in cells]
        return joined(quoted, comma)

    def _cell(self, name: str) -> Labelled:
        """A value in a column. What only the column's title tells need not be found."""
        made = value(name, self.dice)
        return made.optional() if name in TOLD_BY_TITLE else made


_WRITERS: Final[Mapping[str, Callable[[Writer, list[tuple[list[str], str]]], Labelled]]] = {
    "form": Writer.form,
    "json": Writer.object,
    "csv": Writer.rows,
    "yaml": Writer.yaml,
    "xml": Writer.xml,
}
