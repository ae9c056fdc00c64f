"""`llmgateway store rebuild`: a damaged store becomes a whole one, with all that can still be read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from llmgateway.cli.errors import fail
from llmgateway.cli.logs import lines, options
from llmgateway.cli.store.common import say

if TYPE_CHECKING:
    from llmgateway.store.salvage import Progress, Salvaged

SIDECARS: Final = ("-wal", "-shm")


def rebuild(
    config: options.ConfigOption = options.CONFIG,
    data: options.DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Copy what can be read of a damaged store into a new one, and put that in its place. The gateway must be stopped.

    The damaged files are kept beside it, with `.damaged-` and the time in their names.
    """
    from llmgateway.ports.store import StoreError
    from llmgateway.store.salvage import salvage

    path = options.store_path(config, data)
    fresh = path.with_name(f"{path.name}.rebuilt")
    with _alone(path.parent):
        try:
            with _progress() as told:
                _forget(fresh)
                report = salvage(path, fresh, told)
        except StoreError as error:
            _forget(fresh)
            fail(f"{path}: {error}")
        kept = _put_in_place(path, fresh)
    facts = {"path": str(path), "copied": report.copied, "unreadable": report.unreadable, "damaged": str(kept)}
    say(facts, _sentence(path, kept, report), as_json=as_json)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else may use the data folder meanwhile: a gateway would write into the file that is about to go."""
    from llmgateway.supervisor import locks

    lock = locks.take(folder / locks.OWNER)
    if lock is None:
        fail(f"a gateway (process {locks.holder(folder / locks.OWNER)}) is running on {folder}: stop it first")
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _progress() -> Iterator["Progress"]:
    from rich import progress as bars

    notes = lines.notes()
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.TaskProgressColumn())
    with bars.Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as shown:
        tasks: dict[str, bars.TaskID] = {}

        def told(table: str, at: int, last: int) -> None:
            if table not in tasks:
                tasks[table] = shown.add_task(table)
            shown.update(tasks[table], completed=at, total=max(last, 1))

        yield told


def _put_in_place(path: Path, fresh: Path) -> Path:
    from llmgateway.domain.clock import SystemClock

    kept = path.with_name(f"{path.name}.damaged-{int(SystemClock.time())}")
    for suffix in SIDECARS:
        aside = path.with_name(path.name + suffix)
        if aside.exists():
            aside.rename(kept.with_name(kept.name + suffix))
    path.rename(kept)
    _forget_sidecars(fresh)
    fresh.rename(path)
    return kept


def _forget(file: Path) -> None:
    file.unlink(missing_ok=True)
    _forget_sidecars(file)


def _forget_sidecars(file: Path) -> None:
    for suffix in SIDECARS:
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _sentence(path: Path, kept: Path, report: "Salvaged") -> str:
    exchanges = report.copied.get("exchange", 0)
    said = [f"{path}: rebuilt with {exchanges:,} exchanges"]
    said += [f"  {table}: {count:,} could not be read" for table, count in report.unreadable.items()]
    return "\n".join([*said, f"  the damaged one is kept as {kept.name}"])
