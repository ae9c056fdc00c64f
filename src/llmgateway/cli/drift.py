"""`llmgateway drift`: how every version stands against what was usual for it, and a new reference."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import Cell, Column, number, show, words
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

VersionOption = Annotated[str | None, typer.Option("--version", help="Of this version alone.")]
_STYLES: Final = {"alarm": "red", "moved": "yellow", "calm": "green"}
_COLUMNS: Final = (
    Column("route"),
    Column("version"),
    Column("watched", least=13),
    words("state", least=9),
    number("usual", rank=3),
    number("since", rank=2),
    number("of an alarm", rank=1),
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    drift = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    drift.callback()(_group)
    drift.command("status")(status)
    drift.command("reset")(reset)
    app.add_typer(drift, name="drift")


def _group() -> None:
    """See whether versions still do what they did, and say that something else is usual now."""


def status(
    route: Annotated[str | None, typer.Argument(metavar="ROUTE", help="Of this route alone.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show what is watched of each version: what was usual, what has been since, and how near an alarm is."""
    source = locate(config, url, token_env)
    found = gateway.get(source, "drift", has="versions", route=route)
    _tell(found, as_json=as_json)


def reset(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="The route, as its applications write it.")],
    version: VersionOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    yes: gateway.YesOption = False,
    as_json: gateway.JsonOption = False,
) -> None:
    """Take what comes next as usual: the old window and its alarms are forgotten."""
    source = locate(config, url, token_env)
    whose = one_line(route) if version is None else f"version {one_line(version)} of {one_line(route)}"
    gateway.sure(source, f"Forget what was usual for {whose}?", is_agreed=yes)
    path = f"drift/{quote(route, safe='')}/reset"
    _tell(gateway.change(source, "POST", path, has="versions", version=version), as_json=as_json)


def _tell(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        gateway.print_json(found)
    elif not found["is_on"]:
        gateway.console().print("nothing is watched: [drift] names no signals and no features")
    elif not found["versions"]:
        gateway.notes().print("no such version is watched: the names of routes are those of the configuration")
    else:
        _print(found["versions"])
        if found["left_out"]:
            gateway.console().print(f"{found['left_out']:,} more versions are not watched: there are too many")


def _print(versions: Sequence[Mapping[str, Any]]) -> None:
    from rich.text import Text

    console = gateway.console()
    rows: list[Sequence[Cell]] = []
    for each in versions:
        place = one_line(each["route"]), one_line(each["version"])
        if each["state"] == "learning":
            rows.append((*place, "", f"learning, {each['missing']:,} to go", "", "", ""))
            continue
        for watched in (*each["signals"], *each["features"]):
            state = Text(watched["state"].replace("_", " "), _STYLES.get(watched["state"], ""))
            rows.append((*place, watched["name"], state, *_numbers(watched)))
    show(_COLUMNS, rows)
    for each in versions:
        for watched in (*each["signals"], *each["features"]):
            if watched["text"]:
                console.print(one_line(watched["text"]))


def _numbers(watched: Mapping[str, Any]) -> tuple[str, str, str]:
    """What was usual, what has been since, and how near an alarm is."""
    near = f"{watched['score']:.0%}"
    if "psi" in watched:
        psi, limit = watched["psi"], watched["limit"]
        return ("", "", "") if psi is None else (f"PSI below {limit:.2f}", f"{psi:.3f}", near)
    reference = watched["reference"]
    since = f"{watched['bad_since'] / watched['since']:.2%}" if watched["since"] else ""
    if reference is None:
        return f"{watched['bad_in_window'] / watched['window']:.2%}" if watched["window"] else "", since, ""
    return f"up to {reference:.2%}", since, near
