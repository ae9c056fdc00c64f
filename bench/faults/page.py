"""The suite's part of bench/RESULTS.md, between two marks, beside what `make bench` writes there. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bench.spread import TO
from bench.table import Table

BEGIN: Final = "<!-- faults: written by `make faults`, kept by `make bench` -->"
END: Final = "<!-- /faults -->"
_HEAD: Final = """## What happens when things go wrong

Measured with `{command}`. [README.md](README.md#when-things-go-wrong) says what each test does and how.
A p99 is compared on a machine that may be busy with something else: one that fell short is worth a second look.
"""
COLUMNS: Final = ("figure", "target", "measured", "holds")


def table(name: str, found: Mapping[str, Any]) -> Table:
    """One test's lines."""
    rows = [(f["name"], f["target"], f["measured"], _holds(f["holds"])) for f in found["figures"]]
    quick = ", short" if found["quick"] else ""
    return Table(f"{name}: {found['title']} ({found['seconds']:.0f} s{quick})", COLUMNS, rows)


def section(results: Mapping[str, Mapping[str, Any]], command: str) -> str:
    """All tests that have been run, in the suite's order, as the page has them."""
    parts = [_HEAD.format(command=command), summary(results).markdown().replace("## ", "### ", 1)]
    parts += [table(name, found).markdown().replace("## ", "### ", 1) for name, found in results.items()]
    return f"{BEGIN}\n" + "\n".join(parts) + f"{END}\n"


def summary(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """A line a test."""
    rows = []
    for name, found in results.items():
        figures = found["figures"]
        held = sum(each["holds"] is True for each in figures)
        missed = [each["name"] for each in figures if each["holds"] is False]
        left_out = any(each["holds"] is None for each in figures)
        verdict = "left out" if left_out and not held else "yes" if not missed else "NO"
        rows.append((f"{name}: {found['title']}", f"{held} of {len(figures)}", found["day"], verdict))
    return Table("All tests", ("test", "figures that hold", "measured on", "holds"), rows)


def merged(page: str, part: str) -> str:
    """Put the part into the page: where the last one was, else at its end."""
    before, found, rest = page.partition(BEGIN)
    if not found:
        return page.rstrip("\n") + "\n\n" + part
    return before + part + rest.partition(END)[2].lstrip("\n")


def kept(old: str, new: str) -> str:
    """A page that was written anew by somebody else, with the part that the old one had."""
    _, found, rest = old.partition(BEGIN)
    part, ended, _ = rest.partition(END)
    return merged(new, f"{BEGIN}{part}{END}\n") if found and ended else new


def fails(results: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a figure does not hold."""
    return any(each["holds"] is False for found in results for each in found["figures"])


def _holds(holds: bool | None) -> str:
    return {True: "yes", False: "NO", None: TO}[holds]
