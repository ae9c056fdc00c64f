"""`python -m bench.guardrails`: score the guardrails on texts made for it, and time them."""

import argparse
import json
import sys
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import machine
from bench.guardrails import judging, page, run, speed, tables
from bench.guardrails.book import SETS
from bench.guardrails.detect import Presidio, Unavailable
from bench.table import Table

SECTIONS: Final = (*run.SPAN_SECTIONS, "attacks")
WIDTH: Final = 160  # of what is printed to no terminal


def main() -> int:
    """Run what the command line asks for; 1 if nothing of it could be run."""
    asked = _parsed()
    console = Console(stderr=asked.json, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    figures, skipped = _measured(asked, console)
    shown = _tables(figures, asked)
    for table in shown:
        table.show(console)
    for name, reason in skipped.items():
        console.print(f"{name} was left out: {reason}", style="yellow")
    if asked.set != "tune":
        _without_mistakes(figures)
    measured = _told(asked, figures, skipped)
    if asked.json:
        print(json.dumps(measured, default=_plain, ensure_ascii=False))
    if asked.write:
        page.write(asked.write, measured, [table for table in shown if table.title != "Mistakes"])
        console.print(f"written: {asked.write}")
    return 0 if figures else 1


def _measured(asked: argparse.Namespace, console: Console) -> tuple[dict[str, Any], dict[str, str]]:
    """Run the sections. One that cannot run is told and does not stop the others."""
    figures: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    with console.status("starting") as status:
        settings = run.Settings(asked.set, asked.seed, asked.quick, asked.options, progress=status.update)
        settings.beside = _beside(asked, skipped)
        for name in asked.only:
            section = judging.measure if name == "attacks" else run.spans
            try:
                figures[name] = section(name, settings)
            except Unavailable as error:
                skipped[name] = str(error)
        if asked.speed:
            try:
                figures["speed"] = speed.measure(settings)
            except Unavailable as error:
                skipped["speed"] = str(error)
        if settings.beside is not None:
            settings.beside.close()
    return figures, skipped


def _beside(asked: argparse.Namespace, skipped: dict[str, str]) -> Presidio | None:
    if "presidio" not in asked.beside:
        return None
    try:
        return Presidio()
    except Unavailable as error:
        skipped["presidio"] = str(error)
        return None


def _tables(figures: dict[str, Any], asked: argparse.Namespace) -> list[Table]:
    found: list[Table] = []
    for name, each in figures.items():
        if name == "attacks":
            found += judging.tables(each)
        elif name == "speed":
            found += speed.tables(each)
        else:
            found += tables.spans(name, each)
        if asked.mistakes and name != "speed":
            found.append(tables.mistakes(each, asked.mistakes))
    return found


def _without_mistakes(figures: dict[str, Any]) -> None:
    """Leave out what went wrong, from the JSON too: nobody is to tune with it."""
    for each in figures.values():
        for side in (each, *each.get("detectors", {}).values()):
            side.pop("mistakes", None)


def _told(asked: argparse.Namespace, figures: dict[str, Any], skipped: dict[str, str]) -> dict[str, Any]:
    return {
        "command": " ".join(["python -m bench.guardrails", *(word for word in sys.argv[1:] if word != "--json")]),
        "day": datetime.now(UTC).date().isoformat(),
        "machine": machine.facts(),
        "set": asked.set,
        "seed": asked.seed,
        "skipped": skipped,
        "figures": figures,
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"no plain value: {value!r}")


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.guardrails", description="Score guardrails and time them.")
    parser.add_argument("--only", type=_names, default=list(SECTIONS), help=f"sections, of {','.join(SECTIONS)}")
    parser.add_argument("--set", choices=SETS, default="test", help="tune with tune, report on test")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other texts")
    parser.add_argument("--quick", action="store_true", help="fewer texts: a first look, not for publishing")
    parser.add_argument("--speed", action="store_true", help="time them, too: whole texts and streams")
    parser.add_argument("--beside", type=_words, default=[], help="presidio, in the Python that BENCH_PRESIDIO names")
    parser.add_argument("--options", type=json.loads, default={}, help="settings by guardrail, as a JSON object")
    parser.add_argument("--mistakes", type=int, default=0, metavar="N", help="show what went wrong (--set tune only)")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON; the tables go to stderr")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the tables to a page")
    asked = parser.parse_args()
    if asked.mistakes and asked.set != "tune":
        parser.error("--mistakes needs --set tune: who has seen the mistakes of the test set has tuned with it")
    return asked


def _words(text: str) -> list[str]:
    return text.lower().split(",")


def _names(text: str) -> list[str]:
    names = _words(text)
    if unknown := [name for name in names if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"no section {unknown[0]}; there are {', '.join(SECTIONS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
