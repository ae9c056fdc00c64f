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
) -> None:
    """Show the gateway at work: two versions of a model, real traffic, the log. Needs no key and no network."""
    from llmgateway.cli.demo.stage import perform

    raise typer.Exit(perform(_show(rollout, once, as_json, requests, config), once=once))


def _show(rollout: bool, once: bool, as_json: bool, requests: int | None, config: Path | None) -> "Show":
    if not rollout:
        from llmgateway.cli.demo.tour import Tour

        return Tour(once=once, as_json=as_json, requests=requests or REQUESTS, config=config)
    if requests is not None or config is not None:
        raise typer.BadParameter("--rollout has callers and a configuration of its own: no --requests, no --config")
    from llmgateway.cli.demo.rollout.show import Rollouts

    return Rollouts(once=once, as_json=as_json)
