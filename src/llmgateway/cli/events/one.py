"""`llmgateway events show` and `undo`: one event, and taking it back."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from llmgateway.cli import gateway
from llmgateway.cli.events.screen import picture
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate
from llmgateway.domain.clock import SystemClock

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The event, by its id.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stays where the act is written down.")]


def show(
    event_id: IdArgument,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Show one event: what, why, on which figures, and what takes it back."""
    _tell(gateway.get(locate(config, url, token_env), _path(event_id), has="event")["event"], as_json=as_json)


def undo(
    event_id: IdArgument,
    reason: ReasonOption,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Take an event back, by the act that it names."""
    source = locate(config, url, token_env)
    done = gateway.change(source, "POST", f"{_path(event_id)}/undo", has="event", reason=reason)["event"]
    if not as_json:
        gateway.console().print(f"taken back: {one_line(done['undo']['act'])}", style="green")
    _tell(done, as_json=as_json)


def _path(event_id: str) -> str:
    return f"events/{quote(event_id, safe='')}"


def _tell(event: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        gateway.print_json(event)
    else:
        gateway.console().print(picture(event, SystemClock.time()))
