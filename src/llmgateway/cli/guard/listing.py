"""`llmgateway guard list`: the plug-ins that guardrails can use, and what each can find."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line


def list_plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the plug-ins that guardrails may use: the version of their rules, and the kinds of their findings."""
    from llmgateway import plugins
    from llmgateway.guarding.trial import catalogue

    found = catalogue(plugins.classes)
    if as_json:
        gateway.print_json({"plugins": found})
    else:
        _print(found)


def _print(found: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console

    from llmgateway.cli.tables import dense

    table = dense()
    for column in ("name", "type", "version"):
        table.add_column(column, no_wrap=True)
    table.add_column("finds", overflow="fold")
    for each in found:
        kinds = "what its settings say" if each["kinds"] is None else ", ".join(each["kinds"])
        table.add_row(*(one_line(each[name]) for name in ("name", "type", "version")), one_line(kinds))
    Console(highlight=False, markup=False, emoji=False).print(table)
