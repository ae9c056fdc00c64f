"""`llmgateway events list`: the newest first; or, with --follow, as they come."""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.events.screen import line, print_list
from llmgateway.cli.logs import options
from llmgateway.cli.logs.printable import json_text
from llmgateway.cli.whereabouts import TOKEN_ENV, Source, TokenEnvOption, UrlOption, locate
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.event import EventKind, EventSeverity

POLL_S: Final = 2.0
PAGE: Final = 1_000

Event = Mapping[str, Any]
KindOption = Annotated[str | None, typer.Option(help=f"Only of this kind: {', '.join(EventKind)}.")]
SeverityOption = Annotated[str | None, typer.Option(help=f"Only of this severity: {', '.join(EventSeverity)}.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Only alarms that have not cleared.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, max=PAGE, help="How many at most.")]
BeforeOption = Annotated[str | None, typer.Option(help="Go on behind this event: the next page.")]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Stay, and print what comes. Ctrl-C leaves.")]


def list_events(
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    kind: KindOption = None,
    severity: SeverityOption = None,
    route: options.RouteOption = None,
    since: options.SinceOption = None,
    until: options.UntilOption = None,
    is_open: OpenOption = False,
    limit: LimitOption = 50,
    before: BeforeOption = None,
    follow: FollowOption = False,
    as_json: gateway.JsonOption = False,
) -> None:
    """List what the gateway did by itself, or noticed, the newest first."""
    source = locate(config, url, token_env)
    begin, end = options.span(since, until)
    wanted = {
        "kind": one_of(kind, tuple(EventKind), "--kind"),
        "severity": one_of(severity, tuple(EventSeverity), "--severity"),
        "route": route,
        "since": begin,
        "until": end,
        "open": is_open,
    }
    most = PAGE if follow else limit
    page = gateway.get(source, "events", has="events", limit=most, before=before, **wanted)
    if follow:
        _follow(source, wanted, page["events"], limit, as_json=as_json)
    elif as_json:
        gateway.print_json(page)
    else:
        _print(page)


def one_of(text: str | None, known: Sequence[str], option: str) -> str | None:
    """The word, if it is one of those; raises typer.BadParameter."""
    if text is not None and text not in known:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(known)}", param_hint=option)
    return text


def _print(page: Mapping[str, Any]) -> None:
    notes = gateway.notes()
    if page["events"]:
        print_list(page["events"], SystemClock.time())
    else:
        notes.print("no event matches")
    if page["next"] is not None:
        notes.print(f"more: --before {page['next']}", style="dim")


def _follow(source: Source, wanted: Mapping[str, Any], found: Sequence[Event], limit: int, *, as_json: bool) -> None:
    """Print the newest and what comes, the oldest first, until Ctrl-C."""
    seen: dict[str, float | None] = {each["id"]: each["cleared_at"] for each in found[limit:]}
    out = gateway.console()
    try:
        while True:
            for each in fresh(found, seen):
                if as_json:
                    typer.echo(json_text(each))
                else:
                    out.print(line(each))
            time.sleep(POLL_S)
            found = gateway.get(source, "events", has="events", limit=PAGE, **wanted)["events"]
    except KeyboardInterrupt:
        raise typer.Exit(options.INTERRUPTED) from None


def fresh(found: Sequence[Event], seen: dict[str, float | None]) -> list[Event]:
    """What is new or has cleared since the last look, the oldest first; `seen` remembers as much as one look has."""
    new = [each for each in found if seen.get(each["id"], -1.0) != each["cleared_at"]]
    seen.clear()
    seen.update({each["id"]: each["cleared_at"] for each in found})
    return new[::-1]
