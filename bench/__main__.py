"""`python -m bench`: run the sections, show the tables, ratios first."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import machine, report, results
from bench.faults import page
from bench.process import BenchError
from bench.run import QUICK, Bench, Settings
from bench.sections import ALL
from bench.verdict import verdicts

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "RESULTS.md"
OUT: Final = HERE / "out"
WIDTH: Final = 140  # of what is printed to no terminal


def main() -> int:
    """Run what the command line asks for; 1 if a promise is not kept."""
    asked = _parsed()
    console = Console(stderr=asked.json, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    run = measured(asked, console)
    OUT.mkdir(exist_ok=True)
    (OUT / "latest.json").write_text(json.dumps(run, indent=1))
    for table in report.tables(run["figures"]):
        table.show(console)
    for name, reason in run["skipped"].items():
        console.print(f"{name} was left out: {reason}", style="yellow")
    if asked.json:
        print(json.dumps(run))
    if asked.write:
        old = RESULTS.read_text() if RESULTS.exists() else ""
        RESULTS.write_text(page.kept(old, results.markdown(run)))  # the reliability suite's part stays
        console.print(f"written: {RESULTS.relative_to(HERE.parent)}")
    return 0 if all(each.holds for each in verdicts(run["figures"])) else 1


def measured(asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Run the sections. One that fails is told and does not stop the others."""
    settings = QUICK if asked.quick else Settings()
    figures: dict[str, Any] = {}
    facts = machine.facts()
    with console.status("starting") as status, Bench(settings, status.update, asked.beside) as bench:
        bench.warm_up()
        for name in asked.only:
            section = ALL[name]
            try:
                figures[name] = section.run(bench)
            except BenchError as error:
                figures[name] = {"unmeasured": str(error)}
                console.print(f"{section.TITLE} could not be measured: {error}", style="red")
            else:
                console.print(f"{section.TITLE}: done", style="dim")
        versions = {name: each.version() for name, each in bench.contenders.items() if name != "direct"}
        skipped = bench.skipped
    return {
        "command": " ".join(["python -m bench", *(word for word in sys.argv[1:] if word != "--json")]),
        "day": datetime.now(UTC).date().isoformat(),
        "machine": facts,
        "contenders": versions,
        "skipped": skipped,
        "figures": figures,
    }


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the gateway beside nginx and peers.")
    parser.add_argument("--quick", action="store_true", help="short rounds: a first look, not for publishing")
    parser.add_argument("--only", type=_names, default=list(ALL), help=f"sections, of {','.join(ALL)}")
    parser.add_argument(
        "--beside",
        type=lambda text: text.lower().split(","),
        default=[],
        help="only beside these: nginx,bare,portkey,litellm",
    )
    parser.add_argument("--json", action="store_true", help="print all figures as JSON; the tables go to stderr")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in ALL]:
        raise argparse.ArgumentTypeError(f"no section {unknown[0]}; there are {', '.join(ALL)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
