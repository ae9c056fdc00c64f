"""`llmgateway replay`: a version tried on a dataset, beside the stable one, and the report on it."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    from llmgateway.cli.replay.run import replay

    app.command("replay")(replay)
    app.callback()(_group)


def _group() -> None:
    """Keeps the command a command of its own where it is the only one."""
