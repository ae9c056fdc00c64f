"""`llmgateway serve` runs the gateway; `llmgateway reload` makes a running one read its configuration again."""

import http.client
import os
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from llmgateway.cli.errors import MISUSED, fail

CONFIG: Final = Path("config.toml")
_TIMEOUT_S: Final = 15.0

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]


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
        status = run(config, announce=_announce_json if as_json else _announce)
    except StartError as error:
        fail(str(error))
    raise typer.Exit(status)


def _announce(facts: dict[str, Any]) -> None:
    typer.echo(
        f"llmgateway {facts['version']} is ready\n"
        f"  callers   {facts['url']}/v1   ({facts['workers']} workers)\n"
        f"  admin     {facts['admin_url']}\n"
        f"  data      {facts['data']}\n"
        f"  config    {facts['config']}   generation {facts['generation']}",
        err=True,
    )


def _announce_json(facts: dict[str, Any]) -> None:
    from llmgateway.wire.jsoncodec import encode

    typer.echo(encode(facts).decode())


def reload(
    config: ConfigOption = CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the gateway says as JSON.")] = False,
) -> None:
    """Put the configuration file in force on all workers, without dropping anything; returns when they run it."""
    from llmgateway.wire.jsoncodec import decode

    report = decode(_ask(config))
    if as_json:
        typer.echo(_pretty(report))
    else:
        for line in _lines(report):
            typer.echo(line, err=not report.get("taken"))
    if not report.get("taken"):
        raise typer.Exit(MISUSED)


def _ask(config: Path) -> bytes:
    from llmgateway.cli.check import known_providers
    from llmgateway.config.loader import load

    admin = load(config, providers=known_providers(), generation=0, environ=os.environ).admin
    connection = http.client.HTTPConnection(admin.listen.host, admin.listen.port, timeout=_TIMEOUT_S)
    headers = {"authorization": f"Bearer {admin.token.reveal()}"} if admin.token is not None else {}
    try:
        connection.request("POST", "/admin/v1/reload", headers=headers)
        reply = connection.getresponse()
        body = reply.read()
    except OSError:
        fail(f"no gateway answers on {admin.listen}; is it running?")
    finally:
        connection.close()
    if reply.status in {401, 403}:
        fail("the gateway refused the admin token")
    return body


def _lines(report: dict[str, Any]) -> list[str]:
    if not report.get("taken"):
        return [*report.get("problems", ()), f"the old configuration stays: generation {report.get('generation')}"]
    restarts = [f"{name} changed: restart to put it in force" for name in report.get("needs_restart", ())]
    silent = [f"worker {ack['slot']}: {ack['error']}" for ack in report.get("workers", ()) if ack.get("error")]
    return [f"generation {report['generation']} is in force", *report.get("warnings", ()), *restarts, *silent]


def _pretty(report: dict[str, Any]) -> str:
    from llmgateway.wire.jsoncodec import encode_pretty

    return encode_pretty(report).decode()
