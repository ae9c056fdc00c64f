"""`llmgateway logs`: what the gateway's exchanges were. Reads the store beside a running gateway, or without one.

Erasing alone asks the running gateway: the store has one writer.
"""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(make_app(), name="logs")


def make_app() -> typer.Typer:
    """The commands under one name."""
    from llmgateway.cli.logs.compare import compare_pairs
    from llmgateway.cli.logs.erase import erase, erasures
    from llmgateway.cli.logs.export import export
    from llmgateway.cli.logs.listing import list_exchanges
    from llmgateway.cli.logs.show import show
    from llmgateway.cli.logs.tail import tail

    logs = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help="Look at the exchanges: tail, list, show, compare, export; erase somebody's.",
    )
    logs.command("tail")(tail)
    logs.command("list")(list_exchanges)
    logs.command("show")(show)
    logs.command("compare")(compare_pairs)
    logs.command("export")(export)
    logs.command("erase")(erase)
    logs.command("erasures")(erasures)
    return logs
