"""`llmgateway replay`: both versions on the same items, until it is clear, all is asked, or the money is gone.

Exit codes: 0 the gates hold; 3 one fails; 2 what was asked for is wrong; 1 it was cut off, and `--resume` goes on.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from llmgateway.cli import gateway, whereabouts
from llmgateway.cli.files import write_private
from llmgateway.cli.logs import lines
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate
from llmgateway.ports.datasets import MAX_ITEMS
from llmgateway.replaying import gates
from llmgateway.replaying.passing import LEAST_SLOW_S
from llmgateway.replaying.runner import MAX_CONCURRENCY

if TYPE_CHECKING:
    from llmgateway.cli.replay.asking import Target
    from llmgateway.cli.replay.books import Books
    from llmgateway.cli.replay.job import Job
    from llmgateway.cli.replay.report import Report
    from llmgateway.replaying.pairs import Pair

GATE_FAILED: Final = 3
KEY_ENV: Final = "LLMGATEWAY_KEY"
MAX_REVIEWED: Final = 1_000
TIMEOUT_S: Final = 600.0
ReviewOption = Annotated[
    int, typer.Option("--review", min=0, max=MAX_REVIEWED, help="Pairs for the review queue, drawn at random.")
]
KeyEnvOption = Annotated[str, typer.Option("--key-env", help="Variable with a key that may pin versions.")]
WhereOption = Annotated[str | None, typer.Option("--gateway", help="Where requests go. Default: the configuration's.")]
JudgeOption = Annotated[
    str | None, typer.Option("--judge", help="An evaluator of pairs (form = pairwise) that compares the answers.")
]


def replay(
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="NAME, or NAME@VERSION.")] = None,
    route: Annotated[str | None, typer.Option("--route", "-r", help="The route whose versions are compared.")] = None,
    candidate: Annotated[str | None, typer.Option(help="The version that is tried.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="What it is compared with. Default: the heaviest version.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, max=MAX_ITEMS, help="Items at most.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0.0, help="Dollars it may cost; it stops before more.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=MAX_CONCURRENCY, help="Items under way at once.")] = 4,
    slow: Annotated[
        float | None,
        typer.Option(min=LEAST_SLOW_S, help="Seconds above which an answer is too slow. Default: of the log."),
    ] = None,
    gate: Annotated[
        list[str] | None, typer.Option("--gate", help="What has to hold: errors<=1.5x, refusals<=2%, cost<=1.2x.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which version is asked first at which item.")] = 0,
    resume: Annotated[str | None, typer.Option(help="Go on with this replay, or report on it again.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report to this file.")] = None,
    review: ReviewOption = 0,
    judge: JudgeOption = None,
    yes: gateway.YesOption = False,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    where: WhereOption = None,
    key_env: KeyEnvOption = KEY_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """Put a dataset to a candidate and, afresh, to the stable version; report, and exit with 3 where a gate fails."""
    from llmgateway.cli.replay.books import Books
    from llmgateway.cli.replay.course import carried_out
    from llmgateway.cli.replay.job import Choice, begun, resumed

    asked_for = _gates(gate)
    books = Books(locate(config, url, token_env))
    if judge is not None:
        books.compare(judge, ())  # refused now rather than when all is asked
    if resume is not None:
        job = resumed(books, resume, max_cost)
    else:
        plan = {"limit": limit, "max_cost": max_cost, "seed": seed, "slow_s": slow}
        job = begun(books, Choice(dataset, route, candidate, baseline), plan, is_agreed=yes)
    target = _target(job, where, config, key_env)
    report = _with_judge(carried_out(books, job, target, concurrency, asked_for), books, job, judge)
    _hand_out(books, job, review)
    _write(report, job.course.pairs, html)
    _print(report, as_json=as_json)
    raise typer.Exit(GATE_FAILED if report.is_failed else 0)


def _with_judge(report: "Report", books: "Books", job: "Job", judge: str | None) -> "Report":
    """The report with what a judge makes of the pairs, if one is to look at them."""
    from dataclasses import replace

    from llmgateway.cli.replay.judging import judgement

    if judge is None:
        return report
    return replace(report, judge=judgement(books, judge, job.course.pairs, job.replay["created_at"]))


def _hand_out(books: "Books", job: "Job", count: int) -> None:
    """Have people compare some of the pairs, without knowing which version is which."""
    from llmgateway.replaying.people import drawn

    if not count:
        return
    pairs = drawn(job.course.pairs, count, job.replay["plan"].get("seed") or 0)
    added = books.hand_out(pairs, f"replay {job.replay['id']}")
    told = f"{len(pairs):,} pairs are in the review queue, {added:,} of them new"
    lines.notes().print(f"{told}; --resume {job.replay['id']} tells what people make of them", style="dim")


def _print(report: "Report", *, as_json: bool) -> None:
    from llmgateway.cli.replay.told import tell

    if as_json:
        gateway.print_json(report.shown())
    else:
        tell(lines.console(), report)


def _gates(written: Sequence[str] | None) -> list[gates.Gate]:
    try:
        return [gates.read(each) for each in written] if written else list(gates.DEFAULTS)
    except gates.GateError as error:
        raise typer.BadParameter(str(error), param_hint="--gate") from None


def _target(job: "Job", where: str | None, config: Path | None, key_env: str) -> "Target":
    from llmgateway.cli.replay.asking import Target

    url = where.rstrip("/") if where is not None else whereabouts.data_plane(config or whereabouts.CONFIG)
    route = job.replay["route"]
    return Target(url, os.environ.get(key_env), job.replay["id"], None if "*" in route else route, TIMEOUT_S)


def _write(report: "Report", pairs: "Sequence[Pair]", file: Path | None) -> None:
    """Write the page, readable by its owner alone: it holds what people said."""
    if file is None:
        return
    from llmgateway.cli.replay.page import page

    write_private(file, page(report, sorted(pairs, key=lambda pair: pair.ordinal)))
    lines.notes().print(f"report in {file}", style="dim")
