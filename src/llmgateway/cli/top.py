"""`llmgateway top`: the running gateway at a glance. Asks the admin listener; shows, and decides nothing."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from llmgateway.cli.backends import state
from llmgateway.cli.errors import fail
from llmgateway.cli.gateway import ConfigOption
from llmgateway.cli.logs.printable import size
from llmgateway.cli.tables import Column, Trimmed, identity, laid_out, no_room, number, room
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
from llmgateway.telemetry.redact import one_line
from llmgateway.wire.jsoncodec import encode_pretty

if TYPE_CHECKING:
    from rich.console import Group

TIMEOUT_S: Final = 3.0
PIPED: Final = 1_000  # characters a line where no terminal ends one
_HAVE_LINES: Final = frozenset({"backend", "gateway"})  # of their own, whether it lasts or not
_TRAFFIC: Final = (
    Column("route"),
    Column("version"),
    number("req/s"),
    number("bad"),
    number("p50", rank=1),
    number("p95"),
    number("p99", rank=4),
    number("1st50", rank=6),
    number("1st95", rank=3),
    number("tok/s", rank=5),
    number("$", rank=2),
)
_WORKERS: Final = (
    number("worker"),
    number("pid", rank=2),
    number("config"),
    number("in flight"),
    number("connections", rank=4),
    number("slowest write", rank=3),
    number("starts", rank=1),
    identity("state"),
)
_STEPS: Final = (  # of the overload ladder: what a worker does on them
    "",
    "it keeps no connection open",
    "new requests of low priority get 503",
    "new requests of low and normal priority get 503",
    "all new requests get 503",
    "all new requests get 503, and the largest streams are cut",
)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("top")(top)


def top(
    config: ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    once: Annotated[bool, typer.Option("--once", help="Print once and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON once and leave.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.2, max=60.0, help="Seconds between looks.")] = 1.0,
) -> None:
    """Watch rates, latency, errors, cost and workers live. Figures are of the last minute."""
    source = locate(config, url, token_env)
    if as_json:
        typer.echo(encode_pretty(_first(source)).decode())
    elif once or not sys.stdout.isatty():  # nobody watches a file
        from rich.console import Console

        Console(highlight=False, width=None if sys.stdout.isatty() else PIPED).print(Trimmed(screen(_first(source))))
    else:
        _watch(source, every)


def fetch(source: Source) -> Mapping[str, Any]:
    """Ask for the live view; raises UnreachableError."""
    status, body = ask(source, "GET", "/admin/v1/live", TIMEOUT_S)
    return understood(source, status, body, has="versions")


def _first(source: Source) -> Mapping[str, Any]:
    try:
        return fetch(source)
    except UnreachableError as error:
        fail(str(error))


def _watch(source: Source, every: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    first = _first(source)
    with Live(screen(first), console=Console(highlight=False), screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(every)
                try:
                    live.update(screen(fetch(source)), refresh=True)
                except UnreachableError as error:
                    live.update(Text(f"{error}\nTrying again. Ctrl-C leaves.", style="red"), refresh=True)
        except KeyboardInterrupt:
            return


def screen(view: Mapping[str, Any]) -> "Group":
    """The whole picture: headline, what is wrong, traffic by version, workers. What has no room is at the end."""
    from rich.console import Group
    from rich.text import Text

    wrong = (Text(f"! {trouble}", style="bold red") for trouble in troubles(view))
    young = (
        ""
        if view["uptime_s"] >= view["window_s"]
        else f"up for less than {view['window_s']} s: rates are still too low"
    )
    notes = [Text(young, style="dim")] if young else []
    return Group(Text(headline(view)), *notes, *wrong, *_traffic(view), *_workers(view))


def headline(view: Mapping[str, Any]) -> str:
    """Three lines on the gateway as a whole."""
    whole = view["whole"]
    journal = view["journal"]
    behind = "unknown" if journal["lag_s"] is None else f"{span(journal['lag_s'])}, {size(journal['unread_bytes'])}"
    ready = "ready" if view["ready"] else "NOT READY"
    return (
        f"llmgateway {one_line(view['version'])} · {ready} · configuration {view['generation']} · "
        f"up {span(view['uptime_s'])}\n"
        f"{whole['rate']:.1f} requests/s · {sum(view['in_flight'].values()):.0f} in flight · "
        f"{sum(view['open_streams'].values()):.0f} streams · {view['connections']:.0f} connections\n"
        f"{whole['output_tokens_s']:.0f} tokens/s out · ${whole['cost_usd']:.4f} in {view['window_s']} s · "
        f"store behind the journal by {behind}"
    )


def _traffic(view: Mapping[str, Any]) -> Iterator[Any]:
    from rich.text import Text

    if not view["versions"]:
        yield Text("\nno traffic in the last minute\n")
        return
    rows = []
    for line in view["versions"]:
        total, first = line["duration_s"] or {}, line["first_token_s"] or {}
        rows.append(
            [
                one_line(line["route"]),
                one_line(line["version"]),
                f"{line['rate']:.2f}",
                f"{sum(line['bad'].values()) / line['requests']:.1%}",
                *(span(total.get(name)) for name in ("p50", "p95", "p99")),
                *(span(first.get(name)) for name in ("p50", "p95")),
                f"{line['output_tokens_s']:.0f}",
                f"{line['cost_usd']:.3f}",
            ]
        )
    yield from _fitting(_TRAFFIC, rows)


def troubles(view: Mapping[str, Any]) -> list[str]:
    """What is wrong, a sentence each: what went badly in the last minute, and what doesn't run."""
    found = [
        f"{line['route']} {line['version']}: "
        + ", ".join(f"{name} {n}" for name, n in sorted(line["bad"].items()))
        + (f" ({line['blocked']} blocked by guardrails)" if line.get("blocked") else "")
        for line in view["versions"]
        if line["bad"]
    ]
    found += [f"backend {each['name']} is {state(each)}" for each in view["out"]]
    found += [
        f"alarm {each['id']}: {each['text']}" for each in view.get("alarms", ()) if each["kind"] not in _HAVE_LINES
    ]
    found += view["unready"]
    found += [
        f"the journal of worker {worker['slot']} is full, and new requests get 503: free disk space"
        for worker in view["workers"]
        if worker["journal_full"]
    ]
    found += [
        f"worker {worker['slot']} is overloaded ({worker['overload_cause']}): {_STEPS[worker['overload_step']]}"
        for worker in view["workers"]
        if 0 < worker["overload_step"] < len(_STEPS)
    ]
    found += [f"task {name} failed {count} times" for name, count in view["task_failures"].items() if count]
    if view["journal"]["store_error"]:
        found.append(f"the store takes nothing: {view['journal']['store_error']}")
    return [one_line(each) for each in found]


def _workers(view: Mapping[str, Any]) -> Iterator[Any]:
    rows = []
    for worker in view["workers"]:
        how = "journal full" if worker["journal_full"] else "ok"
        rows.append(
            [
                str(worker["slot"]),
                str(worker["pid"]),
                str(worker["generation"]),
                f"{worker['in_flight']:.0f}",
                f"{worker['connections']:.0f}",
                span(worker["slowest_write_s"]),
                str(worker["starts"]),
                f"silent {span(worker['seen_s'])}" if worker["stale"] else how,
            ]
        )
    return _fitting(_WORKERS, rows)


def _fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[Any]:
    """A table that the terminal has room for, as it is now, and what it has none for."""
    from rich.text import Text

    laid = laid_out(columns, rows, room())
    yield laid.table
    if laid.left_out:
        yield Text(no_room(laid.left_out), style="dim")


def span(seconds: float | None) -> str:
    """A duration for people: 850 us, 12 ms, 3.4 s, 5 min, 7 h."""
    if seconds is None:
        return "-"
    for limit, unit, factor in ((0.001, "us", 1e6), (1.0, "ms", 1e3)):
        if seconds < limit:
            return f"{seconds * factor:.0f} {unit}"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.0f} h"
