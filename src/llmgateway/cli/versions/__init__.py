"""`llmgateway versions`: what each version is made of, and what people say of it."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.versions.look import diff, list_versions, show
    from llmgateway.cli.versions.say import label, note

    versions = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    versions.callback()(_group)
    versions.command("list")(list_versions)
    for command in (show, diff, label, note):
        versions.command(command.__name__)(command)
    app.add_typer(versions, name="versions")


def _group() -> None:
    """See what versions are made of, compare them, label them and write notes."""
