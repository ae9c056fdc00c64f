"""`llmgateway eval list`: the evaluators in force, what each has done, and how far a judge is trusted."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmgateway.cli import gateway
from llmgateway.cli.logs.printable import one_line
from llmgateway.cli.tables import Column, number, show, words
from llmgateway.cli.whereabouts import TOKEN_ENV, TokenEnvOption, UrlOption, locate

_COLUMNS = (
    Column("name", least=12),
    Column("plug-in", rank=4),
    number("sample"),
    number("good"),
    number("bad"),
    number("failed"),
    number("unknown", rank=3),
    Column("last", rank=1, least=10),
    words("today", rank=2, least=12),
    words("trust", least=12),
)
_OUTSIDE = "not_sampled"


def list_evaluators(
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: gateway.JsonOption = False,
) -> None:
    """List the evaluators in force: what each has judged, spent and left out, and how judges agree with people."""
    found = gateway.get(locate(config, url, token_env), "evaluators", has="evaluators")
    if as_json:
        gateway.print_json(found)
    else:
        _print(found["evaluators"], found["backlog"])


def _print(found: Sequence[Mapping[str, Any]], backlog: int) -> None:
    console = gateway.console()
    if not found:
        console.print("no evaluators: [evaluators.NAME] in the configuration defines some")
        return
    show(_COLUMNS, [[one_line(cell) for cell in _cells(each)] for each in found])
    if backlog:
        console.print(f"{backlog:,} exchanges wait to be looked at")


def _cells(each: Mapping[str, Any]) -> list[str]:
    runs, asks = each["runs"], each["asks"]
    unknown = sum(count for why, count in each["skipped"].items() if why != _OUTSIDE)
    return [
        each["name"],
        each["plugin"],
        f"{each['sample']:.0%}",
        str(runs["good"]),
        str(runs["bad"]),
        str(runs["failed"] + runs["judge_error"]),
        str(unknown),
        "never" if each["silent_s"] is None else f"{each['silent_s']:.0f} s ago",
        "" if asks is None else f"${asks['cost_today_usd']:.4f}, {asks['questions_today']} asked",
        "" if asks is None else _trust(each["agreement"]),
    ]


def _trust(agreement: Mapping[str, Any]) -> str:
    kappa = agreement["kappa"]
    return f"{agreement['trust']} ({agreement['labels']} labels{'' if kappa is None else f', κ {kappa:.2f}'})"
