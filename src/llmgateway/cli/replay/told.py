"""The report in the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llmgateway.cli.logs.printable import dollars, one_line
from llmgateway.cli.replay import words
from llmgateway.cli.replay.report import Report
from llmgateway.cli.tables import Cell, identity, number, show
from llmgateway.cli.tables import words as words_column
from llmgateway.rollout.pairs import Verdict

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {Verdict.WORSE: "bold red", Verdict.ALIKE: "bold green", Verdict.OPEN: "bold yellow"}
_RATES = (
    words_column(""),
    words_column("baseline", least=12),
    words_column("candidate", least=12),
    number("lost", rank=1),
)
_AMOUNTS = (
    identity(""),
    words_column("logged", rank=1, least=10),
    words_column("baseline", least=10),
    words_column("candidate", least=10),
    words_column("difference", least=12),
)
_GATES = (identity("gate"), identity(""), words_column("why"))
_PASSED = {True: ("holds", "green"), False: ("fails", "red"), None: ("not clear", "yellow")}


def tell(out: "Console", report: Report) -> None:
    """Print the report."""
    replay, figures = report.replay, report.figures
    title = f"{replay['route']}: {replay['candidate']} beside {replay['baseline']} on "
    out.print(one_line(f"{title}{replay['dataset']}@{replay['dataset_version']}"), style="bold")
    out.print(words.verdict_of(figures), style=_STYLES[figures.evidence.verdict])
    out.print(f"{words.ENDS[report.ended]}; {words.ratio_of(figures)}", style="dim")
    out.print(words.people_of(report.people), style="dim" if not report.people.pairs else None)
    if report.judge is not None:
        out.print(one_line(words.judge_of(report.judge)))
    told = figures.shown()
    _rates(out, told)
    _amounts(out, told["amounts"])
    out.print("gates", style="bold")
    _gates(report)
    _worst(out, report)
    if report.redacted:
        out.print(f"{report.redacted:,} items are without what guardrails had taken out", style="dim")
    out.print(f"replay {replay['id']}, {dollars(replay['cost_usd']) or 'cost unknown'}", style="dim")


def _rates(out: "Console", told: dict[str, Any]) -> None:
    rows = []
    for group in ("rates", "guardrails"):
        for name, line in told[group].items():
            if name == "bad" or line["baseline"]["count"] or line["candidate"]["count"]:
                prefix = "guardrails: " if group == "guardrails" else ""
                shares = [words.share_of(line[which]) for which in ("baseline", "candidate")]
                lost = f"{line['lost']['stable']:,} : {line['lost']['candidate']:,}"
                rows.append([prefix + words.TITLES[name], *shares, lost])
    out.print("bad answers (with 95 % intervals), and the pairs lost by them", style="bold")
    show(_RATES, rows)


def _amounts(out: "Console", amounts: dict[str, Any]) -> None:
    rows = []
    for name, line in amounts.items():
        if line["baseline"]["count"]:
            cells = [_amount(name, line[side]) for side in ("logged", "baseline", "candidate")]
            rows.append([words.TITLES[name], *cells, words.difference_of(name, line)])
    if rows:
        out.print("mean (95 of 100 are below)", style="bold")
        show(_AMOUNTS, rows)


def _amount(name: str, told: dict[str, Any]) -> str:
    return f"{words.number(name, told['mean'])} ({words.number(name, told['p95'])})" if told["count"] else "-"


def _gates(report: Report) -> None:
    from rich.text import Text

    rows: list[Sequence[Cell]] = []
    for gate in report.gates:
        said, style = _PASSED[gate.is_passed]
        rows.append([gate.gate, Text(said, style), one_line(gate.said)])
    show(_GATES, rows)


def _worst(out: "Console", report: Report) -> None:
    for at, pair in enumerate(report.figures.worst[:3]):
        texts = report.texts[at] if at < len(report.texts) else None
        out.print(f"item {pair.ordinal}: {', '.join(pair.candidate.bad)}", style="bold")
        if texts is not None:
            for name in ("request", "baseline", "candidate"):
                out.print(f"  {name:<10}{one_line(getattr(texts, name) or '(not kept)')[:200]}")
        out.print(f"  exchanges {pair.baseline.exchange_id} and {pair.candidate.exchange_id}", style="dim")
