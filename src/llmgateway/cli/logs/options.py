"""What the `logs` commands have in common: where the store is, which exchanges are wanted, and what can go wrong."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from llmgateway.cli import knownroutes, whereabouts
from llmgateway.cli.errors import fail
from llmgateway.cli.whereabouts import CONFIG_ENV
from llmgateway.config.problems import did_you_mean
from llmgateway.domain.clock import SystemClock
from llmgateway.domain.errors import ERRORS
from llmgateway.domain.exchange import End
from llmgateway.domain.verdict import VERDICTS
from llmgateway.ports.store import StoreError, StoreReader, Wanted
from llmgateway.wire.fields import tag_of

T = TypeVar("T")

STORE: Final = "store.sqlite3"
INTERRUPTED: Final = 130  # what shells expect after Ctrl-C
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar=CONFIG_ENV, help="The gateway's configuration: names the data folder.")
]
DataOption = Annotated[Path | None, typer.Option("--data", help="The data folder itself; no configuration is read.")]
RouteOption = Annotated[str | None, typer.Option(help="Only this route.")]
VersionOption = Annotated[str | None, typer.Option(help="Only what this version served.")]
KeyOption = Annotated[str | None, typer.Option(help="Only this caller's key, by its name.")]
UserOption = Annotated[
    str | None, typer.Option(help="Only of this user, as the application wrote it; also where it was stored redacted.")
]
TagOption = Annotated[str | None, typer.Option(help="Only those with this tag: NAME=VALUE, as it is stored.")]
StatusOption = Annotated[
    str | None, typer.Option(help="Only 200, 404 …, 4xx, 5xx, or how it ended: " + ", ".join(End) + ".")
]
ErrorOption = Annotated[str | None, typer.Option(help="Only those with this error code, like guardrail_blocked.")]
GuardrailOption = Annotated[str | None, typer.Option(help="Only those in which this guardrail found something.")]
VerdictOption = Annotated[
    str | None,
    typer.Option(help=f"Only those with such a verdict, also where it was only observed: {', '.join(VERDICTS)}."),
]
SinceOption = Annotated[str | None, typer.Option(help="From then on: 15m, 2h, 3d ago, or 2026-11-23T09:30.")]
UntilOption = Annotated[str | None, typer.Option(help="Before then; written like --since.")]
TextOption = Annotated[
    str | None, typer.Option(help="Only where a stored body holds this text; upper and lower case alike.")
]
ScanOption = Annotated[int, typer.Option(min=1, help="How many exchanges --text looks through at most, newest first.")]
ShadowOption = Annotated[
    bool, typer.Option("--shadow", help="Shadows' copies too (marked ~); they are left out otherwise.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one line an exchange.")]

CONFIG: Final = whereabouts.CONFIG
SCAN: Final = 20_000


def store_path(config: Path, data: Path | None, route: str | None = None) -> Path:
    """Find the store's file; leaves the program with advice where there is none, or was no such `route`."""
    path = (whereabouts.data_folder(config) if data is None else data) / STORE
    if not path.is_file():
        fail(f"there is no store at {path}: the gateway makes it when it starts; --data names another folder")
    check_route(path, route, None if data is not None else config)
    return path


def check_route(path: Path, route: str | None, config: Path | None) -> None:
    """Leave the program if neither a configuration nor the store knows `route`."""
    if route is None:
        return
    current = () if config is None else knownroutes.configured(config)
    if route not in current:
        with_reader(path, lambda reader: knownroutes.in_log(reader, route, current))


def wanted(
    *,
    route: str | None = None,
    version: str | None = None,
    key: str | None = None,
    user: str | None = None,
    tag: str | None = None,
    status: str | None = None,
    error: str | None = None,
    guardrail: str | None = None,
    verdict: str | None = None,
    since: str | None = None,
    until: str | None = None,
    shadow: bool = False,
) -> Wanted:
    """Read the filters; raises typer.BadParameter."""
    code, end = _status(status)
    begin, before = span(since, until)
    return Wanted(
        route=route,
        version=version,
        key=key,
        user=user,
        tag=tagged(tag),
        status=code,
        end=end,
        error=_one_of(error, tuple(ERRORS), "--error"),
        guardrail=guardrail,
        verdict=_one_of(verdict, VERDICTS, "--verdict"),
        since=begin,
        until=before,
        shadow=None if shadow else False,
    )


def tagged(text: str | None) -> tuple[str, str] | None:
    """Read --tag; raises typer.BadParameter."""
    try:
        return None if text is None else tag_of(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}", param_hint="--tag") from None


def _status(text: str | None) -> tuple[int | None, str | None]:
    if text is None:
        return None, None
    if re.fullmatch(r"[1-5]\d\d", text):
        return int(text), None
    if re.fullmatch(r"[1-5][xX]{2}", text):
        return int(text[0]), None
    if text in set(End):
        return None, text
    raise typer.BadParameter(f"{text!r} is no status: 200, 4xx, or one of {', '.join(End)}", param_hint="--status")


def _one_of(text: str | None, known: Sequence[str], option: str) -> str | None:
    if text is None or text in known:
        return text
    hint = did_you_mean(text, known) or "; docs/ERRORS.md lists them"
    raise typer.BadParameter(f"there is no {text!r}{hint}", param_hint=option)


def moment(text: str | None, option: str, now: float | None = None) -> float | None:
    """Read a time: so long ago, or a date, with or without time and offset (local time without). Unix seconds."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip()):
        now = SystemClock.time() if now is None else now
        return now - float(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(
            f"{text!r} is no time: write 15m, 2h, 3d, or 2026-11-23 or 2026-11-23T09:30", param_hint=option
        ) from None


def span(since: str | None, until: str | None) -> tuple[float | None, float | None]:
    """Read --since and --until; raises typer.BadParameter as well where nothing lies between the two."""
    now = SystemClock.time()
    begin, end = moment(since, "--since", now), moment(until, "--until", now)
    if begin is not None and end is not None and begin >= end:
        raise typer.BadParameter(f"{since} is not before {until}: nothing lies between the two", param_hint="--since")
    return begin, end


def with_reader(path: Path, work: Callable[[StoreReader], Awaitable[T]]) -> T:
    """Run `work` with the store opened for reading; its errors become one line and an exit code."""
    from llmgateway.store.sqlite_reader import SqliteReader

    async def run() -> T:
        reader = SqliteReader(path)
        try:
            return await work(reader)
        finally:
            await reader.close()

    try:
        return asyncio.run(run())
    except StoreError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
