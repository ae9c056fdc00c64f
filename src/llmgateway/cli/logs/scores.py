"""What was said of an exchange, a line each, for people."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.scores.options import source, written
from llmgateway.domain.score import Score

if TYPE_CHECKING:
    from rich.console import Console


def print_scores(out: "Console", scores: Iterable[Score]) -> None:
    """Print an exchange's scores, if there are any; what a source has corrected since is dim."""
    from rich.text import Text

    for score in scores:
        comment = f": {one_line(score.comment)}" if score.comment else ""
        corrected = "" if score.is_current else "  (corrected since)"
        line = f"{one_line(score.name)} {written(score)} by {source(score)}{comment}{corrected}"
        out.print(Text(f"{'score':<10} ", style="dim") + Text(line, style="" if score.is_current else "dim"))
