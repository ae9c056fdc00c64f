"""The simulated figures as docs/ROLLOUTS.md has them, between two marks. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

BEGIN: Final = "<!-- figures: written by `make simulate ARGS=--write` -->"
END: Final = "<!-- /figures -->"
_ROW: Final = re.compile(r"^\| (.+?) \| (.*?) \| (.+?) \|$", re.MULTILINE)


def table(results: Mapping[str, Mapping[str, Any]], runs: int) -> str:
    """All figures in one table."""
    rows = [f"| {f['name']} | {f['target']} | {f['measured']} |" for each in results.values() for f in each["figures"]]
    told_to = 196 * (0.0475 / runs) ** 0.5
    head = f"{runs:,} runs a figure unless it is exact; a rate of 5 % is told to about {told_to:.1f} points."
    return "\n".join([BEGIN, "", head, "", "| figure | target | measured |", "| --- | --- | ---: |", *rows, "", END])


def merged(page: str, results: Mapping[str, Mapping[str, Any]], runs: int) -> str:
    """The page with these figures instead of the old ones. ValueError where it has no place for them."""
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError("the page has no place for figures")
    return before + table(results, runs) + after


def read(page: str) -> dict[str, tuple[str, str]]:
    """Name → target and measured, as the page has them."""
    part = page.partition(BEGIN)[2].partition(END)[0]
    return {name: (target, measured) for name, target, measured in _ROW.findall(part) if name not in {"figure", "---"}}
