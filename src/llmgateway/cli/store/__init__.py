"""`llmgateway store`: look after the database that the log is kept in."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(make_app(), name="store")


def make_app() -> typer.Typer:
    """The three commands under one name."""
    from llmgateway.cli.store.backup import backup
    from llmgateway.cli.store.look import check
    from llmgateway.cli.store.rebuild import rebuild

    store = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help="Look after the store: check, backup, rebuild.",
    )
    store.command("check")(check)
    store.command("backup")(backup)
    store.command("rebuild")(rebuild)
    return store
