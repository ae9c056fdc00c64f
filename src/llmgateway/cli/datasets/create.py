"""`llmgateway datasets create`: a dataset out of the log."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import fail
from llmgateway.cli.logs import lines, options
from llmgateway.cli.whereabouts import CONFIG_ENV, TOKEN_ENV, TokenEnvOption, UrlOption, locate
from llmgateway.ports.datasets import MAX_ITEMS
from llmgateway.replaying.collect import SCAN, Collected, Order, collect, told
from llmgateway.replaying.sample import Stratify

if TYPE_CHECKING:
    from llmgateway.ports.store import StoreReader

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar=CONFIG_ENV, help="The gateway's configuration: data folder and admin listener."
    ),
]


def create(
    name: Annotated[str, typer.Argument(help="What it is called; a name that is there gets a new version.")],
    route: Annotated[str, typer.Option("--route", "-r", help="The route whose exchanges are taken.")],
    since: options.SinceOption = "7d",
    until: options.UntilOption = None,
    version: options.VersionOption = None,
    key: options.KeyOption = None,
    status: options.StatusOption = None,
    error: options.ErrorOption = None,
    guardrail: options.GuardrailOption = None,
    verdict: options.VerdictOption = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=MAX_ITEMS, help="How many items at most.")] = 200,
    stratify: Annotated[
        Stratify | None, typer.Option("--stratify", help="Take turns over these, so that rare ones are there.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws another sample.")] = 0,
    scan: Annotated[int, typer.Option(min=1, help="How many exchanges to look at, the newest.")] = SCAN,
    config: ConfigOption = None,
    data: options.DataOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Draw a sample of logged requests, without doubles, and keep it as a version that never changes."""
    from llmgateway.cli.datasets.asking import save

    wanted = options.wanted(
        route=route,
        version=version,
        key=key,
        status=status,
        error=error,
        guardrail=guardrail,
        verdict=verdict,
        since=since,
        until=until,
    )
    order = Order(wanted, count, seed, stratify, scan)
    path = options.store_path(config or options.CONFIG, data, route)
    collected = options.with_reader(path, lambda reader: _with_progress(reader, order))
    if not collected.items:
        fail(f"nothing to make a dataset of: {_left_out(collected) or 'no exchange fits'}")
    dataset = save(locate(config, url, token_env), name, route, told(order, collected), collected.items)
    if as_json:
        gateway.print_json(dataset)
        return
    say(dataset)
    _note(collected, scan)


def say(dataset: Mapping[str, Any]) -> None:
    """One line about a version that was just sealed."""
    from llmgateway.cli.logs.printable import one_line

    count = dataset["items"]
    gateway.console().print(
        one_line(f"{dataset['name']}@{dataset['version']}: {count:,} item{'s' * (count != 1)}, ")
        + f"content {dataset['content_hash'][:12]}"
    )


def _note(collected: Collected, scan: int) -> None:
    """What did not come in."""
    if left_out := _left_out(collected):
        lines.notes().print(f"left out of {collected.seen:,} exchanges: {left_out}", style="dim")
    if collected.is_cut:
        lines.notes().print(f"these are of the newest {scan:,}; --scan looks further back", style="dim")


def _left_out(collected: Collected) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(collected.left_out.items()))


async def _with_progress(reader: "StoreReader", order: Order) -> Collected:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    notes = lines.notes()
    columns = (TextColumn("{task.fields[scanned]:,} looked at, taken"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=notes, transient=True, disable=not notes.is_terminal
    ) as progress:
        task = progress.add_task("", total=order.count, scanned=0)
        scanned = 0

        def step(what: str, more: int) -> None:
            nonlocal scanned
            scanned += more if what == "scanned" else 0
            progress.update(task, advance=more if what == "taken" else 0, scanned=scanned)

        return await collect(reader, order, step)
