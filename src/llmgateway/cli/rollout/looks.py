"""What is to be seen of a rollout: its status, live if wanted, its history, and what the figures mean."""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.rollout.acts import RouteArgument, path, tell
from llmgateway.cli.rollout.screen import standing
from llmgateway.cli.tables import Column, identity, number, show, words
from llmgateway.cli.whereabouts import (
    TOKEN_ENV,
    Source,
    TokenEnvOption,
    UnreachableError,
    UrlOption,
    ask,
    locate,
    understood,
)

TIMEOUT_S: Final = 3.0
_MOVES: Final = (
    identity("time"),
    Column("from", rank=3),
    Column("to", least=17),  # the longest state
    Column("by", rank=2),
    number("weight", rank=1),
    Column("who", rank=1),
    words("why"),
)
_ROLLOUTS: Final = (
    Column("route", least=12),
    identity("rollout"),
    Column("candidate"),
    Column("stable", rank=1),
    Column("state", least=17),
    Column("by", rank=2),
)
RouteOption = Annotated[str | None, typer.Argument(metavar="ROUTE", help="The route; without it, every rollout.")]


def status(
    route: RouteOption = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay and show it live.")] = False,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show where a rollout is, what is missing, and what the figures say."""
    source = locate(config, url, token_env)
    if route is None:
        _every(source, as_json=as_json)
    elif watch and not as_json and sys.stdout.isatty():
        _watch(source, route)
    else:
        tell(gateway.get(source, path(route), has="rollout")["rollout"], as_json=as_json)


def history(
    route: RouteArgument,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show every move of a route's last rollout: when, what, who and why."""
    found = gateway.get(locate(config, url, token_env), path(route, "history"), has="transitions")
    if as_json:
        gateway.print_json(found)
        return
    show(_MOVES, [_move(each) for each in found["transitions"]])


def _move(each: Mapping[str, Any]) -> list[str]:
    moment = f"{datetime.fromtimestamp(each['at'], UTC):%Y-%m-%d %H:%M:%S}"
    moved = (moment, each["from"], each["to"], each["event"], f"{each['weight']:.0%}")
    return [one_line(cell) for cell in (*moved, each["actor"] or "the gateway", each["reason"])]


def explain(
    route: RouteArgument,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    language: Annotated[str, typer.Option("--language", help="en or ja.")] = "en",
    as_json: gateway.JsonOption = False,
) -> None:
    """Say in sentences what a rollout needs, and what its figures mean."""
    source = locate(config, url, token_env)
    found = gateway.get(source, path(route, "explain"), has="words", language=language)
    if as_json:
        gateway.print_json(found)
        return
    for each in found["words"]:
        gateway.console().print(one_line(each))


def _every(source: Source, *, as_json: bool) -> None:
    found = gateway.get(source, "rollouts", has="rollouts")
    if as_json:
        gateway.print_json(found)
        return
    if not found["rollouts"]:
        gateway.notes().print("there was no rollout yet: `llmgateway rollout start ROUTE` begins one")
        return
    names = ("route", "id", "candidate", "stable", "state", "creator")
    rows = (each | {"state": _state(each)} for each in found["rollouts"])
    show(_ROLLOUTS, [[one_line(row[name]) for name in names] for row in rows])


def _state(rollout: Mapping[str, Any]) -> str:
    return f"{rollout['state']} (can't be read)" if rollout.get("unreadable") else str(rollout["state"])


def _watch(source: Source, route: str) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    first = gateway.get(source, path(route), has="rollout")["rollout"]
    with Live(standing(first), console=Console(highlight=False), screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(1.0)
                try:
                    status, body = ask(source, "GET", f"/admin/v1/{path(route)}", TIMEOUT_S)
                    live.update(standing(understood(source, status, body, has="rollout")["rollout"]), refresh=True)
                except UnreachableError as error:
                    live.update(Text(f"{error}\nTrying again. Ctrl-C leaves.", style="red"), refresh=True)
        except KeyboardInterrupt:
            return
