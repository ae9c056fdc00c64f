"""`llmgateway guard`: what guardrails there are, and what they make of a text or of the log. One file a command."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.guard.check import check
    from llmgateway.cli.guard.listing import list_plugins
    from llmgateway.cli.guard.replay import replay

    guard = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    guard.callback()(_group)
    guard.command("check")(check)
    guard.command("list")(list_plugins)
    guard.command("replay")(replay)
    app.add_typer(guard, name="guard")


def _group() -> None:
    """Try guardrails on a text or on the log, and list them."""
