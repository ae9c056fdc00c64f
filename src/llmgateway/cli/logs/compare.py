"""`llmgateway logs compare`: how a route's shadow does beside what callers got, over many pairs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.pairs import figure, signed, title
from llmgateway.cli.logs.printable import json_text, one_line
from llmgateway.cli.tables import identity, number, show
from llmgateway.ports.store import StoreReader, Wanted
from llmgateway.routing.comparison import Comparison, Report, compare

if TYPE_CHECKING:
    from rich.console import Console

PAGE: Final = 500
_TITLES: Final = ("primary p50", "p95", "shadow p50", "p95", "difference p50", "p95")
_COLUMNS: Final = (identity(""), number("pairs", rank=1), *map(number, _TITLES))


def compare_pairs(
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    route: options.RouteOption = None,
    since: options.SinceOption = "1h",
    until: options.UntilOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1_000_000, help="How many pairs at most, the newest.")
    ] = 20_000,
    worst: Annotated[int, typer.Option("--worst", min=0, max=100, help="How many of the worst pairs to name.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare shadows with their primaries. Begins an hour ago unless --since says otherwise."""
    begin, end = options.span(since, until)
    wanted = Wanted(route=route, since=begin, until=end)
    path = options.store_path(config, data, route)
    report = options.with_reader(path, lambda reader: _with_progress(reader, wanted, limit, worst))
    if as_json:
        typer.echo(json_text(report.shown(), pretty=True))
    else:
        _print(lines.console(), report)
    if report.pairs + report.unpaired == limit:
        lines.notes().print(f"these are the newest {limit:,}; --limit looks further back", style="dim")


async def _with_progress(reader: StoreReader, wanted: Wanted, limit: int, worst: int) -> Report:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("comparing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    notes = lines.notes()
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
        task = progress.add_task("", total=limit)
        return await gather(reader, wanted, limit, worst, lambda count: progress.update(task, advance=count))


async def gather(
    reader: StoreReader, wanted: Wanted, limit: int, worst: int, step: Callable[[int], None] = lambda _: None
) -> Report:
    """Read pairs, newest first, a page at a time. Holds the figures of `limit` pairs and the rows of one page."""
    report, before, left = Report(worst), None, limit
    while left > 0:
        page = await reader.pairs(wanted, limit=min(PAGE, left), before=before)
        for primary, copy in page:
            if primary is None:
                report.unpaired += 1
            else:
                report.add(compare(primary, copy))
        step(len(page))
        left -= len(page)
        if len(page) < PAGE:
            break
        before = page[-1][1]["shadow_of"]
    return report


def _print(out: "Console", report: Report) -> None:
    shown = report.shown()
    if not report.pairs:
        out.print("no shadow has been compared in this time" + _unpaired(report))
        return
    out.print(f"{report.pairs:,} pairs{_unpaired(report)}")
    out.print(f"same status         {_share(shown['same_status'])}")
    out.print(f"same finish reason  {_share(shown['same_finish_reason'])} of {report.answered:,} both answered")
    measured = {name: told for name, told in shown["measures"].items() if told["pairs"]}
    show(_COLUMNS, [(title(name), f"{told['pairs']:,}", *_quantiles(name, told)) for name, told in measured.items()])
    _print_worst(out, report.worst_pairs())


def _quantiles(name: str, told: dict[str, Any]) -> list[str]:
    cells = [figure(name, told[side][share]) for side in ("primary", "shadow") for share in ("p50", "p95")]
    return cells + [signed(name, told["difference"][share]) for share in ("p50", "p95")]


def _print_worst(out: "Console", worst: list[Comparison]) -> None:
    if worst:
        out.print("the worst pairs (`llmgateway logs show ID` has both sides)", style="bold")
    for pair in worst:
        primary, shadow = pair.primary, pair.shadow
        statuses = f"{_ended(primary.status, primary.end)} → {_ended(shadow.status, shadow.end)}"
        finishes = f"{one_line(primary.finish_reason) or '-'} → {one_line(shadow.finish_reason) or '-'}"
        latency = signed("latency_s", pair.difference("latency_s"))
        out.print(f"  {one_line(primary.id)}  {statuses}  {finishes}  {latency}")


def _ended(status: int | None, end: str | None) -> str:
    return str(status) if status is not None and end == "completed" else one_line(end)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _unpaired(report: Report) -> str:
    return f", and {report.unpaired:,} whose primary is not in the store" if report.unpaired else ""
