"""`llmgateway guard replay`: what the guardrails of a configuration would make of exchanges that are in the log."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmgateway.cli import gateway, whereabouts
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.guard.asked import names_of, snapshot_of
from llmgateway.cli.logs import lines, options, walk
from llmgateway.ports.store import Body, Row, StoreReader, Wanted

if TYPE_CHECKING:
    from llmgateway.guarding.replayed import Replay


def replay(
    since: options.SinceOption = "1d",
    until: options.UntilOption = None,
    route: Annotated[str | None, typer.Option("--route", "-r", help="Only exchanges of this route.")] = None,
    guardrails: Annotated[
        str | None,
        typer.Option(
            "--guardrails",
            "-g",
            help="Ask these about all: names of the configuration or of plug-ins. Default: each route's own.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            envvar=whereabouts.CONFIG_ENV,
            help="The configuration to try; names the data folder, too.",
        ),
    ] = None,
    data: options.DataOption = None,
    limit: walk.LimitOption = walk.LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what guardrails would find in logged exchanges, beside what was recorded. Changes nothing; exit code 0."""
    names = names_of(guardrails)
    path = options.store_path(config or whereabouts.CONFIG, data)
    figures, route = _asked(config, names, route)
    options.check_route(path, route, None if data is not None else config or whereabouts.CONFIG)
    wanted = Wanted(
        route=route, since=options.moment(since, "--since"), until=options.moment(until, "--until"), shadow=False
    )
    walk.with_progress(path, wanted, limit, "replaying", partial(judge, figures))
    is_limited = figures.exchanges >= limit
    if as_json:
        gateway.print_json({"since": wanted.since, "until": wanted.until, "limited": is_limited} | figures.shown())
    else:
        from llmgateway.cli.guard.replayed import tell

        tell(lines.console(), figures)
    if is_limited:
        lines.notes().print(f"these are the newest {limit:,}; --limit looks further back", style="dim")


def _asked(config: Path | None, names: list[str] | None, route: str | None) -> tuple["Replay", str | None]:
    """Who is asked, and the route's name as the log has it."""
    from llmgateway import plugins
    from llmgateway.cli.guard.told import hint
    from llmgateway.guarding.replayed import Replay
    from llmgateway.guarding.trial import Trial, TrialError

    trial = Trial(snapshot_of(config, is_needed=names is None), plugins.classes)
    try:
        if names is None:
            return Replay(trial.guards_of_routes().of_route, hint), None if route is None else trial.route_name(route)
        guard = trial.guard_of_names(names)
    except TrialError as error:
        fail(str(error), MISUSED)
    with suppress(TrialError):  # the log may have routes that the configuration has no more
        route = None if route is None else trial.route_name(route)
    return Replay(lambda _: guard, hint, names), route


async def judge(figures: "Replay", reader: StoreReader, batch: list[Row]) -> None:
    """Judge a batch beside the loop. Holds its verdicts and its bodies."""
    seqs = [row["seq"] for row in batch]
    verdicts, bodies = await reader.verdicts(seqs), await reader.bodies(seqs)
    await walk.aside(partial(_add, figures, batch, verdicts, bodies))


def _add(
    figures: "Replay", batch: Sequence[Row], verdicts: dict[int, list[Row]], bodies: dict[int, list[Body]]
) -> None:
    for row in batch:
        figures.add(row | {"verdicts": verdicts.get(row["seq"], [])}, bodies.get(row["seq"], ()))
