"""`llmgateway serve` runs the gateway; `llmgateway reload` makes a running one read its configuration again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from llmgateway.cli import gateway
from llmgateway.cli.errors import MISUSED, fail
from llmgateway.cli.whereabouts import (
    CONFIG,
    CONFIG_ENV,
    TOKEN_ENV,
    TokenEnvOption,
    UnreachableError,
    UrlOption,
    ask,
    locate,
    there,
    understood,
)

_TIMEOUT_S: Final = 15.0

ConfigOption = Annotated[Path, typer.Option("--config", "-c", envvar=CONFIG_ENV, help="The configuration file.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("serve")(serve)
    app.command("reload")(reload)


def serve(
    config: ConfigOption = CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready.")] = False,
) -> None:
    """Run the gateway until SIGTERM (which drains; a second one stops at once). SIGHUP reloads the configuration."""
    from llmgateway.app.start import StartError, run

    try:
        there(config, "or see the gateway at work with `llmgateway demo`, which needs none")
        status = run(config, announce=_announce_json if as_json else _announce)
    except StartError as error:
        fail(str(error))
    raise typer.Exit(status)


def _announce(facts: dict[str, Any]) -> None:
    typer.echo(
        f"llmgateway {facts['version']} is ready\n"
        f"  callers   {facts['url']}/v1   ({_counted(facts['workers'])})\n"
        f"  admin     {facts['admin_url']}\n"
        f"  data      {facts['data']}\n"
        f"  config    {facts['config']}   generation {facts['generation']}",
        err=True,
    )


def _counted(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def _announce_json(facts: dict[str, Any]) -> None:
    from llmgateway.wire.jsoncodec import encode

    typer.echo(encode(facts).decode())


def reload(
    config: gateway.ConfigOption = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the gateway says as JSON.")] = False,
) -> None:
    """Make the running gateway read its file again, without dropping anything; returns when all workers run it.

    Exit 0: it is in force; 2: it was refused, and the old one stays.
    """
    source = locate(config, url, token_env)
    try:
        status, body = ask(source, "POST", "/admin/v1/reload", _TIMEOUT_S, tells_whose=True)
        report = understood(source, status, body, has="taken")
    except UnreachableError as error:
        fail(str(error))
    is_taken = bool(report["taken"])
    if as_json:
        typer.echo(_pretty(report))
    else:
        for line in _lines(report):
            typer.echo(line, err=not is_taken)
    if not is_taken:
        raise typer.Exit(MISUSED)


def _lines(report: Mapping[str, Any]) -> list[str]:
    if not report.get("taken"):
        return [*report.get("problems", ()), f"the old configuration stays: generation {report.get('generation')}"]
    versions = report.get("versions", ())
    restarts = [f"{name} takes effect at the next start" for name in report.get("needs_restart", ())]
    silent = [f"worker {ack['slot']}: {ack['error']}" for ack in report.get("workers", ()) if ack.get("error")]
    unchanged = "" if report.get("changed", True) else ": the file has not changed"
    return [
        f"generation {report['generation']} is in force{unchanged}",
        *versions,
        *report.get("warnings", ()),
        *restarts,
        *silent,
    ]


def _pretty(report: Mapping[str, Any]) -> str:
    from llmgateway.wire.jsoncodec import encode_pretty

    return encode_pretty(report).decode()
