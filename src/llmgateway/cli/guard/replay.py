"""`llmgateway guard replay`: what the guardrails of a configuration would make of exchanges that are in the log."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from llmgateway.cli import gateway, whereabouts
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.guard.asked import names_of, snapshot_of
from llmgateway.cli.logs import lines, options
from llmgateway.ports.store import Body, Row, StoreReader, Wanted

if TYPE_CHECKING:
    from llmgateway.guarding.replayed import Replay

T = TypeVar("T")
Step = Callable[[Sequence[Row]], None]
"""Hears of the rows that are done."""

PAGE: Final = 500
BATCH: Final = 50  # exchanges whose bodies are read together, fewer where they are large
BATCH_BYTES: Final = 8 * 1024 * 1024
LIMIT: Final = 20_000
THREAD: Final = "guard replay"
GRACE_S: Final = 0.2  # for what is judged when Ctrl-C comes


def replay(
    since: options.SinceOption = "1d",
    until: options.UntilOption = None,
    route: Annotated[str | None, typer.Option("--route", "-r", help="Only exchanges of this route.")] = None,
    guardrails: Annotated[
        str | None,
        typer.Option(
            "--guardrails",
            "-g",
            help="Ask these about all: names of the configuration or of plug-ins. Default: each route's own.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration to try; names the data folder, too.")
    ] = None,
    data: options.DataOption = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=10_000_000, help="How many exchanges at most, the newest.")
    ] = LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what guardrails would find in logged exchanges, beside what was recorded. Changes nothing; exit code 0."""
    names = names_of(guardrails)
    path = options.store_path(config or whereabouts.CONFIG, data)
    figures, route = _asked(config, names, route)
    wanted = Wanted(
        route=route, since=options.moment(since, "--since"), until=options.moment(until, "--until"), shadow=False
    )
    try:
        options.with_reader(path, lambda reader: _with_progress(reader, wanted, limit, figures))
    except typer.Exit as left:
        _leave(left.exit_code)
        raise
    is_limited = figures.exchanges >= limit
    if as_json:
        gateway.print_json({"since": wanted.since, "until": wanted.until, "limited": is_limited} | figures.shown())
    else:
        from llmgateway.cli.guard.replayed import tell

        tell(lines.console(), figures)
    if is_limited:
        lines.notes().print(f"these are the newest {limit:,}; --limit looks further back", style="dim")


def _asked(config: Path | None, names: list[str] | None, route: str | None) -> tuple["Replay", str | None]:
    """Who is asked, and the route's name as the log has it."""
    from llmgateway import plugins
    from llmgateway.cli.guard.told import hint
    from llmgateway.guarding.replayed import Replay
    from llmgateway.guarding.trial import Trial, TrialError

    trial = Trial(snapshot_of(config, is_needed=names is None), plugins.classes)
    try:
        if names is None:
            return Replay(trial.guards_of_routes().of_route, hint), None if route is None else trial.route_name(route)
        guard = trial.guard_of_names(names)
    except TrialError as error:
        fail(str(error), MISUSED)
    with suppress(TrialError):  # the log may have routes that the configuration has no more
        route = None if route is None else trial.route_name(route)
    return Replay(lambda _: guard, hint, names), route


def _leave(code: int) -> None:
    """End the program now if a text is still being judged; that may take seconds, and a thread that the interpreter
    ends by force while it is in C++ ends in an abort.
    """
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(GRACE_S)
            if thread.is_alive():
                os._exit(code)


async def _with_progress(reader: StoreReader, wanted: Wanted, limit: int, figures: "Replay") -> None:
    """Show how much of the time, or of the limit, is behind."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("replaying"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[count]:,}"))
    notes = lines.notes()
    with Progress(
        *columns, TimeElapsedColumn(), console=notes, transient=True, disable=not notes.is_terminal
    ) as progress:
        task = progress.add_task("", total=1.0, count=0)
        newest: float | None = None

        def step(rows: Sequence[Row]) -> None:
            nonlocal newest
            newest = rows[0]["at"] if newest is None else newest
            share = max(_share_of_time(newest, rows[-1]["at"], wanted.since), figures.exchanges / limit)
            progress.update(task, completed=share, count=figures.exchanges)

        await gather(reader, wanted, limit, figures, step)


def _share_of_time(newest: float, reached: float, since: float | None) -> float:
    return 0.0 if since is None or newest <= since else (newest - reached) / (newest - since)


async def gather(
    reader: StoreReader, wanted: Wanted, limit: int, figures: "Replay", step: Step = lambda _: None
) -> None:
    """Judge exchanges, newest first. Holds the rows of one page and the bodies of one batch."""
    before, left = None, limit
    while left > 0:
        page = await reader.page(wanted, limit=min(PAGE, left), before=before)
        for batch in batches(page):
            seqs = [row["seq"] for row in batch]
            verdicts, bodies = await reader.verdicts(seqs), await reader.bodies(seqs)
            await aside(partial(_add, figures, batch, verdicts, bodies))
            step(batch)
        left -= len(page)
        if len(page) < PAGE:
            return
        before = page[-1]["id"]


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


def _add(
    figures: "Replay", batch: Sequence[Row], verdicts: dict[int, list[Row]], bodies: dict[int, list[Body]]
) -> None:
    for row in batch:
        figures.add(row | {"verdicts": verdicts.get(row["seq"], [])}, bodies.get(row["seq"], ()))


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
