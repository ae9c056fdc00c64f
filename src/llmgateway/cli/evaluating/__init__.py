"""`llmgateway eval`: how the evaluators are, and what they would say of the log. One file a command."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.evaluating.listing import list_evaluators
    from llmgateway.cli.evaluating.run import run

    evaluators = typer.Typer(
        no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    evaluators.callback()(_group)
    evaluators.command("list")(list_evaluators)
    evaluators.command("run")(run)
    app.add_typer(evaluators, name="eval")


def _group() -> None:
    """See how the evaluators do, and try them on the log."""
