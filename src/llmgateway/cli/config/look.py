"""`llmgateway config show | history | diff`: what is in force, and how it came to be."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.logs.printable import full_time, many_lines, one_line
from llmgateway.cli.tables import Column, identity, number, words
from llmgateway.cli.tables import show as table
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

LISTED: Final = 20
_COLUMNS: Final = (number("generation"), identity("when"), Column("who", rank=1), words("why"))


def show(
    number: Annotated[int | None, typer.Argument(min=1, help="A generation; without it the file as it is now.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Print the configuration, secrets that are written out in it as ***."""
    source = locate(config, url, token_env)
    if number is not None:
        found = gateway.get(source, f"generations/{number}", has="text")
        if as_json:
            gateway.print_json(found)
        else:
            typer.echo(many_lines(found["text"] or ""), nl=False)
        return
    view = gateway.get(source, "config", has="config", format="json")
    if as_json:
        gateway.print_json(view)
        return
    typer.echo(many_lines(view["text"]), nl=False)
    if not view["in_force"]:
        typer.echo(f"# {one_line(view['file'])} was edited and is not in force: `llmgateway reload`", err=True)


def history(
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1_000, help="How many at most.")] = LISTED,
    before: Annotated[int | None, typer.Option(min=1, help="Only generations below this number.")] = None,
    as_json: gateway.JsonOption = False,
) -> None:
    """List who changed the configuration, when and why, newest first."""
    source = locate(config, url, token_env)
    page = gateway.get(source, "generations", has="generations", limit=limit, before=before)
    if as_json:
        gateway.print_json(page)
        return
    _print_history(page)


def _print_history(page: Mapping[str, Any]) -> None:
    rows, styles = [], []
    current = next((each["number"] for each in page["generations"] if each["refused"] is None), None)
    for each in page["generations"]:
        why = one_line(each["reason"])
        if each["refused"] is not None:
            why = f"TAKEN BACK: {one_line(each['refused'])}" + (f" ({why})" if why else "")
        mark = "*" if each["number"] == current else " "
        styles.append("red" if each["refused"] is not None else "bold" if mark == "*" else "")
        rows.append((f"{each['number']}{mark}", full_time(each["at"])[:19], one_line(each["author"]), why))
    table(_COLUMNS, rows, styles)
    if page["next"] is not None:
        gateway.console().print(f"more: --before {page['next']}", style="dim")


def diff(
    number: Annotated[int | None, typer.Argument(min=1, help="A generation: what it changed.")] = None,
    other: Annotated[int | None, typer.Argument(min=1, help="Another one: from the first to this one.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show what a generation changed, what lies between two, or what was edited in the file and is not in force."""
    source = locate(config, url, token_env)
    if number is None:
        found = gateway.get(source, "config", has="diff", format="json")
    elif other is None:
        found = gateway.get(source, f"generations/{number}", has="diff")
    elif number == other:
        fail("the two are the same generation", MISUSED)
    else:
        found = gateway.get(source, f"generations/{other}", has="diff", against=number)
    if as_json:
        gateway.print_json({"diff": found["diff"]})
    elif found["diff"]:
        gateway.print_diff(gateway.console(), found["diff"])
    else:
        typer.echo("no difference" if number is not None else "the file is as it is in force", err=True)
