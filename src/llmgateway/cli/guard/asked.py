"""What the commands that ask guardrails have in common: the configuration, and the names on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from llmgateway.cli import whereabouts

if TYPE_CHECKING:
    from llmgateway.config.snapshot import Snapshot


def snapshot_of(config: Path | None, *, is_needed: bool) -> "Snapshot | None":
    """The configuration; None where nobody named one and it can be done without."""
    from llmgateway.cli.check import known_guardrails, known_providers
    from llmgateway.config.loader import load

    if config is None and not is_needed and not whereabouts.CONFIG.is_file():
        return None
    file = config or whereabouts.CONFIG
    return load(file, providers=known_providers(), guardrails=known_guardrails(), generation=0, environ=None)


def names_of(given: str | None) -> list[str] | None:
    """The names in `--guardrails`; None where it was not given."""
    if given is None:
        return None
    names = [each.strip() for each in given.split(",") if each.strip()]
    if not names:
        raise typer.BadParameter("names at least one guardrail, like pii,secrets", param_hint="--guardrails")
    return names
