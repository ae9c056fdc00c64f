"""`llmgateway routes explain`: which version and backends a request would get, and why, without sending anything."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from llmgateway.cli import gateway, whereabouts
from llmgateway.cli.errors import FAILED, MISUSED, fail
from llmgateway.cli.whereabouts import TOKEN_ENV, Source, TokenEnvOption, UrlOption

if TYPE_CHECKING:
    from llmgateway.routing.supposed import Supposed

STDIN: Final = "-"
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)", re.DOTALL)


def explain(
    route: Annotated[
        str | None, typer.Option("--route", "-r", help="The route, or a model name. Default: the body's model.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", "-k", help="Whose request, by the key's name. Default: the first that may.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A request header, like 'x-tier: gold'. Repeatable.")
    ] = None,
    body: Annotated[
        str | None, typer.Option("--body", help="File with the request's JSON body; - reads stdin.")
    ] = None,
    path: Annotated[
        str | None, typer.Option("--path", help="The endpoint, like /v1/messages. Default: /v1/chat/completions.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="The time of arrival, like 2026-11-23T09:30. Default: now.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the running gateway, which knows how the backends are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", envvar=whereabouts.CONFIG_ENV, help="The configuration.")
    ] = None,
    url: UrlOption = None,
    token_env: TokenEnvOption = TOKEN_ENV,
) -> None:
    """Tell which version a request would get and why, and what would follow each failure. Sends nothing."""
    from llmgateway.routing.supposed import Supposed

    supposed = Supposed(_moment(at), route, key, _headers(header or ()), _body(body), path)
    if live:
        _tell(_asked(whereabouts.locate(config, url, token_env), supposed), as_json=as_json)
    else:
        _tell(_read(config or whereabouts.CONFIG, supposed), as_json=as_json)


def _tell(told: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a gateway says, or what its file means."""
    if as_json:
        gateway.print_json(told if "generation" in told else told["explanation"])
    if refused := told.get("refused"):
        fail(f"it would be refused with {refused['status']}: {refused['message']} ({refused['code']})", FAILED)
    if as_json:
        return
    from llmgateway.cli.routes.told import tell
    from llmgateway.routing.explain import Explanation

    tell(Explanation.read(told["explanation"]), told["note"], told.get("backends", {}))


def _read(config: Path, supposed: "Supposed") -> Mapping[str, Any]:
    """Explain it from the file."""
    from llmgateway import plugins
    from llmgateway.cli.check import known_providers
    from llmgateway.config.loader import load
    from llmgateway.domain.errors import GatewayError
    from llmgateway.routing.explain import explain as explained
    from llmgateway.routing.supposed import UnknownNameError, asked

    snapshot = load(config, providers=known_providers(), generation=0, environ=None)
    if supposed.body is not None and len(supposed.body) > snapshot.server.max_body_bytes:
        raise GatewayError("payload_too_large")
    try:
        request, note = asked(snapshot, plugins.load_all("dialect"), supposed)
    except UnknownNameError as error:
        fail(str(error), MISUSED)
    return {"note": note, "explanation": explained(snapshot, request).shown()}


def _asked(source: Source, supposed: "Supposed") -> Mapping[str, Any]:
    """Have the running gateway explain it."""
    from llmgateway.routing.supposed import model_in

    model = supposed.model if supposed.model is not None else model_in(supposed.body or b"")
    if model is None:
        fail("a running gateway has to be told the route: name it with --route, or a model in the body", MISUSED)
    described = {
        "model": model,
        "key": supposed.key,
        "headers": {name.decode(): value.decode() for name, value in supposed.headers.items()},
        "body": supposed.body.decode("utf-8", "surrogateescape") if supposed.body is not None else None,
        "path": supposed.path,
        "at": supposed.at,
    }
    return gateway.ask_about(source, f"routes/{quote(model, safe='')}/explain", described, has="explanation")


def _headers(lines: Sequence[str]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for line in lines:
        found = _HEADER.fullmatch(line.strip())
        if found is None:
            raise typer.BadParameter(f"{line!r} is no header: write 'name: value'", param_hint="--header")
        headers.setdefault(found[1].lower().encode(), found[2].strip().encode())
    return headers


def _body(source: str | None) -> bytes | None:
    if source is None:
        return None
    return sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()


def _moment(text: str | None) -> float:
    from llmgateway.cli.logs.options import moment
    from llmgateway.domain.clock import SystemClock

    found = moment(text, "--at")
    return SystemClock.time() if found is None else found
