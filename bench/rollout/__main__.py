"""`python -m bench.rollout`: simulate staged rollouts, and show figure, target, measured."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any, Final

from rich.console import Console

from bench.faults import page
from bench.faults.figure import Figure
from bench.rollout import acceptance, figures, operating
from bench.rollout.acceptance import Settings

HERE: Final = Path(__file__).parents[2]
PAGE: Final = HERE / "docs" / "ROLLOUTS.md"
ALL: Final = acceptance.SIMULATIONS | operating.SIMULATIONS
WIDTH: Final = 150  # of what is printed to no terminal


def main(arguments: list[str]) -> int:
    """Run what the command line asks for; 1 if a figure does not hold."""
    asked = _parsed(arguments)
    console = Console(stderr=asked.json, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    results: dict[str, dict[str, Any]] = {}
    for name in asked.only:
        results[name] = _measured(name, asked, console)
        page.table(name, results[name]).show(console)
    if asked.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    if asked.write:
        PAGE.write_text(figures.merged(PAGE.read_text(), results, asked.runs))
        console.print(f"written: {PAGE.relative_to(HERE)}")
    return 1 if page.fails(results.values()) else 0


def _measured(name: str, asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    began = process_time()
    with console.status(name) as status:

        def say(what: str) -> None:
            status.update(f"{name}: {what}")
            if not console.is_terminal:
                print(f"{name}: {what}", file=sys.stderr)

        found: list[Figure] = ALL[name](Settings(asked.runs, asked.seed, say))
    return {
        "title": (ALL[name].__doc__ or name).split("\n", maxsplit=1)[0].removeprefix(f"{name}. ").rstrip("."),
        "day": datetime.now(UTC).date().isoformat(),
        "seconds": round(process_time() - began, 1),
        "quick": asked.quick,
        "seed": asked.seed,
        "runs": asked.runs,
        "figures": [figure.document() for figure in found],
    }


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.rollout", description="Simulate staged rollouts.")
    parser.add_argument("--only", type=_names, default=list(ALL), help=f"simulations, of {','.join(ALL)}")
    parser.add_argument("--runs", type=int, default=10_000, help="rollouts that each figure is made of")
    parser.add_argument("--quick", action="store_true", help="1,000 runs: a first look")
    parser.add_argument("--seed", type=int, default=1, help="the default repeats the page's runs")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; the tables go to stderr")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/ROLLOUTS.md")
    options = parser.parse_args(arguments)
    if options.quick:
        options.runs = 1_000
    if options.runs < 100:
        parser.error("fewer than 100 runs say nothing")
    if options.write and len(options.only) < len(ALL):
        parser.error("--write needs all simulations")
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in ALL]:
        raise argparse.ArgumentTypeError(f"no simulation {unknown[0]!r}; there are {', '.join(ALL)}")
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
