"""`llmgateway guard list`: the plug-ins that guardrails can use, and what each can find."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import identity, show, words


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
    rows = []
    for each in found:
        kinds = "what its settings say" if each["kinds"] is None else ", ".join(each["kinds"])
        rows.append([one_line(cell) for cell in (each["name"], each["type"], each["version"], kinds)])
    show((identity("name"), identity("type"), identity("version", rank=1), words("finds")), rows)
