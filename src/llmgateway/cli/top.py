"""`llmgateway top`: the running gateway at a glance. Asks the admin listener; shows, and decides nothing."""

import http.client
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn
from urllib.parse import urlsplit

import typer

from llmgateway.cli.errors import fail
from llmgateway.telemetry.redact import one_line
from llmgateway.wire.jsoncodec import decode, encode_pretty

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

TOKEN_ENV: Final = "LLMGATEWAY_ADMIN_TOKEN"  # noqa: S105  the variable's name
DEFAULT_URL: Final = "http://127.0.0.1:8081"
DEFAULT_FILE: Final = Path("config.toml")
TIMEOUT_S: Final = 3.0
MAX_REPLY_BYTES: Final = 8 * 1024 * 1024


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("top")(top)


def top(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Take address and token from this file.")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help=f"The admin listener; without either {DEFAULT_URL}.")] = None,
    token_env: Annotated[str, typer.Option("--token-env", help="Variable that holds the admin token.")] = TOKEN_ENV,
    once: Annotated[bool, typer.Option("--once", help="Print once and leave.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON once and leave.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.2, max=60.0, help="Seconds between looks.")] = 1.0,
) -> None:
    """Watch rates, latency, errors, cost and workers live. Figures are of the last minute."""
    source = locate(config, url, token_env)
    if as_json:
        typer.echo(encode_pretty(_ask(source)).decode())
    elif once:
        from rich.console import Console

        Console(highlight=False).print(screen(_ask(source)))
    else:
        _watch(source, every)


@dataclass(frozen=True, slots=True)
class Source:
    """Where to ask, and with what."""

    url: str
    token: str | None
    token_env: str


class UnreachableError(Exception):
    """Nothing useful came back; the message says what to do."""


def locate(config: Path | None, url: str | None, token_env: str) -> Source:
    """Find the admin listener: the URL if given, else the configuration's, else the usual place."""
    token = os.environ.get(token_env)
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            fail(f"--url needs a form like {DEFAULT_URL}")
        return Source(url.rstrip("/"), token, token_env)
    if config is None and not DEFAULT_FILE.is_file():
        return Source(DEFAULT_URL, token, token_env)
    return _configured(config or DEFAULT_FILE, token, token_env)


def _configured(file: Path, token: str | None, token_env: str) -> Source:
    from llmgateway.cli.check import known_providers
    from llmgateway.config.loader import load
    from llmgateway.config.problems import ConfigError

    admin = load(file, providers=known_providers(), generation=0, environ=None).admin
    if token is None and admin.token is not None:
        try:
            known = load(file, providers=known_providers(), generation=0, environ=os.environ).admin.token
            token = known.reveal() if known is not None else None
        except ConfigError:
            fail(f"the configuration's secrets can't be resolved here: put the admin token into ${token_env}")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(admin.listen.host, admin.listen.host)  # noqa: S104  not bound
    shown = f"[{host}]" if ":" in host else host
    return Source(f"http://{shown}:{admin.listen.port}", token, token_env)


def fetch(source: Source) -> dict[str, Any]:
    """Ask for the live view; raises UnreachableError."""
    parts = urlsplit(source.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    headers = {"Authorization": f"Bearer {source.token}"} if source.token else {}
    try:
        connection.request("GET", f"{parts.path}/admin/v1/live", headers=headers)
        answer = connection.getresponse()
        body = answer.read(MAX_REPLY_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(
            f"nothing answers at {source.url} ({_reason(error)}). Is the gateway running (`llmgateway serve`)? "
            "Name another place with --url or --config."
        ) from None
    finally:
        connection.close()
    return _view(source, answer.status, body)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _view(source: Source, status: int, body: bytes) -> dict[str, Any]:
    if status == 401:
        raise UnreachableError(f"{source.url} wants the admin token: put it into ${source.token_env}.")
    try:
        view = decode(body)
    except ValueError:
        view = None
    if status != 200 or not isinstance(view, dict) or "versions" not in view:
        raise UnreachableError(f"{source.url} answers ({status}), but is no admin listener of llmgateway.")
    return view


def _ask(source: Source) -> dict[str, Any]:
    try:
        return fetch(source)
    except UnreachableError as error:
        _give_up(error)


def _give_up(error: UnreachableError) -> NoReturn:
    fail(str(error))


def _watch(source: Source, every: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    first = _ask(source)
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
    """The whole picture: headline, traffic by version, workers, what is wrong."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text(headline(view)), _traffic(view), _workers(view)]
    return Group(*parts, *(Text(f"! {trouble}", style="bold red") for trouble in troubles(view)))


def headline(view: Mapping[str, Any]) -> str:
    """Two lines on the gateway as a whole."""
    whole = view["whole"]
    journal = view["journal"]
    behind = "unknown" if journal["lag_s"] is None else f"{span(journal['lag_s'])}, {size(journal['unread_bytes'])}"
    state = "ready" if view["ready"] else "NOT READY"
    return (
        f"llmgateway {one_line(view['version'])} · {state} · configuration {view['generation']} · "
        f"up {span(view['uptime_s'])}\n"
        f"{whole['rate']:.1f} requests/s · {sum(view['in_flight'].values()):.0f} in flight · "
        f"{sum(view['open_streams'].values()):.0f} streams · {view['connections']:.0f} connections · "
        f"{whole['output_tokens_s']:.0f} tokens/s out · ${whole['cost_usd']:.4f} in {view['window_s']} s · "
        f"store behind the journal by {behind}"
    )


def _traffic(view: Mapping[str, Any]) -> Any:
    from rich.text import Text

    if not view["versions"]:
        return Text("\nno traffic in the last minute\n")
    table = _table("route", "version", "req/s", "bad", "p50", "p95", "p99", "1st50", "1st95", "tok/s", "$")
    for line in view["versions"]:
        total, first = line["duration_s"] or {}, line["first_token_s"] or {}
        table.add_row(
            Text(one_line(line["route"])),  # Text: a plain string would be read as markup
            Text(one_line(line["version"])),
            f"{line['rate']:.2f}",
            f"{sum(line['bad'].values()) / line['requests']:.1%}",
            *(span(total.get(name)) for name in ("p50", "p95", "p99")),
            *(span(first.get(name)) for name in ("p50", "p95")),
            f"{line['output_tokens_s']:.0f}",
            f"{line['cost_usd']:.3f}",
        )
    return table


def troubles(view: Mapping[str, Any]) -> list[str]:
    """What is wrong, a sentence each: what went badly in the last minute, and what doesn't run."""
    found = [
        f"{line['route']} {line['version']}: " + ", ".join(f"{name} {n}" for name, n in sorted(line["bad"].items()))
        for line in view["versions"]
        if line["bad"]
    ]
    found += view["unready"]
    found += [f"task {name} failed {count} times" for name, count in view["task_failures"].items() if count]
    if view["journal"]["store_error"]:
        found.append(f"the store takes nothing: {view['journal']['store_error']}")
    return [one_line(each) for each in found]


def _workers(view: Mapping[str, Any]) -> "Table":
    table = _table("worker", "pid", "config", "in flight", "connections", "slowest write", "starts", "state")
    for worker in view["workers"]:
        state = "journal full" if worker["journal_full"] else "ok"
        table.add_row(
            str(worker["slot"]),
            str(worker["pid"]),
            str(worker["generation"]),
            f"{worker['in_flight']:.0f}",
            f"{worker['connections']:.0f}",
            span(worker["slowest_write_s"]),
            str(worker["starts"]),
            f"silent for {span(worker['seen_s'])}" if worker["stale"] else state,
        )
    return table


def _table(*columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)  # the box itself leaves a blank between columns
    for name in columns:
        is_text = name in ("route", "version", "state")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    return table


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


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
