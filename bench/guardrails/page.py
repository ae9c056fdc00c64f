"""Writes the tables to a page of the documentation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.table import Table

_HEAD: Final = """# Guardrails: figures

Measured with `{command}` on {day}, seed {seed}, templates of the set `{set}`{warning}.
{machine}

The texts are made by `bench/guardrails`; [bench/README.md](../bench/README.md#guardrails) says how, and what the
figures mean. They say how the guardrails do on these texts, in these two languages. They are no promise for others.
"""


def write(path: Path, measured: Mapping[str, Any], tables: Sequence[Table]) -> None:
    """Write a whole page; what was there is replaced."""
    path.write_text(markdown(measured, tables), "utf-8")


def markdown(measured: Mapping[str, Any], tables: Sequence[Table]) -> str:
    """Give the page."""
    facts = measured["machine"]
    busy = f"{facts['busy_before']:.0%} busy before the run"
    machine = f"{facts['cores']} cores of {facts['processor']}, Python {facts['python']}, {busy}."
    warning = ", which they were tuned with" if measured["set"] == "tune" else ", which nobody tuned with"
    head = _HEAD.format(**{**measured, "machine": machine, "warning": warning})
    left_out = [f"{name} was left out: {reason}" for name, reason in measured["skipped"].items()]
    return "\n".join([head, *(table.markdown() for table in tables), *left_out]).rstrip() + "\n"
