"""Carrying a replay out: with a bar on the way, and the report at the end."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import typer

from llmgateway.cli.errors import FAILED, fail
from llmgateway.cli.logs import lines
from llmgateway.cli.replay.asking import CutOffError, GatewayAsking, Target
from llmgateway.cli.replay.books import Books
from llmgateway.cli.replay.job import Job
from llmgateway.cli.replay.report import Report, Texts
from llmgateway.ports.datasets import DatasetItem
from llmgateway.replaying import gates
from llmgateway.replaying.badness import Judge
from llmgateway.replaying.figures import figures_of
from llmgateway.replaying.pairs import Pair
from llmgateway.replaying.people import people_of
from llmgateway.replaying.runner import Means, Setting, run
from llmgateway.replaying.stopping import Ended

INTERRUPTED: Final = 130


def carried_out(books: Books, job: Job, target: Target, concurrency: int, asked_for: list[gates.Gate]) -> Report:
    """Run what is left and make the report; leaves the program, with the way to go on, where it is cut off."""
    go_on = f"what is done is kept; go on with --resume {job.replay['id']}"
    try:
        return asyncio.run(_run(books, job, target, concurrency, asked_for))
    except CutOffError as error:
        fail(f"{error}; {go_on}", FAILED)
    except ExceptionGroup as group:
        first = group.exceptions[0]
        if not isinstance(first, CutOffError):
            raise
        fail(f"{first}; {go_on}", FAILED)
    except KeyboardInterrupt:
        lines.notes().print(go_on)
        raise typer.Exit(INTERRUPTED) from None


async def _run(books: Books, job: Job, target: Target, concurrency: int, asked_for: list[gates.Gate]) -> Report:

    replay = job.replay
    setting = Setting(replay["candidate"], replay["baseline"], concurrency, replay["plan"].get("seed") or 0)
    async with GatewayAsking(target, books.place) as asking:
        if job.done is None:
            save = partial(_save, books, replay["id"])
            means = Means(asking, Judge(job.slow_s), save)
            ended = await _with_progress(job, setting, means)
            verdict = job.course.evidence.verdict
            job.replay = await asyncio.to_thread(books.end, replay["id"], ended, verdict)
            job.done = ended
        return await _report(books, job, asking, asked_for)


async def _save(books: Books, replay_id: str, pairs: Sequence[Pair], cost_usd: float) -> None:
    await asyncio.to_thread(books.save, replay_id, pairs, cost_usd)


async def _with_progress(job: Job, setting: Setting, means: Means) -> Ended:
    """Ask what is not asked yet, with a bar that tells what was found and spent so far."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    course, notes = job.course, lines.notes()
    known = {pair.ordinal for pair in course.pairs}
    left = [item for item in job.items if item.ordinal not in known]
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    with Progress(
        *columns, TimeElapsedColumn(), console=notes, transient=True, disable=not notes.is_terminal
    ) as progress:
        task = progress.add_task("", total=len(job.items), completed=len(known), told="")

        async def save(pairs: Sequence[Pair], cost_usd: float) -> None:
            await means.save(pairs, cost_usd)
            lost = course.evidence.lost
            told = f"lost {lost.candidate} : {lost.stable}  ${cost_usd:.4f}"
            progress.update(task, completed=len(course.pairs), told=told)

        return await run(left, setting, course, replace(means, save=save))


async def _report(books: Books, job: Job, asking: GatewayAsking, asked_for: list[gates.Gate]) -> Report:
    facts = {item.ordinal: item.facts for item in job.items}
    figures = figures_of(job.course.pairs, facts)
    by_ordinal = {item.ordinal: item for item in job.items}
    texts = [await _texts(pair, by_ordinal.get(pair.ordinal), asking) for pair in figures.worst]
    asked = {pair.ordinal for pair in job.course.pairs}
    redacted = sum(bool(item.redaction) for item in job.items if item.ordinal in asked)
    assert job.done is not None
    said = await asyncio.to_thread(books.said, job.replay["created_at"])
    outcomes = gates.judged(asked_for, figures)
    people = people_of(job.course.pairs, said)
    return Report(job.replay, job.done, figures, outcomes, texts, redacted, job.slow_s, people)


async def _texts(pair: Pair, item: DatasetItem | None, asking: GatewayAsking) -> Texts:
    """What was said, as far as dataset and log still have it."""

    def text(body: bytes | None) -> str | None:
        return None if body is None else body.decode("utf-8", "replace")

    said: list[str | None] = []
    for side in (pair.baseline, pair.candidate):
        found = await asking.look(side.exchange_id) if side.exchange_id is not None else None
        said.append(None if found is None else text(found.reply))
    request, logged = (None, None) if item is None else (text(item.request), text(item.reply))
    return Texts(pair.ordinal, request, logged, *said)
