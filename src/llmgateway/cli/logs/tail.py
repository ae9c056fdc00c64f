"""`llmgateway logs tail`: exchanges as they end, across restarts of the gateway."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.printable import json_text
from llmgateway.ports.store import Row, StoreReader, StoreUnavailableError, Wanted

POLL_S: Final = 0.5
RETRY_S: Final = 1.0
PAGE: Final = 500

Print = Callable[[Row], None]


def tail(
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    route: options.RouteOption = None,
    version: options.VersionOption = None,
    key: options.KeyOption = None,
    user: options.UserOption = None,
    tag: options.TagOption = None,
    status: options.StatusOption = None,
    error: options.ErrorOption = None,
    guardrail: options.GuardrailOption = None,
    verdict: options.VerdictOption = None,
    shadow: options.ShadowOption = False,
    lines_before: Annotated[int, typer.Option("--lines", "-n", min=0, max=10_000, help="Begin so far back.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more.")] = True,
    as_json: options.JsonOption = False,
) -> None:
    """Follow the log: exchanges in the order in which they end. Ctrl-C stops it."""
    wanted = options.wanted(
        route=route,
        version=version,
        key=key,
        user=user,
        tag=tag,
        status=status,
        error=error,
        guardrail=guardrail,
        verdict=verdict,
        shadow=shadow,
    )
    path = options.store_path(config, data, route)
    show = _printer(as_json=as_json)
    seq, count = options.with_reader(path, lambda reader: _recent(reader, wanted, lines_before, show))
    if follow and not count:
        lines.notes().print("waiting for exchanges to end; Ctrl-C leaves", style="dim")
    while follow:
        seq = options.with_reader(path, _following(path, wanted, show, seq))


def _following(path: Path, wanted: Wanted, show: Print, seq: int) -> Callable[[StoreReader], Awaitable[int]]:
    return lambda reader: Follow(reader, path, wanted, show).run(seq)


def _printer(*, as_json: bool) -> Print:
    if as_json:
        return lambda row: typer.echo(json_text(row))
    out = lines.console()
    columns = lines.chosen(out.width)
    out.print(lines.heading(columns))
    return lambda row: out.print(lines.line(row, columns, is_cut=out.is_terminal))


async def _recent(reader: StoreReader, wanted: Wanted, count: int, show: Print) -> tuple[int, int]:
    """Show the last few; returns the place in the order of ingestion to go on from, and how many there were."""
    seq = await reader.last_seq()
    rows = await reader.page(wanted, limit=count) if count else []
    for row in sorted(rows, key=lambda row: row["seq"]):
        if row["seq"] <= seq:  # what came in meanwhile is shown by following
            show(row)
    return seq, len(rows)


class Follow:
    """Follows one store file for as long as it is that file."""

    def __init__(self, reader: StoreReader, path: Path, wanted: Wanted, show: Print) -> None:
        self._reader = reader
        self._path = path
        self._wanted = wanted
        self._show = show

    async def run(self, seq: int) -> int:
        """Show what comes after `seq`; returns the place reached when the file is gone or was replaced."""
        identity = _identity(self._path)
        while identity == _identity(self._path):
            try:
                seq = await self._new(seq)
                await asyncio.sleep(POLL_S)
            except StoreUnavailableError:
                await asyncio.sleep(RETRY_S)
        return seq

    async def _new(self, seq: int) -> int:
        last = await self._reader.last_seq()
        if last < seq:  # another store: everything in it is new
            seq = 0
        while rows := await self._reader.since_seq(self._wanted, seq=seq, limit=PAGE):
            for row in rows:
                self._show(row)
            seq = rows[-1]["seq"]
        return max(seq, last)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
