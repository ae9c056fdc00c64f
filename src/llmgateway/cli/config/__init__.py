"""`llmgateway config`: the configuration of the running gateway; who changed it, and the way back."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.config.change import apply, rollback
    from llmgateway.cli.config.look import diff, history, show

    config = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    config.callback()(_group)
    for command in (show, history, diff, apply, rollback):
        config.command(command.__name__)(command)
    app.add_typer(config, name="config")


def _group() -> None:
    """Show and change the configuration in force."""
