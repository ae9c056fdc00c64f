"""`llmgateway review agreement`: the backlog, how far reviewers agree, and what holds of the random sample."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs import options
from llmgateway.cli.logs.printable import one_line, seconds
from llmgateway.cli.review.options import JsonOption, QueueOption
from llmgateway.cli.tables import Column, number, show, words
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

_BACKLOG: Final = (
    Column("queue"),
    number("open"),
    number("claimed", rank=2),
    number("disputed"),
    number("done", rank=1),
    number("skipped", rank=3),
    number("oldest"),
)
_AGREEMENT: Final = (
    Column("schema", rank=1),
    Column("question"),
    number("items"),
    number("the same", rank=2),
    number("alpha"),
    words("kappa"),
)
_RANDOM: Final = (Column("route"), Column("version"), Column("question", rank=1), number("items"), words("labels"))


def agreement(
    queue: QueueOption = None,
    since: Annotated[str | None, typer.Option("--since", help="Added from then on: 3d ago, or 2026-11-23.")] = None,
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: JsonOption = False,
) -> None:
    """Tell how long items wait, how far reviewers agree, and what holds of what was drawn at random."""
    since_s = options.moment(since, "--since")
    source = locate(config, url, token_env)
    found = gateway.get(source, "review/figures", has="agreement", queue=queue, since=since_s)
    if as_json:
        gateway.print_json(found)
    else:
        _print(found)


def _print(found: Any) -> None:
    out, backlog = gateway.console(), found["backlog"]
    _part("backlog", _BACKLOG, [_queue(line) for line in backlog["queues"]], "nothing was put into a queue yet")
    if backlog["waiting"]:
        ages = (seconds(backlog[name]) for name in ("age_p50_seconds", "age_p95_seconds"))
        out.print("half of what waits is younger than {}, and 95 % than {}".format(*ages))
    _part(
        "agreement",
        _AGREEMENT,
        [_question(line) for line in found["agreement"]],
        "no two people have said something of one item yet",
    )
    _part(
        "the random sample alone",
        _RANDOM,
        [_labels(line) for line in found["random_sample"]],
        "nothing that was drawn at random has been reviewed yet",
    )


def _part(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], nothing: str) -> None:
    out = gateway.console()
    out.print(title, style="bold")
    if rows:
        show(columns, [[one_line(cell) for cell in row] for row in rows])
    else:
        out.print(f"  {nothing}")


def _queue(line: Any) -> list[str]:
    counts = (str(line[name]) for name in ("open", "claimed", "disputed", "done", "skipped"))
    return [line["queue"], *counts, seconds(line["oldest_age_seconds"])]


def _question(line: Any) -> list[str]:
    pairs = "; ".join(f"{' and '.join(each['reviewers'])} {_figure(each['kappa'])}" for each in line["pairs"][:3])
    return [line["schema"], line["question"], str(line["items"]), str(line["same"]), _figure(line["alpha"]), pairs]


def _labels(line: Any) -> list[str]:
    shares = ", ".join(f"{name} {_share(each)}" for name, each in line["labels"].items())
    return [line["route"], line["version"], line["question"], str(line["items"]), shares]


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _share(label: Any) -> str:
    low, high = label["interval"]
    return f"{100 * label['share']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
