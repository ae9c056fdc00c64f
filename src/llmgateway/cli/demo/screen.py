"""What a newcomer sees first. Made for 80 columns, with and without colour."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from llmgateway.cli.demo.evidence import PERCENTILES, Logged, Share, Summary
from llmgateway.cli.demo.setting import Setting
from llmgateway.ports.store import Body, Row

WIDEST: Final = 80
_BAR: Final = 8
_QUOTE: Final = 120
_LATENCIES: Final = {
    "answer": "whole answer",
    "first_token": "first token of a stream",
    "overhead": "of it, the gateway's own work",
}
_STAGED: Final = {
    "stumble": "met a backend that failed once: tried again, nobody noticed",
    "mistake": "were wrong: refused by the model, not retried",
    "down": "met backends that stayed down: an error after every try",
    "cut": "lost their stream in the middle: it broke off for the caller, too",
}


def console(*, is_plain: bool) -> Console:
    """Where the demo talks: standard error when `is_plain`, for standard output is a program's then."""
    is_narrow = is_plain or not sys.stdout.isatty()
    return Console(stderr=is_plain, highlight=False, width=WIDEST if is_narrow else None)


def progress(console: Console) -> Progress:
    """Make the bar that runs while requests are sent."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def welcome(*more: str) -> Panel:
    """Say what is running."""
    lines = more or ("Two pretend models and the gateway run here; nothing leaves this machine.",)
    text = Text.assemble(
        ("llmgateway", "bold"),
        "  applications ",
        ("──►", "dim"),
        " gateway ",
        ("──►", "dim"),
        " versions of a model",
        *((f"\n{line}", "dim") for line in lines),
    )
    return Panel(text, border_style="cyan", width=78)


@dataclass(frozen=True, slots=True)
class Fitting:
    """Something that is made another way where there are less than 80 columns, for nothing of it to be lost."""

    make: Callable[[bool], RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.make(options.max_width < WIDEST)


def report(summary: Summary, logged: Logged, setting: Setting) -> Group:
    """Show what happened."""
    return Group(
        _happened(summary),
        Fitting(lambda is_narrow: _split(summary.shares, setting.route, is_narrow=is_narrow)),
        Fitting(lambda is_narrow: _times(summary, is_narrow=is_narrow)),
        _exchange(logged),
    )


def _happened(summary: Summary) -> Group:
    facts = [
        f"{summary.answered} of {summary.sent} requests answered in {summary.seconds:.1f} s",
        f"{summary.logged} exchanges logged",
        f"{summary.tokens:,} tokens",
    ]
    if summary.cost_usd is not None:
        facts.append(f"${summary.cost_usd:.3f}")
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", width=4)
    table.add_column(overflow="fold")
    table.add_row(Text("✓" if summary.is_sound else "✗", style="green" if summary.is_sound else "red"), facts[0])
    table.add_row("", Text(" · ".join(facts[1:]), style="dim"))
    for kind, label in _STAGED.items():
        if count := summary.staged.get(kind):
            table.add_row(str(count), Text(label, style="dim"))
    for told, count in sorted(summary.unexpected.items()):
        table.add_row(str(count), Text(f"unexpected: {told}", style="red"))
    return Group(table)


def _split(shares: list[Share], route: str, *, is_narrow: bool) -> Padding:
    table = _table(f"Traffic of route “{route}”, by version", is_narrow=is_narrow)
    table.add_column("version", overflow="fold", min_width=7)
    table.add_column("model", overflow="fold", min_width=5 if is_narrow else 18, max_width=24)
    for name in ("weight", "got"):
        table.add_column(name, justify="right", no_wrap=True)
    if not is_narrow:
        table.add_column("", width=_BAR)
    for name in ("sent", "users", "p50 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for share in shares:
        bar = Text("█" * max(1, round(share.got * _BAR)), style="cyan")
        table.add_row(
            share.version,
            share.model,
            f"{share.wanted:.0%}",
            f"{share.got:.1%}",
            *([] if is_narrow else [bar]),
            str(share.count),
            str(share.users),
            "-" if share.p50_ms is None else f"{share.p50_ms:.1f}",
        )
    return Padding(table, (1, 0, 0, 0))


def _table(title: str, *, is_narrow: bool = False) -> Table:
    return Table(
        box=SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        padding=(0, 0 if is_narrow else 1),  # the box itself leaves a blank between columns
        show_edge=False,
        pad_edge=False,
    )


def _times(summary: Summary, *, is_narrow: bool) -> Padding:
    table = _table("Milliseconds, all versions")
    table.add_column("", min_width=None if is_narrow else 34)
    for share in PERCENTILES:
        table.add_column(f"p{share}", justify="right", no_wrap=True, min_width=None if is_narrow else 8)
    for name, label in _LATENCIES.items():
        found = summary.latency.get(name, {})
        digits = 2 if name == "overhead" else 1
        cells = [f"{found[f'p{share}']:.{digits}f}" if found else "-" for share in PERCENTILES]
        table.add_row(label, *cells, style="green" if name == "overhead" else "")
    return Padding(table, (1, 0))


def _exchange(logged: Logged) -> Panel | Text:
    if logged.sample is None:
        return Text("no exchange has reached the log", style="red")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _facts(logged.sample, logged.bodies):
        table.add_row(name, value)
    return Panel(table, title="One exchange, as logged", title_align="left", border_style="cyan", width=78)


def _facts(row: Row, bodies: list[Body]) -> Iterator[tuple[str, str]]:
    yield "id", row["id"]
    yield "caller", f"key {row['key']}, user {row['user']}, {'stream' if row['stream'] else 'whole'}"
    chance = f" (chance {row['probability']:.0%})" if row["probability"] is not None else ""
    yield "version", f"{row['route']} → {row['served_version']}{chance}, answered by {row['response_model']}"
    yield "outcome", f"{row['status']} {row['end']}, finish {row['finish_reason']}"
    yield "time", _duration(row)
    yield "tokens", f"{row['input_tokens']} in, {row['output_tokens']} out{_cost(row)}"
    for attempt in row.get("attempts", []):
        yield "attempt", f"backend {attempt['backend']}: {attempt['status']} {attempt['result']}"
    for body in bodies:
        if body.content and body.kind != "events":
            yield body.kind, quoted(body.content)


def _duration(row: Row) -> str:
    told = f"{1000 * row['duration_s']:.1f} ms"
    if row["first_token_s"] is not None:
        told += f", first token after {1000 * row['first_token_s']:.1f} ms"
    return f"{told}, gateway {1000 * (row['overhead_s'] or 0):.2f} ms"


def _cost(row: Row) -> str:
    return f", ${row['cost_usd']:.6f}" if row["cost_usd"] is not None else ""


def quoted(content: bytes, most: int = _QUOTE) -> str:
    """The words of a body, cut to so many characters."""
    try:
        words = _said(json.loads(content))
    except ValueError:
        words = ""
    words = words or content.decode("utf-8", "replace")
    return words if len(words) <= most else words[:most].rstrip() + " …"


def _said(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    if isinstance(messages := body.get("messages"), list) and messages:
        return str(messages[-1].get("content") or "")
    choices = body.get("choices") or [{}]
    return str(choices[0].get("message", {}).get("content") or "")


Commands = Iterable[tuple[str, str]]
"""What for, and the command."""


def show_next(console: Console, setting: Setting, key: str, commands: Commands, *, stays: bool) -> None:
    """Print where everything is and what to try. Never wrapped and never cut: it is there to be copied."""
    heading = "Try it, in another terminal" if stays else "What to try while it runs: leave --once out"
    console.print(f"\n{heading}", style="bold")
    places = {"applications": f"{setting.url}/v1", "health, metrics": f"{setting.admin_url}/metrics", "key": key}
    for name, place in places.items():
        console.print(Text.assemble((f"{name:<17}", "dim"), place), soft_wrap=True)
    for why, command in commands:
        console.print(Text.assemble("\n", (f"# {why}\n", "dim"), (command, "cyan")), soft_wrap=True)
    if stays:
        console.print("\nServing until Ctrl-C.", style="bold green")


def first_commands(setting: Setting, key: str) -> Commands:
    """What to try after the tour."""
    yield (
        "ask something",
        f"curl {setting.url}/v1/chat/completions \\\n"
        f"  -H 'authorization: Bearer {key}' \\\n"
        "  -H 'content-type: application/json' \\\n"
        f"""  -d '{{"model": "{setting.route}", "messages": [{{"role": "user", "content": "hi"}}]}}'""",
    )
    yield from ours(
        setting,
        ("watch exchanges as they end", "logs tail"),
        ("see the latest one whole", "logs show last"),
        ("watch rates, latency and errors", "top"),
        ("move traffic to the other version", f"routes weight {setting.route} v1=50 v2=50"),
        ("see who changed what, and take it back", "config history"),
    )


def ours(setting: Setting, *commands: tuple[str, str]) -> Commands:
    """This program's commands, as one has to type them here."""
    for why, words in commands:
        yield why, f"{_program()} {words} --config {setting.config}"


def _program() -> str:
    """How to call this program from here: `make demo` leaves it out of the path."""
    called = Path(sys.argv[0])
    if called.name != "llmgateway" or shutil.which("llmgateway") == str(called.absolute()):
        return "llmgateway"
    return os.path.relpath(called)
