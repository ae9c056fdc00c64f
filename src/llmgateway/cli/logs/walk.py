"""Going through the newest exchanges of a log, batch by batch, with progress; whatever is made of them runs aside."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from llmgateway.cli.logs import lines, options
from llmgateway.ports.paging import pages
from llmgateway.ports.store import Row, StoreReader, Wanted

T = TypeVar("T")
Work = Callable[[list[Row]], Awaitable[None]]
"""Does what there is to do with a batch, newest first."""
Step = Callable[[Sequence[Row]], None]
"""Hears of the rows that are done."""

PAGE: Final = 500
BATCH: Final = 50  # exchanges whose bodies are read together, fewer where they are large
BATCH_BYTES: Final = 8 * 1024 * 1024
LIMIT: Final = 20_000
THREAD: Final = "aside"
GRACE_S: Final = 0.2  # for what is judged when Ctrl-C comes

LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=10_000_000, help="How many exchanges at most, the newest.")
]


def with_progress(
    path: Path, wanted: Wanted, limit: int, title: str, work: Callable[[StoreReader, list[Row]], Awaitable[None]]
) -> None:
    """Do `work` with every batch, and show how much of the time, or of the limit, is behind. Ends as `with_reader`."""
    try:
        options.with_reader(path, lambda reader: _shown(reader, wanted, limit, title, partial(work, reader)))
    except typer.Exit as left:
        _leave(left.exit_code)
        raise


async def _shown(reader: StoreReader, wanted: Wanted, limit: int, title: str, work: Work) -> None:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[count]:,}"))
    notes = lines.notes()
    with Progress(
        *columns, TimeElapsedColumn(), console=notes, transient=True, disable=not notes.is_terminal
    ) as progress:
        task = progress.add_task("", total=1.0, count=0)
        newest: float | None = None
        count = 0

        def step(rows: Sequence[Row]) -> None:
            nonlocal newest, count
            newest = rows[0]["at"] if newest is None else newest
            count += len(rows)
            share = max(_share_of_time(newest, rows[-1]["at"], wanted.since), count / limit)
            progress.update(task, completed=share, count=count)

        await walk(reader, wanted, limit, work, step)


def _share_of_time(newest: float, reached: float, since: float | None) -> float:
    return 0.0 if since is None or newest <= since else (newest - reached) / (newest - since)


async def walk(reader: StoreReader, wanted: Wanted, limit: int, work: Work, step: Step = lambda _: None) -> None:
    """Go through exchanges, newest first. Holds the rows of one page; `work` has those of one batch."""
    async for page in pages(reader, wanted, limit=limit, size=PAGE):
        for batch in batches(page):
            await work(batch)
            step(batch)


def batches(page: Sequence[Row]) -> Iterator[list[Row]]:
    """Parts of a page whose bodies are few and small enough to be held at once; a very large one is alone."""
    batch: list[Row] = []
    size = 0
    for row in page:
        more = (row["request_bytes"] or 0) + (row["reply_bytes"] or 0)
        if batch and (len(batch) >= BATCH or size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += more
    if batch:
        yield batch


async def aside(work: Callable[[], T]) -> T:
    """Run `work` in a thread that nobody has to wait for, as one would for a pool's; see `_leave`."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(how: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else how())

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
            tell(partial(done.set_exception, error))
        else:
            tell(partial(done.set_result, result))

    threading.Thread(target=run, name=THREAD, daemon=True).start()
    return await done


def _leave(code: int) -> None:
    """End the program now if a text is still being judged; that may take seconds, and a thread that the interpreter
    ends by force while it is in C++ ends in an abort.
    """
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(GRACE_S)
            if thread.is_alive():
                os._exit(code)
