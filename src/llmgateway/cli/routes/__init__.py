"""`llmgateway routes`: what traffic goes where. One file a command."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    from llmgateway.cli.routes.explain import explain
    from llmgateway.cli.routes.listing import list_routes
    from llmgateway.cli.routes.weight import weight

    routes = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    routes.callback()(_group)
    routes.command("list")(list_routes)
    routes.command("explain")(explain)
    routes.command("weight")(weight)
    app.add_typer(routes, name="routes")


def _group() -> None:
    """See and steer where requests go."""
