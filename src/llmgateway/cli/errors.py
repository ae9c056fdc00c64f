"""How a command fails: one clear line on stderr, exit 2 for what the operator wrote, 1 for everything else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer

FAILED: Final = 1
MISUSED: Final = 2


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Print `error: message` and leave with `code`."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


@contextmanager
def reported() -> Iterator[None]:
    """Turn the failures that a command may expect into a line and an exit code. Bugs go through, traceback and all."""
    try:
        yield
    except Exception as error:
        told = explained(error)
        if told is None:
            raise
        message, code = told
        typer.echo(message, err=True)
        raise typer.Exit(code) from None


def explained(error: Exception) -> tuple[str, int] | None:
    """What to print for `error` and the exit code; None if it is none that a command may expect."""
    from llmgateway.config.problems import ConfigError
    from llmgateway.domain.errors import GatewayError
    from llmgateway.plugins import PluginError

    if isinstance(error, ConfigError):
        return str(error), MISUSED
    if isinstance(error, GatewayError):
        return f"error: {error.message}", FAILED
    if isinstance(error, PluginError):
        return f"error: {error}", FAILED
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):  # `… | head` is typer's to end quietly
        where = f"{error.filename}: " if error.filename else ""
        return f"error: {where}{error.strerror or type(error).__name__}", FAILED
    return None
