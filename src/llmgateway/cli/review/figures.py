"""`llmgateway review agreement`: the backlog, how far reviewers agree, and what holds of the random sample."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgateway.cli import gateway
from llmgateway.cli.logs import options
from llmgateway.cli.logs.printable import one_line, seconds
from llmgateway.cli.review.options import JsonOption, QueueOption
from llmgateway.cli.tables import titled
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

if TYPE_CHECKING:
    from rich.table import Table


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
    from rich.text import Text

    out, backlog = gateway.console(), found["backlog"]
    table = titled("backlog", "queue", "open", "claimed", "disputed", "done", "skipped", "oldest")
    for line in backlog["queues"]:
        counts = (str(line[name]) for name in ("open", "claimed", "disputed", "done", "skipped"))
        table.add_row(Text(one_line(line["queue"])), *counts, seconds(line["oldest_age_seconds"]))
    out.print(table)
    if backlog["waiting"]:
        ages = (seconds(backlog[name]) for name in ("age_p50_seconds", "age_p95_seconds"))
        out.print("half of what waits is younger than {}, and 95 % than {}".format(*ages))
    table = titled("agreement", "schema", "question", "items", "the same", "alpha", "kappa")
    for line in found["agreement"]:
        pairs = "; ".join(f"{' and '.join(each['reviewers'])} {_figure(each['kappa'])}" for each in line["pairs"][:3])
        cells = (line["schema"], line["question"], line["items"], line["same"], _figure(line["alpha"]), pairs)
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    out.print(table)
    out.print(_random(found["random_sample"]))


def _random(lines: list[dict[str, Any]]) -> "Table":
    from rich.text import Text

    table = titled("the random sample alone", "route", "version", "question", "items", "labels")
    for line in lines:
        shares = ", ".join(f"{name} {_share(each)}" for name, each in line["labels"].items())
        cells = (line["route"], line["version"], line["question"], line["items"], shares)
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    return table


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _share(label: Any) -> str:
    low, high = label["interval"]
    return f"{100 * label['share']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
