"""`llmgateway scores`: what users, programs, judges and people say of the answers. One file a command."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.scores.add import add
    from llmgateway.cli.scores.listing import list_scores
    from llmgateway.cli.scores.summary import summary

    scores = typer.Typer(
        no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    scores.callback()(_group)
    scores.command("add")(add)
    scores.command("list")(list_scores)
    scores.command("summary")(summary)
    app.add_typer(scores, name="scores")


def _group() -> None:
    """Score answers, and see what was said of them, by version."""
