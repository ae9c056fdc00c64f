"""`llmgateway backends`: the endpoints behind the routes, and how the workers find them."""

from collections.abc import Mapping
from typing import Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    backends = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    backends.callback()(_group)
    backends.command("list")(list_backends)
    app.add_typer(backends, name="backends")


def _group() -> None:
    """See how the backends are."""


def list_backends(
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """List the backends in force: where they are, who uses them, and how the workers find them."""
    source = locate(config, url, token_env)
    backends: list[Mapping[str, Any]] = []
    after = None
    while True:
        page = gateway.get(source, "backends", has="backends", limit=1_000, after=after)
        backends += page["backends"]
        if (after := page["next"]) is None:
            break
    if as_json:
        gateway.print_json({"backends": backends})
    else:
        _print(backends)


def _print(backends: list[Mapping[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    for name in ("backend", "at", "used by", "state"):
        table.add_column(name, overflow="fold")
    for each in backends:
        used = ", ".join(map(one_line, each["used_by"])) or "nobody"
        state = ", ".join(f"{one_line(name)} {one_line(value)}" for name, value in each["state"].items()) or "unknown"
        at = f"{one_line(each['base_url'])} ({one_line(each['provider'])})"
        table.add_row(*map(Text, (one_line(each["name"]), at, used, state)))
    gateway.console().print(table)
