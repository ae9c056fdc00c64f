"""`llmgateway versions list | show | diff`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import full_time, many_lines, one_line
from llmgateway.cli.tables import Column, identity, number, words
from llmgateway.cli.tables import show as table
from llmgateway.cli.versions.found import VersionArgument, listed, path_of
from llmgateway.cli.versions.told import difference, told
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

_COLUMNS = (
    Column("route", least=12),
    Column("version"),
    identity("id"),
    number("share"),
    Column("model", rank=3, least=12),
    identity("since", rank=2),
    identity("last answered", rank=1),
    words("labels", rank=4, least=12),
)


def list_versions(
    route: Annotated[str | None, typer.Option("--route", help="Only this route, which may be one of the past.")] = None,
    past: Annotated[bool, typer.Option("--past", help="Those as well that are not in force any more.")] = False,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """List versions: since when they are known, when they last answered, what they are called."""
    source = locate(config, url, token_env)
    found = listed(source, route=route, past=past)
    if as_json:
        gateway.print_json({"versions": found})
    elif found:
        _print(found)
    else:
        gateway.notes().print("no version matches")


def _print(found: list[Mapping[str, Any]]) -> None:
    rows = []
    for each in found:
        labels = ", ".join(f"{name}={value}" for name, value in each["labels"].items())
        if each["notes"]:
            labels += f"{', ' * bool(labels)}{each['notes']} note{'s' * (each['notes'] != 1)}"
        share = f"{each['share_percent']:g} %" if each["in_force"] else "past"
        model = (each["model"] or "as called") if each["in_force"] else ""
        times = [full_time(at)[:16] if at is not None else "" for at in (each["first_seen"], each["last_served"])]
        cells = (each["route"], each["name"], each["id"], share, model, *times, labels)
        rows.append([one_line(cell) for cell in cells])
    table(_COLUMNS, rows, ["" if each["in_force"] else "dim" for each in found])


def show(
    version: VersionArgument,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show what a version is made of, where it was in force and under what, its labels and notes."""
    source = locate(config, url, token_env)
    found = gateway.get(source, path_of(source, version), has="version")["version"]
    if as_json:
        gateway.print_json(found)
    else:
        typer.echo(many_lines("\n".join(told(found)) + "\n"), nl=False)


def diff(
    before: VersionArgument,
    after: Annotated[str, typer.Argument(metavar="OTHER", help="The other one, written in the same way.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Compare two versions: what they are made of, and what they are in force under."""
    source = locate(config, url, token_env)
    one, other = (gateway.get(source, path_of(source, each), has="version")["version"] for each in (before, after))
    text = difference(one, other)
    if as_json:
        gateway.print_json({"before": one["id"], "after": other["id"], "diff": text})
    elif text:
        gateway.print_diff(gateway.console(), text)
    else:
        typer.echo("no difference", err=True)
