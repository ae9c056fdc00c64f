"""The long crash test: `python -m bench.kill [--rounds 20] [--seed N] [--json]`.

Under load it kills -9 one worker, control, the supervisor, and all of them, so many times each and in random order,
then holds the callers' and the backend's books against the store. Exit status 0: all of them agree.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from tests.support.killing import VICTIMS, Killing, Round, campaign

LIMITS_S: Final = {"one worker": 1.0, "control": 3.0, "supervisor": 3.0, "all": 3.0}  # aims, shown beside what was


def main(arguments: list[str]) -> int:
    """Run it; the exit status."""
    options = _options(arguments)
    console = Console(stderr=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="llmgateway-kill-") as folder:
        report = asyncio.run(_run(options, Path(folder), console))
    report["took_s"] = round(time.monotonic() - began, 1)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _show(report)
    return 1 if report["problems"] else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.kill", description="Kill processes under load, then audit.")
    parser.add_argument("--rounds", type=int, default=20, help="kills of each kind (20)")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run's choices; the default is a new one")
    parser.add_argument("--callers", type=int, default=12, help="callers at once (12)")
    parser.add_argument("--durability", choices=("process", "disk"), default="process", help="of the journal")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


async def _run(options: argparse.Namespace, folder: Path, console: Console) -> dict[str, Any]:
    order = list(VICTIMS) * options.rounds
    random.Random(options.seed).shuffle(order)
    console.print(f"seed {options.seed}, {len(order)} kills, durability {options.durability}")
    async with campaign(folder, seed=options.seed, callers=options.callers, durability=options.durability) as killing:
        rounds = await _rounds(killing, order, console)
        console.print("ending the load and auditing")
        problems = await killing.settle()
    for victim, worst in _strangers(rounds):
        problems.append(f"a kill of {victim} failed callers it should not have: {worst}")
    return _report(options, killing, rounds, problems)


async def _rounds(killing: Killing, order: list[str], console: Console) -> list[Round]:
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(order))
        rounds = []
        for victim in order:
            progress.update(task, description=victim)
            rounds.append(await killing.round(victim))
            progress.advance(task)
    return rounds


def _strangers(rounds: list[Round]) -> list[tuple[str, str]]:
    found = [(one.victim, one.strangers[0]) for one in rounds if one.strangers]
    over = [one for one in rounds if one.victim == "one worker" and one.failures > one.connections]
    return found + [(one.victim, f"{one.failures} failures, {one.connections} connections") for one in over]


def _report(options: argparse.Namespace, killing: Killing, rounds: list[Round], problems: list[str]) -> dict[str, Any]:
    ledger = killing.ledger
    return {
        "seed": options.seed,
        "durability": options.durability,
        "requests": len(ledger.requests),
        "acknowledged": ledger.acknowledged,
        "failed": len(ledger.failures),
        "stored": dict(Counter(str(row["end"]) for row in killing.exchanges)),
        "scrapes": killing.counters.scrapes,
        "kills": {victim: _summary([one for one in rounds if one.victim == victim]) for victim in VICTIMS},
        "problems": problems,
        "rounds": [asdict(one) for one in rounds],
    }


def _summary(rounds: list[Round]) -> dict[str, Any]:
    times = sorted(one.recovery_s for one in rounds)
    return {
        "count": len(rounds),
        "connections": sum(one.connections for one in rounds),
        "failures": sum(one.failures for one in rounds),
        "recovery_median_s": round(statistics.median(times), 3) if times else None,
        "recovery_worst_s": round(times[-1], 3) if times else None,
    }


def _show(report: dict[str, Any]) -> None:
    console = Console()
    table = Table(title=f"kill -9 under load, seed {report['seed']}, durability {report['durability']}")
    for name in ("victim", "kills", "connections", "failures", "back: median", "worst", "aim"):
        table.add_column(name, justify="left" if name == "victim" else "right")
    for victim, found in report["kills"].items():
        if found["count"]:
            times = (f"{found['recovery_median_s']:.2f} s", f"{found['recovery_worst_s']:.2f} s")
            figures = (str(found["count"]), str(found["connections"]), str(found["failures"]))
            table.add_row(victim, *figures, *times, f"{LIMITS_S[victim]:.0f} s")
    console.print(table)
    stored = ", ".join(f"{count} {end}" for end, count in sorted(report["stored"].items()))
    console.print(
        f"{report['requests']} requests sent, {report['acknowledged']} acknowledged, {report['failed']} failed; "
        f"in the store: {stored}; {report['scrapes']} scrapes; {report['took_s']:.0f} s"
    )
    for problem in report["problems"]:
        console.print(f"[red]problem:[/red] {problem}")
    if not report["problems"]:
        console.print("[green]Nothing acknowledged is missing, nothing is there twice, no counter fell.[/green]")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
