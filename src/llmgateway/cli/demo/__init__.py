"""`llmgateway demo`: a newcomer's first look. Two pretend models, the gateway, real traffic, and the log of it.

The models and the gateway are processes of their own, and they are gone afterwards.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from llmgateway.cli.demo.stage import Show

REQUESTS: Final = 200


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("demo")(demo)


def demo(
    rollout: Annotated[bool, typer.Option("--rollout", help="Show two rollouts: one goes right, one wrong.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Leave after the report instead of serving on.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    requests: Annotated[
        int | None, typer.Option(min=1, max=10_000, help=f"How many requests to send; {REQUESTS} by default.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Another example to start from.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Where --rollout leaves its trust report; else among temporary files.")
    ] = None,
) -> None:
    """Show the gateway at work: two versions of a model, real traffic, the log. Needs no key and no network."""
    from llmgateway.cli.demo.stage import perform

    show: Show
    if rollout:
        _refuse("--rollout has callers and a configuration of its own", requests=requests, config=config)
        if report is not None and not report.absolute().parent.is_dir():
            raise typer.BadParameter(f"there is no folder {report.absolute().parent}", param_hint="--report")
        from llmgateway.cli.demo.rollout.show import Rollouts

        show = Rollouts(once=once, as_json=as_json, report=report)
    else:
        _refuse("only --rollout writes a trust report", report=report)
        from llmgateway.cli.demo.tour import Tour

        show = Tour(once=once, as_json=as_json, requests=requests or REQUESTS, config=config)
    raise typer.Exit(perform(show, once=once))


def _refuse(why: str, **options: object) -> None:
    """Say that options have no meaning here, if they were given."""
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(f"{why}: no --{name}")
