"""`llmgateway datasets`: sets of requests to try versions on. One file a command."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.datasets.create import create
    from llmgateway.cli.datasets.erase import erase
    from llmgateway.cli.datasets.look import list_datasets, show
    from llmgateway.cli.datasets.transfer import export, import_lines

    datasets = typer.Typer(
        no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    datasets.callback()(_group)
    datasets.command("create")(create)
    datasets.command("list")(list_datasets)
    datasets.command("show")(show)
    datasets.command("export")(export)
    datasets.command("import")(import_lines)
    datasets.command("erase")(erase)
    app.add_typer(datasets, name="datasets")


def _group() -> None:
    """Make sets of logged requests to try versions on."""
