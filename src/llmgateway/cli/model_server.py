"""`llmgateway model-server`: a pretend model on a real socket, to try things on without a key and without a network."""

import asyncio
import errno
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmgateway.cli.errors import fail

if TYPE_CHECKING:
    from llmgateway.modelserver.knobs import Knobs
    from llmgateway.modelserver.server import ModelServer
    from llmgateway.modelserver.service import Settings


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("model-server")(model_server)


def model_server(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 9001,
    model: Annotated[list[str] | None, typer.Option(help="Serve only this model; may be repeated.")] = None,
    knob: Annotated[
        list[str] | None,
        typer.Option(help="Turn a knob: latency=0.2, fault=cut, … As x-mock- headers do; later by PUT /mock/knobs."),
    ] = None,
    latency: Annotated[float | None, typer.Option(help="Seconds before the reply begins.")] = None,
    ttft: Annotated[float | None, typer.Option(help="Seconds from there to the first token.")] = None,
    rate: Annotated[float | None, typer.Option(help="Tokens a second; 0 is as fast as possible.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Length of each answer.")] = None,
    error_rate: Annotated[float | None, typer.Option(help="Share of requests that get an error.")] = None,
    error: Annotated[int | None, typer.Option(help="Status of those errors; alone, every request gets it.")] = None,
    fault: Annotated[str | None, typer.Option(help="cut, reset, stall, malformed, no-done, hang, garbage, …")] = None,
    fault_rate: Annotated[float | None, typer.Option(help="Share of requests that meet the fault.")] = None,
    refusal_rate: Annotated[float | None, typer.Option(help="Share of prompts it declines to answer.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, other answers.")] = None,
    api_key: Annotated[str | None, typer.Option(help="Ask for this key.", envvar="MODEL_SERVER_API_KEY")] = None,
    record: Annotated[int, typer.Option(min=0, max=1000, help="Show the last N requests at /mock/requests.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one JSON line.")] = False,
    until_eof: Annotated[bool, typer.Option(help="Stop when standard input ends, as it does with a parent.")] = False,
) -> None:
    """Serve a pretend model over OpenAI's and Anthropic's APIs: deterministic, and as slow or broken as asked."""
    from llmgateway.modelserver.service import Settings

    named = {
        "latency": latency,
        "ttft": ttft,
        "rate": rate,
        "tokens": tokens,
        "error_rate": error_rate,
        "error": error,
        "fault": fault,
        "fault_rate": fault_rate,
        "refusal_rate": refusal_rate,
        "seed": seed,
    }
    turned = {name: value for name, value in named.items() if value is not None}
    knobs = _knobs(knob or [], turned)
    settings = Settings(host=host, port=port, knobs=knobs, models=tuple(model or ()), api_key=api_key, record=record)
    _run(settings, as_json=as_json, until_eof=until_eof)


def _knobs(pairs: list[str], turned: dict[str, Any]) -> "Knobs":
    from llmgateway.modelserver.knobs import KnobError, Knobs

    told = {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in pairs)}
    try:
        return Knobs().turned(told).turned(turned)
    except KnobError as wrong:
        raise typer.BadParameter(str(wrong)) from None


def _run(settings: "Settings", *, as_json: bool, until_eof: bool) -> None:
    import uvloop

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, as_json=as_json, until_eof=until_eof))
    except OSError as wrong:
        where = f"{settings.host}:{settings.port}"
        if wrong.errno == errno.EADDRINUSE:
            fail(f"{where} is in use by another program; --port names another, and --port 0 takes a free one")
        fail(f"cannot listen on {where}: {wrong.strerror or wrong}")


async def _serve(settings: "Settings", *, as_json: bool, until_eof: bool) -> None:
    from llmgateway.modelserver.server import ModelServer

    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    if until_eof:
        await _watch_stdin(loop, over)
    async with ModelServer(settings) as server:
        _announce(server, as_json=as_json)
        await over.wait()


async def _watch_stdin(loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
    class Ending(asyncio.Protocol):
        def connection_lost(self, _: Exception | None) -> None:
            over.set()

    await loop.connect_read_pipe(Ending, sys.stdin)


def _announce(server: "ModelServer", *, as_json: bool) -> None:
    from llmgateway.wire.jsoncodec import encode

    if as_json:
        typer.echo(encode({"url": server.url, "port": server.port}).decode())
    else:
        typer.echo(f"model server on {server.url}/v1 (Anthropic: {server.url}); Ctrl-C stops it")
    sys.stdout.flush()
