"""`llmgateway logs export`: the log as JSON lines or CSV, for other programs."""

import base64
import csv
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer

from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.logs import lines, options
from llmgateway.cli.logs.printable import json_text, one_line
from llmgateway.cli.logs.search import PAGE, Walk, add_details, walk
from llmgateway.ports.store import COLUMNS, Body, Row, StoreReader
from llmgateway.wire.jsoncodec import encode

# What spreadsheets take for a formula at the beginning of a cell (OWASP, "CSV injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
BODIES_PAGE: Final = 50


class Format(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


_Limit = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="How many at most. Without it: all.")]


def export(
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
    since: options.SinceOption = None,
    until: options.UntilOption = None,
    shadow: options.ShadowOption = False,
    text: options.TextOption = None,
    scan: options.ScanOption = options.SCAN,
    limit: _Limit = None,
    output_format: Annotated[Format, typer.Option("--format", "-f", help="JSON lines or CSV.")] = Format.JSONL,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; stdout without it.")] = None,
    bodies: Annotated[bool, typer.Option("--bodies", help="With requests and replies (JSON lines only).")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Export exchanges, newest first."""
    if bodies and output_format is Format.CSV:
        fail("--bodies goes with --format jsonl: bodies have no place in CSV cells", MISUSED)
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
        since=since,
        until=until,
        shadow=shadow,
    )
    plan = Walk(wanted, limit=limit, text=text, scan=scan)
    path = options.store_path(config, data, route)
    with target(output, force=force) as file:
        write = csv_writer(file) if output_format is Format.CSV else jsonl_writer(file)
        count = options.with_reader(path, lambda reader: _export(reader, plan, write, with_bodies=bodies))
    notes = lines.notes()
    where = f" in {output}" if output is not None else ""
    notes.print(f"{count:,} exchange{'s' * (count != 1)}{where}", style="dim")
    if plan.is_cut:
        notes.print(f"--text looked through the newest {plan.scanned:,} exchanges; --scan looks further", style="dim")


async def _export(reader: StoreReader, plan: Walk, write: Callable[[Row], None], *, with_bodies: bool) -> int:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    notes = lines.notes()
    count = 0
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
        task = progress.add_task("", total=plan.limit)
        batch: list[Row] = []
        async for row in walk(reader, plan):
            batch.append(row)
            if len(batch) >= (BODIES_PAGE if with_bodies else PAGE):
                count += await _write(reader, batch, write, with_bodies=with_bodies)
                progress.update(task, completed=count)
                batch = []
        return count + await _write(reader, batch, write, with_bodies=with_bodies)


async def _write(reader: StoreReader, rows: list[Row], write: Callable[[Row], None], *, with_bodies: bool) -> int:
    seqs = [row["seq"] for row in rows]
    await add_details(reader, rows)
    bodies = await reader.bodies(seqs) if with_bodies else {}
    for row in rows:
        if with_bodies:
            row["bodies"] = {body.kind: _content(body) for body in bodies.get(row["seq"], ())}
        write(row)
    return len(rows)


def _content(body: Body) -> Any:
    if body.content is None:
        return None
    try:
        return body.content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body.content).decode()}


def jsonl_writer(file: IO[bytes]) -> Callable[[Row], None]:
    """Write a JSON object a line."""

    def write(row: Row) -> None:
        file.write(json_text(row).encode() + b"\n")

    return write


def csv_writer(file: IO[bytes]) -> Callable[[Row], None]:
    """Write a heading and a line a row. Text that a spreadsheet would run as a formula gets a `'` in front."""
    buffer = io.StringIO()
    table = csv.writer(buffer)

    def put(cells: list[Any]) -> None:
        table.writerow(cells)
        file.write(buffer.getvalue().encode("utf-8", "backslashreplace"))
        buffer.seek(0)
        buffer.truncate()

    put([*COLUMNS, "attempts", "verdicts"])
    return lambda row: put([*(cell(row[name]) for name in COLUMNS), len(row["attempts"]), len(row["verdicts"])])


def cell(value: Any) -> Any:
    """One CSV cell."""
    if isinstance(value, dict):
        value = encode(value).decode() if value else ""
    if isinstance(value, str):
        value = one_line(value)  # a terminal may be where this goes
        return f"'{value}" if value.startswith(_FORMULA) else value
    return value


@contextmanager
def target(output: Path | None, *, force: bool) -> Iterator[IO[bytes]]:
    """The file, readable by its owner alone: it holds what people said."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if force else os.O_EXCL)
    try:
        fd = os.open(output, flags, 0o600)
    except FileExistsError:
        fail(f"{output} is there already; --force writes over it", MISUSED)
    with os.fdopen(fd, "wb") as file:
        yield file
