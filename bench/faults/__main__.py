"""`python -m bench.faults`: run the reliability suite and show figure, target, measured."""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from bench.faults import page
from bench.faults.catalogue import ALL
from bench.faults.figure import Figure
from bench.faults.stage import Rig
from llmgateway.config.values import seconds

HERE: Final = Path(__file__).parents[1]
RESULTS: Final = HERE / "RESULTS.md"
OUT: Final = HERE / "out" / "faults.json"
LIMIT_S: Final = 300.0  # of one test, apart from a soak that was asked to be longer
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
    page.summary(results).show(console)
    everything = _kept(results)
    if asked.json:
        print(json.dumps(results, indent=1))
    if asked.write:
        old = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
        RESULTS.write_text(page.merged(old, page.section(everything, "python -m bench.faults")))
        console.print(f"written: {RESULTS.relative_to(HERE.parent)}")
    return 1 if page.fails(results.values()) else 0


def _measured(name: str, asked: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Run one test in a folder of its own. One that breaks off is told and does not stop the others."""
    test, began = ALL[name], monotonic()
    limit = LIMIT_S + (asked.soak if name == "T21" else 0.0)
    with console.status(f"{name}: {test.TITLE}") as status, tempfile.TemporaryDirectory(prefix="llmgateway-") as folder:
        rig = Rig(
            folder=Path(folder),
            is_quick=asked.quick,
            seed=asked.seed,
            soak_s=asked.soak,
            say=lambda text: status.update(f"{name}: {test.TITLE}: {escape(text)}"),
        )
        try:
            figures = asyncio.run(asyncio.wait_for(test.run(rig), limit))
        except Exception as error:  # whatever it is, the other tests are not to blame
            figures = [Figure("the test itself", "runs", f"{type(error).__name__}: {error}"[:600], holds=False)]
            if asked.debug:
                raise
    return {
        "title": test.TITLE,
        "day": datetime.now(UTC).date().isoformat(),
        "seconds": round(monotonic() - began, 1),
        "quick": asked.quick,
        "seed": asked.seed,
        "figures": [figure.document() for figure in figures],
    }


def _kept(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """These results and, of tests that were not run now, the last ones; written down for the next time."""
    OUT.parent.mkdir(exist_ok=True)
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    known |= results
    OUT.write_text(json.dumps(known, indent=1))
    return {name: known[name] for name in ALL if name in known}


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description="Break things and see what holds.")
    parser.add_argument("--only", type=_names, default=list(ALL), help=f"tests, of {','.join(ALL)}")
    parser.add_argument("--quick", action="store_true", help="at most half a minute each: a first look")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run's choices; the default is a new one")
    parser.add_argument("--soak", type=seconds, default=120.0, help='how long T21 lasts ("60m"; default: 2 minutes)')
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; the tables go to stderr")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    parser.add_argument("--debug", action="store_true", help="let a test that breaks off show where")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


def _names(text: str) -> list[str]:
    names = [name.upper() for name in text.split(",")]
    if unknown := [name for name in names if name not in ALL]:
        raise argparse.ArgumentTypeError(f"no test {unknown[0]}; there are {', '.join(ALL)}")
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
