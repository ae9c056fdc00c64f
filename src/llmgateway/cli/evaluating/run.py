"""`llmgateway eval run`: what evaluators would say of exchanges that are in the log."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from llmgateway.cli import gateway, whereabouts
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.guard.replay import aside, batches
from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import dense
from llmgateway.ports.store import Row, StoreReader, Wanted

if TYPE_CHECKING:
    from llmgateway.controlplane.evaluation.panel import Member
    from llmgateway.controlplane.evaluation.tried import Tried

PAGE: Final = 500
LIMIT: Final = 20_000
_NUMBERS: Final = frozenset({"judged", "bad", "share", "mean", "unknown"})


def run(
    since: options.SinceOption = "1d",
    until: options.UntilOption = None,
    route: Annotated[str | None, typer.Option("--route", "-r", help="Only exchanges of this route.")] = None,
    evaluators: Annotated[
        str | None,
        typer.Option(
            "--evaluators",
            "-e",
            help="Ask these: names of the configuration or of plug-ins. Default: every rule there is.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration; names the data folder, too.")
    ] = None,
    data: options.DataOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=10_000_000, help="How many exchanges at most, the newest.")
    ] = LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what evaluators find in logged exchanges, by version. Asks no model, writes nothing; exit code 0."""
    from llmgateway.controlplane.evaluation.tried import Tried

    members = _members(config, evaluators)
    path = options.store_path(config or whereabouts.CONFIG, data)
    wanted = Wanted(route=route, since=options.moment(since, "--since"), until=options.moment(until, "--until"))
    tried = Tried(members)
    options.with_reader(path, lambda reader: _with_progress(reader, wanted, limit, members, tried))
    if as_json:
        shown = {"since": wanted.since, "until": wanted.until, "exchanges": tried.exchanges, "lines": tried.shown()}
        gateway.print_json(shown | {"limited": tried.exchanges >= limit})
        return
    _print(tried.shown())
    lines.notes().print(f"{tried.exchanges:,} exchanges; nothing was written", style="dim")


def _members(config: Path | None, given: str | None) -> "Sequence[Member]":
    """Who is asked: definitions of the configuration, or plug-ins with their own defaults."""
    from llmgateway import plugins
    from llmgateway.config.evaluating import Evaluator
    from llmgateway.config.problems import did_you_mean
    from llmgateway.controlplane.evaluation.panel import Member
    from llmgateway.ports.evaluator import asks

    makers, defined = plugins.classes("evaluator"), _defined(config)
    rules = [name for name, plugin in makers.items() if not asks(plugin)]
    names = rules if given is None else [each.strip() for each in given.split(",") if each.strip()]
    members = []
    for name in dict.fromkeys(names):
        definition = defined.get(name) or Evaluator(name, name)
        plugin = makers.get(definition.plugin)
        if plugin is None:
            fail(f"there is no evaluator {name!r}{did_you_mean(name, [*defined, *makers])}", MISUSED)
        if asks(plugin):
            fail(f"{name} asks a model: a running gateway does that, with [evaluators.{name}]", MISUSED)
        members.append(Member(definition, plugin(definition.options)))
    return members


def _defined(config: Path | None) -> Mapping[str, Any]:
    from llmgateway.cli.check import known_evaluators, known_providers
    from llmgateway.config.loader import load

    if config is None and not whereabouts.CONFIG.is_file():
        return {}
    file = config or whereabouts.CONFIG
    return load(file, providers=known_providers(), evaluators=known_evaluators(), generation=0, environ=None).evaluators


async def _with_progress(
    reader: StoreReader, wanted: Wanted, limit: int, members: "Sequence[Member]", tried: "Tried"
) -> None:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("evaluating"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[count]:,}"))
    notes = lines.notes()
    with Progress(
        *columns, TimeElapsedColumn(), console=notes, transient=True, disable=not notes.is_terminal
    ) as progress:
        task = progress.add_task("", total=1.0, count=0)
        newest: float | None = None
        before, left = None, limit
        while left > 0:
            page = await reader.page(wanted, limit=min(PAGE, left), before=before)
            for batch in batches(page):
                await _judge(reader, batch, members, tried)
                newest = batch[0]["at"] if newest is None else newest
                behind = _behind(newest, batch[-1]["at"], wanted.since)
                progress.update(task, completed=max(behind, tried.exchanges / limit), count=tried.exchanges)
            left -= len(page)
            if len(page) < PAGE:
                return
            before = page[-1]["id"]


def _behind(newest: float, reached: float, since: float | None) -> float:
    """Which share of the time has been looked through."""
    return 0.0 if since is None or newest <= since else (newest - reached) / (newest - since)


async def _judge(reader: StoreReader, rows: list[Row], members: "Sequence[Member]", tried: "Tried") -> None:
    from llmgateway.controlplane.evaluation.batch import gather
    from llmgateway.controlplane.evaluation.panel import Due, due
    from llmgateway.controlplane.evaluation.sampling import claimed

    dues = [Due(row, found) for row in rows if claimed(row) is None and (found := due(row, members))]
    material = await gather(reader, dues)
    await aside(partial(tried.add, rows, material))


def _print(found: Sequence[Mapping[str, Any]]) -> None:
    from rich.text import Text

    table = dense()
    for title in ("route", "version", "evaluator", "judged", "bad", "share", "95 % interval", "mean", "unknown"):
        table.add_column(title, justify="right" if title in _NUMBERS else "left", overflow="fold")
    for each in found:
        unknown = ", ".join(f"{count} {why}" for why, count in sorted(each["unknown"].items()))
        share, interval, mean = each["share"], each["interval"], each["mean"]
        cells = (
            one_line(each["route"]),
            one_line(each["version"]),
            one_line(each["evaluator"]),
            str(each["judged"]),
            str(each["bad"]),
            "" if share is None else f"{share:.1%}",
            "" if interval is None else f"{interval[0]:.1%} to {interval[1]:.1%}",
            "" if mean is None else f"{mean:.3f}",
            unknown,
        )
        table.add_row(*map(Text, cells))
    lines.console().print(table)
