"""`llmgateway demo`: a newcomer's first look. Two pretend models, the gateway, real traffic, and the log of it.

The models and the gateway are processes of their own, and they are gone afterwards.
"""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Leave after the report instead of serving on.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    requests: Annotated[int, typer.Option(min=1, max=10_000, help="How many requests to send.")] = 200,
    config: Annotated[Path | None, typer.Option(help="Another example to start from.")] = None,
) -> None:
    """Show the gateway at work: two versions of a model, real traffic, the log. Needs no key and no network."""
    from llmgateway.cli.demo.stage import Play, perform

    raise typer.Exit(perform(Play(once=once, as_json=as_json, requests=requests, config=config)))
