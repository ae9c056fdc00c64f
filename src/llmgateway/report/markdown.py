"""A report as Markdown: the same words and tables; plots as lines of characters."""

import re
from collections.abc import Sequence
from typing import Final

from llmgateway.report.blocks import Block, Heading, Plot, Quote, Table, Text, Tiles
from llmgateway.report.document import Report
from llmgateway.report.say import NOTHING
from llmgateway.report.told import told

# What Markdown, or the HTML in it, would take for its own; and what begins a list or a heading at the start of a line.
_OWN: Final = re.compile(r"([\\`*_{}\[\]<>|~&$#])")
_START: Final = re.compile(r"^(\s*)([-+=]|\d+[.)])")


def render_markdown(report: Report, language: str = "en") -> str:
    """The whole text. KeyError for a language that there is none of."""
    return "\n\n".join(filter(None, (_block(each) for each in told(report, language)))) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {plain(block.text)}"
        case Text():
            return _start(plain(block.text))
        case Tiles():
            return "\n".join(
                f"- **{plain(each.title)}: {plain(each.figure)}** {plain(each.below)}".rstrip() for each in block.tiles
            )
        case Table():
            return _table(block)
        case Quote():
            return f"> {_start(plain(block.text)) or NOTHING}\n>\n> {_start(plain(block.by))}"
        case Plot():
            return "\n".join(f"    {line}" for line in block.lines)


def plain(text: str) -> str:
    """A text that stays one in Markdown."""
    return _OWN.sub(r"\\\1", " ".join(text.split()))


def _start(text: str) -> str:
    return _START.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", text)


def _table(table: Table) -> str:
    bars = "|".join("--:" if at in table.numbers else "---" for at in range(len(table.columns)))
    rows = "\n".join(_row(each) for each in table.rows)
    return f"{_row(table.columns)}\n|{bars}|" + (f"\n{rows}" if rows else "")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(plain(each) for each in cells) + " |"
