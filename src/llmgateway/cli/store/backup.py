"""`llmgateway store backup`: a copy of the store that is whole, taken while the gateway runs."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.logs import lines, options
from llmgateway.cli.store.common import opened, say

PAGES: Final = 1_000  # copied in one step; the writer goes on between two


def backup(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Copy the store as it is at one moment, beside a running gateway. What is only in the journal yet is not in it."""
    from llmgateway.config.written import size
    from llmgateway.ports.store import StoreError
    from llmgateway.store.sqlite_connection import translated

    path = options.store_path(config, data)
    if target.exists():
        fail(f"{target} is there already", MISUSED)
    partial = target.with_name(f"{target.name}.partial")
    try:
        with translated():
            _copied(path, partial)
        os.replace(partial, target)  # noqa: PTH105 - Path.replace says no more
    except StoreError as error:
        fail(str(error))
    finally:
        partial.unlink(missing_ok=True)
    written = target.stat().st_size
    say({"path": str(target), "bytes": written}, f"{target}: {size(written)}", as_json=as_json)


def _copied(path: Path, partial: Path) -> None:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    notes = lines.notes()
    columns = (TextColumn("copying"), BarColumn(), TaskProgressColumn())
    with (
        closing(opened(path)) as source,
        closing(sqlite3.connect(partial)) as copy,
        Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as shown,
    ):
        task = shown.add_task("")
        source.execute("BEGIN")  # one moment of it, however long the copying takes
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        source.backup(
            copy,
            pages=PAGES,
            progress=lambda _, left, total: shown.update(task, total=total, completed=total - left),
        )
    with closing(sqlite3.connect(partial)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")  # one file is one backup
