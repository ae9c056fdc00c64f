"""`llmgateway check`: what a configuration means, or everything that is wrong with it."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgateway.cli.errors import MISUSED
from llmgateway.cli.whereabouts import CONFIG, CONFIG_ENV

if TYPE_CHECKING:
    from llmgateway.config.evaluators import Makers as EvaluatorMakers
    from llmgateway.config.guardrails import Makers
    from llmgateway.config.loader import Examined
    from llmgateway.config.problems import ConfigError


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("check")(check)


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", envvar=CONFIG_ENV, help="The configuration file.")] = CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    no_secrets: Annotated[
        bool, typer.Option("--no-secrets", help="Look up no secret and no certificate: check it away from its machine.")
    ] = False,
) -> None:
    """Say what a configuration means, or what is wrong with it. Exit 0: it would start; 2: it would be refused."""
    from llmgateway.config.loader import examine
    from llmgateway.config.problems import ConfigError

    environ = None if no_secrets else os.environ
    try:
        examined = examine(
            file,
            providers=known_providers(),
            operations=known_operations(),
            guardrails=known_guardrails(),
            evaluators=known_evaluators(),
            generation=0,
            environ=environ,
        )
    except ConfigError as error:
        if not as_json:
            raise
        _print_json(_refused(error))
        raise typer.Exit(MISUSED) from None
    versions = _other_versions(examined)
    if as_json:
        _print_json(_accepted(examined) | {"versions": versions})
    else:
        from llmgateway.cli.meaning import print_meaning

        print_meaning(file, examined, versions)


def _other_versions(examined: "Examined") -> list[str]:
    """What a start or reload would make another version of what was in force last, if that is known here."""
    from llmgateway.config import lastgood
    from llmgateway.config.loader import load
    from llmgateway.config.problems import ConfigError
    from llmgateway.config.prompts import parted
    from llmgateway.config.successors import other_versions

    kept = lastgood.load(examined.snapshot.data.dir)
    if kept is None:
        return []
    text, prompts = parted(kept.text)
    try:
        before = load(text, providers=known_providers(), generation=0, environ=None, prompts=prompts)
    except ConfigError:  # of another version of this program
        return []
    return other_versions(before, examined.snapshot, "after a reload")


def known_providers() -> Sequence[str]:
    """The names that `provider` may have."""
    from llmgateway import plugins

    return plugins.names("provider")


def known_operations() -> Collection[str]:
    """The names that a key's `operations` may have."""
    from llmgateway import plugins

    return plugins.operations()


def known_guardrails() -> "Makers":
    """The plug-ins that guardrails may use."""
    from llmgateway import plugins

    return plugins.guardrails()


def known_evaluators() -> "EvaluatorMakers":
    """The plug-ins that evaluators may use."""
    from llmgateway import plugins

    return plugins.classes("evaluator")


def _refused(error: "ConfigError") -> dict[str, Any]:
    from dataclasses import asdict

    return {"ok": False, "total": error.total, "problems": [asdict(problem) for problem in error.problems]}


def _accepted(examined: "Examined") -> dict[str, Any]:
    from dataclasses import asdict

    from llmgateway.config.describe import describe

    warnings = [asdict(warning) for warning in examined.warnings]
    return {"ok": True, "warnings": warnings, "config": describe(examined.snapshot)}


def _print_json(value: dict[str, Any]) -> None:
    from llmgateway.wire.jsoncodec import encode_pretty

    typer.echo(encode_pretty(value).decode())
