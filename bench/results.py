"""Writes RESULTS.md: on what and how, ratios first, absolute numbers, and what fell short. Pure."""

from typing import Any, Final

from bench.report import tables
from bench.verdict import Figures, verdicts

_HEAD: Final = """# Results

Measured with `{command}` on {day}. [README.md](README.md) says what each figure means and how to repeat it.
These are one machine's. Written by the benchmark: run it again instead of editing.

"""
_METHOD: Final = """## How

- Processor {processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}.
  Generator, backend and contender share the cores; the machine was {busy:.0%} busy before the run.
- Python {python}, {packages}.
- Contenders: {contenders}.{skipped}
- Processor time is user and system time of all processes of a contender, from the kernel's own clock of each, before
  the load and after the last exchange is in the store; nothing is subtracted. The gateway has all its defaults on:
  keys, a weighted route with two versions, sticky users, the journal with whole bodies, ingestion, metrics.
- Contenders take turns, round by round; a figure is the median of the rounds, the lowest and the highest in brackets.
- Latency counts from the time at which a request was due.
"""


def markdown(run: dict[str, Any]) -> str:
    """The whole page of one run."""
    figures: Figures = run["figures"]
    made = tables(figures)
    parts = [
        _HEAD.format(command=run["command"], day=run["day"]),
        made[0].markdown(),
        _shortfalls(figures),
        _method(run),
    ]
    return "\n".join([*parts, *(table.markdown() for table in made[1:])])


def _shortfalls(figures: Figures) -> str:
    missed = [each for each in verdicts(figures) if not each.holds]
    if not missed:
        return "Nothing fell short.\n"
    lines = [f"- {each.promise}: {each.measured}, where {each.target} was promised." for each in missed]
    return "\n".join(["What fell short:\n", *lines]) + "\n"


def _method(run: dict[str, Any]) -> str:
    machine = run["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    contenders = ", ".join(f"{name} {version}".strip() for name, version in run["contenders"].items())
    skipped = "".join(f" Left out: {reason}." for reason in run["skipped"].values())
    return _METHOD.format(
        **{**machine, "packages": packages}, busy=machine["busy_before"], contenders=contenders, skipped=skipped
    )
