"""`llmgateway scores summary`: how the versions of the routes do, by what was said of them and who said it."""

from typing import TYPE_CHECKING, Annotated

import typer

from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.printable import json_text, one_line
from llmgateway.cli.scores.options import NameOption, SinceOption, SourceOption, VersionOption, wanted
from llmgateway.cli.tables import Column, identity, number, show
from llmgateway.domain.score import DataType

if TYPE_CHECKING:
    from llmgateway.store.scoresummary import Summary

_COLUMNS = (
    Column("route"),
    Column("version"),
    Column("name"),
    Column("by", rank=1),
    number("n", rank=2),
    Column("share or mean", is_number=True, least=13),
    identity("95 % interval", rank=3),
)


def summary(
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    route: options.RouteOption = None,
    version: VersionOption = None,
    name: NameOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Sum up what holds now, by route, version, name and kind of source, with 95 % intervals."""
    from llmgateway.store.scoresummary import summaries

    asked = wanted(route=route, version=version, name=name, source=source, since=since)
    path = options.store_path(config, data, route)
    found = summaries(options.with_reader(path, lambda reader: reader.score_groups(asked)))
    if as_json:
        typer.echo(json_text({"summary": [each.shown() for each in found]}, pretty=True))
    elif found:
        _print(found)
    else:
        lines.notes().print("nothing was said that matches")


def _print(found: "list[Summary]") -> None:
    rows = []
    for each in found:
        cells = (
            one_line(each.route) or "none",
            one_line(each.version) or "none",
            one_line(each.name),
            each.source_kind.value,
            str(each.count),
            figure(each),
            interval(each),
        )
        rows.append(cells)
    show(_COLUMNS, rows)


def figure(line: "Summary") -> str:
    """A share in per cent, with what it is the share of; or a mean."""
    if line.figure is None:
        return "(texts)"
    if line.data_type is DataType.NUMBER:
        return f"{line.figure:.4g}"
    what = "yes" if line.data_type is DataType.BOOL else one_line(line.category)
    return f"{what} {100 * line.figure:.1f} %"


def interval(line: "Summary") -> str:
    """Where the figure may well lie."""
    if line.interval is None:
        return ""
    low, high = line.interval
    if line.data_type is DataType.NUMBER:
        return f"{low:.4g} to {high:.4g}"
    return f"{100 * low:.1f} to {100 * high:.1f} %"
