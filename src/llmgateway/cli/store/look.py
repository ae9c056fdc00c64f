"""`llmgateway store check`: is the store whole, how large is it, what is in it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from llmgateway.cli.errors import FAILED
from llmgateway.cli.logs import options
from llmgateway.cli.store.common import opened, say


def check(
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read the whole store and say what is wrong with it: exit code 1 if anything is. A gateway may run meanwhile."""
    path = options.store_path(config, data)
    found = _examined(path)
    say(found, _sentence(found), as_json=as_json)
    if found["problems"]:
        raise typer.Exit(FAILED)


def _examined(path: Path) -> dict[str, Any]:
    from llmgateway.ports.store import StoreError
    from llmgateway.store.schema import VERSION
    from llmgateway.store.schema import check as check_schema
    from llmgateway.store.sqlite_connection import translated

    found: dict[str, Any] = {"path": str(path), "bytes": _bytes(path), "knows": VERSION, "problems": []}
    try:
        with translated(), closing(opened(path)) as connection:
            found["version"] = check_schema(connection)
            found["problems"] = _problems(connection)
            (found["exchanges"],) = connection.execute("SELECT count(*) FROM exchange").fetchone()
    except StoreError as error:
        found["problems"].append(str(error))
    return found


def _bytes(path: Path) -> int:
    """The store with what is not in its main file yet."""
    beside = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)


def _problems(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("PRAGMA integrity_check(20)").fetchall()
    return [] if rows == [("ok",)] else [" ".join(str(row[0]).split()) for row in rows]


def _sentence(found: dict[str, Any]) -> str:
    from llmgateway.config.written import size

    head = f"{found['path']}: {size(found['bytes'])}"
    if not found["problems"]:
        return f"{head}, {found['exchanges']:,} exchanges, whole"
    lines = [f"{head}, damaged", *(f"  {problem}" for problem in found["problems"])]
    return "\n".join([*lines, "Stop the gateway, then restore a backup or run `llmgateway store rebuild`."])
