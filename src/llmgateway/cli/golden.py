"""`llmgateway golden`: what came of golden questions, and to have them asked now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import Column, identity, number, show
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

_COLUMNS: Final = (
    Column("route"),
    Column("version"),
    number("asked", rank=1),
    number("passed"),
    number("failed"),
    identity("last"),
    identity("next", rank=2),
    number("cost", rank=3),
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    golden = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    golden.callback()(_group)
    golden.command("status")(status)
    golden.command("run")(run)
    app.add_typer(golden, name="golden")


def _group() -> None:
    """See how golden questions are answered, and ask them now."""


def status(
    route: Annotated[str | None, typer.Argument(metavar="ROUTE", help="Of this route alone.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show how each version answered its golden questions, and which it fails."""
    source = locate(config, url, token_env)
    found = gateway.get(source, "golden", has="routes", route=route)
    _tell(found, as_json=as_json)


def run(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="The route, as its applications write it.")],
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Have a route's golden questions asked now; `status` says what came of it."""
    path = f"golden/{quote(route, safe='')}/run"
    _tell(gateway.change(locate(config, url, token_env), "POST", path, has="routes"), as_json=as_json)


def _tell(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        gateway.print_json(found)
    elif not found["routes"]:
        gateway.console().print("no golden questions: [routes.NAME.golden] in the configuration names some")
    else:
        _print(found["routes"])


def _print(routes: Sequence[Mapping[str, Any]]) -> None:
    console, rows = gateway.console(), []
    for each in routes:
        nobody: Mapping[str, Any] = {"version": "", "asked": "", "passed": "", "failed": (), "at": each["begun"]}
        for at, version in enumerate(each["versions"] or [nobody]):
            rows.append([one_line(cell) for cell in _cells(each, version, is_first=at == 0)])
    show(_COLUMNS, rows)
    for each in routes:
        if each["trouble"]:
            console.print(one_line(f"{each['route']}: {each['trouble']}"))
        for version in each["versions"]:
            for failed in version["failed"]:
                where = f"{each['route']} {version['version']}"
                console.print(one_line(f"{where}: {failed['question']} {failed['reason']}, {failed['exchange']}"))


def _cells(route: Mapping[str, Any], version: Mapping[str, Any], *, is_first: bool) -> list[str]:
    cost = route["cost_usd"]
    return [
        route["route"] if is_first else "",
        version["version"],
        str(version["asked"]),
        str(version["passed"]),
        str(len(version["failed"])) if version["version"] else "",
        "now" if route["is_running"] else _time(version["at"]),
        _time(route["due"]) if is_first else "",
        f"${cost:.4f}" if is_first and cost is not None else "",
    ]


def _time(at: float | None) -> str:
    """A moment as people read it here; `now` for what is overdue on purpose."""
    if at is None:
        return "never"
    return "now" if at == 0 else datetime.fromtimestamp(at).astimezone().strftime("%m-%d %H:%M")
