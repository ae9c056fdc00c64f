"""`llmgateway routes explain`: which version and backends a request would get, and why, without sending anything."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from llmgateway.cli import whereabouts
from llmgateway.cli.errors import MISUSED, fail

if TYPE_CHECKING:
    from llmgateway.config.snapshot import Key, Snapshot
    from llmgateway.ports.dialect import Dialect

STDIN: Final = "-"
MESSAGES: Final = "/v1/messages"
CHAT: Final = "/v1/chat/completions"
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
    path: Annotated[str | None, typer.Option("--path", help=f"The endpoint, like {MESSAGES}. Default: {CHAT}.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="The time of arrival, like 2026-11-23T09:30. Default: now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration.")] = whereabouts.CONFIG,
) -> None:
    """Tell which version a request would get and why, and what would follow each failure. Sends nothing."""
    from llmgateway.cli.check import known_providers
    from llmgateway.config.loader import load
    from llmgateway.routing.explain import Asked
    from llmgateway.routing.explain import explain as explained

    snapshot = load(config, providers=known_providers(), generation=0, environ=None)
    headers = _headers(header or ())
    where = path or (MESSAGES if b"anthropic-version" in headers else CHAT)
    content = _body(body, snapshot, route)
    model = route if route is not None else _model_in(content)
    caller, note = _caller(snapshot, key, model)
    _check_route(snapshot, model)
    asked = Asked(caller, _dialect(headers, where), _moment(at), model, headers, content, path=where)
    explanation = explained(snapshot, asked)
    if as_json:
        from llmgateway.wire.jsoncodec import encode_pretty

        typer.echo(encode_pretty(explanation.shown()).decode())
        return
    from llmgateway.cli.routes.told import tell

    tell(explanation, note)


def _headers(lines: Sequence[str]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for line in lines:
        found = _HEADER.fullmatch(line.strip())
        if found is None:
            raise typer.BadParameter(f"{line!r} is no header: write 'name: value'", param_hint="--header")
        headers.setdefault(found[1].lower().encode(), found[2].strip().encode())
    return headers


def _body(source: str | None, snapshot: "Snapshot", route: str | None) -> bytes:
    from llmgateway.domain.errors import GatewayError
    from llmgateway.wire.jsoncodec import encode

    if source is None:
        return encode({"model": route}) if route is not None else b""
    content = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    if len(content) > snapshot.server.max_body_bytes:
        raise GatewayError("payload_too_large")
    return content


def _model_in(content: bytes) -> str | None:
    from llmgateway.wire.jsoncodec import decode

    try:
        document = decode(content)
    except ValueError:
        return None  # what is wrong with it is said later
    model = document.get("model") if isinstance(document, dict) else None
    return model if isinstance(model, str) else None


def _check_route(snapshot: "Snapshot", model: str | None) -> None:
    from llmgateway.config.problems import did_you_mean, quoted
    from llmgateway.routing.table import RouteTable

    if model is not None and RouteTable(snapshot.routes).find(model) is None:
        fail(f"no route is called {quoted(model)}{did_you_mean(model, snapshot.routes)}", MISUSED)


def _caller(snapshot: "Snapshot", name: str | None, model: str | None) -> "tuple[Key, str]":
    """The key whose request it is, and what has to be said about that choice."""
    from llmgateway.auth.keys import ANONYMOUS
    from llmgateway.config.problems import did_you_mean, quoted

    keys = {key.name: key for key in snapshot.keys.values()}
    if name is not None:
        if name not in keys:
            fail(f"no key is called {quoted(name)}{did_you_mean(name, keys)}", MISUSED)
        return keys[name], "" if keys[name].is_enabled else f"the key {name} is switched off: it would be refused"
    if not keys:
        return ANONYMOUS, ""
    able = _able(snapshot, model)
    if not able:
        fail("no enabled key may use this route: name one with --key", MISUSED)
    return able[0], f"as key {able[0].name}, the first that may use the route; --key names another" if able[1:] else ""


def _able(snapshot: "Snapshot", model: str | None) -> "list[Key]":
    from llmgateway.routing.table import RouteTable

    table = RouteTable(snapshot.routes, snapshot.keys.values())
    enabled = [key for key in snapshot.keys.values() if key.is_enabled]
    found = None if model is None else table.find(model)
    if model is None or found is None:
        return enabled
    return [key for key in enabled if table.may_use(key, model, found)]


def _dialect(headers: dict[bytes, bytes], path: str) -> "Dialect":
    from llmgateway import plugins

    is_anthropic = b"anthropic-version" in headers or path == MESSAGES or path.startswith(f"{MESSAGES}/")
    dialect: Dialect = plugins.load("dialect", "anthropic" if is_anthropic else "openai")()
    return dialect


def _moment(text: str | None) -> float:
    from llmgateway.cli.logs.options import moment
    from llmgateway.domain.clock import SystemClock

    found = moment(text, "--at")
    return SystemClock.time() if found is None else found
