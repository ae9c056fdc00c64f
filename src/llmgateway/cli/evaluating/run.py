"""`llmgateway eval run`: what evaluators would say of exchanges that are in the log."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from llmgateway.cli import gateway, whereabouts
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.logs import lines, options, walk
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import Column, identity, number, show, words
from llmgateway.ports.store import Row, StoreReader, Wanted

if TYPE_CHECKING:
    from llmgateway.controlplane.evaluation.panel import Member
    from llmgateway.controlplane.evaluation.tried import Tried

_COLUMNS: Final = (
    Column("route"),
    Column("version"),
    Column("evaluator", least=12),
    number("judged", rank=2),
    number("bad", rank=1),
    number("share"),
    identity("95 % interval", rank=3),
    number("mean", rank=4),
    words("unknown", rank=5, least=10),
)


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
        Path | None,
        typer.Option(
            "--config", "-c", envvar=whereabouts.CONFIG_ENV, help="The configuration; names the data folder, too."
        ),
    ] = None,
    data: options.DataOption = None,
    limit: walk.LimitOption = walk.LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what evaluators find in logged exchanges, by version. Asks no model, writes nothing; exit code 0."""
    from llmgateway.controlplane.evaluation.tried import Tried

    members = _members(config, evaluators)
    path = options.store_path(config or whereabouts.CONFIG, data, route)
    wanted = Wanted(route=route, since=options.moment(since, "--since"), until=options.moment(until, "--until"))
    tried = Tried(members)
    walk.with_progress(path, wanted, limit, "evaluating", partial(_judge, members, tried))
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


async def _judge(members: "Sequence[Member]", tried: "Tried", reader: StoreReader, rows: list[Row]) -> None:
    from llmgateway.controlplane.evaluation.batch import gather
    from llmgateway.controlplane.evaluation.panel import Due, due
    from llmgateway.controlplane.evaluation.sampling import claimed

    dues = [Due(row, found) for row in rows if claimed(row) is None and (found := due(row, members))]
    material = await gather(reader, dues)
    await walk.aside(partial(tried.add, rows, material))


def _print(found: Sequence[Mapping[str, Any]]) -> None:
    rows = []
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
        rows.append(cells)
    show(_COLUMNS, rows)
