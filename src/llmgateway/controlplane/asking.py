"""Reads what comes with a request, within bounds, and turns what can go wrong into answers."""

import asyncio
from dataclasses import replace
from typing import Any, Final

from aiohttp import hdrs, web

from llmgateway.config.edit import EditError, UnknownRouteError
from llmgateway.config.problems import ConfigError
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint
from llmgateway.controlplane.query import BadQueryError, read
from llmgateway.controlplane.refused import RefusedError, sentence
from llmgateway.controlplane.replies import refusal
from llmgateway.ports.store import StoreError
from llmgateway.telemetry.redact import one_line
from llmgateway.wire.jsoncodec import JsonError, decode

AUTHOR_HEADER: Final = "x-llmgateway-author"
MAX_AUTHOR: Final = 100
BODY_S: Final = 10.0  # for a body to arrive
_TAKES: Final = "This endpoint takes {0}, and the body is said to be something else: send it with `Content-Type: {0}`."


async def answered(endpoint: Endpoint, asked: Asked) -> web.StreamResponse:
    """Let the endpoint answer; what it may raise becomes an error in the usual shape."""
    try:
        return await endpoint.handler(with_query(endpoint, asked))
    except RefusedError as error:
        return refusal(error.status, error.code, error.message, **error.more)
    except ConfigError as error:
        return invalid(error)
    except UnknownRouteError as error:
        return refusal(404, "route_not_found", sentence(str(error)))
    except EditError as error:
        return refusal(409, "edit_failed", sentence(str(error)))
    except StoreError as error:
        return refusal(503, "store_unavailable", f"The store can't answer: {error}.")


def with_query(endpoint: Endpoint, asked: Asked) -> Asked:
    """The request with its parameters read; raises RefusedError."""
    if endpoint.query is None:
        return asked
    try:
        query = read(asked.http.rel_url.query.items(), endpoint.query)
    except BadQueryError as error:
        raise RefusedError(422, "invalid_parameter", sentence(str(error))) from None
    return replace(asked, query=query)


def invalid(error: ConfigError, **more: Any) -> web.Response:
    """The answer to a configuration that does not hold: line, setting and reason of everything that is wrong."""
    problems = [{"line": each.line, "path": each.path, "reason": each.reason} for each in error.problems]
    message = f"The configuration would be refused: {error.total} to put right."
    return refusal(422, "config_invalid", message, problems=problems, total=error.total, **more)


def author(asked: Asked) -> str:
    """Who asks: as they say, else as their token is called."""
    said = one_line(asked.http.headers.get(AUTHOR_HEADER, "").encode("utf-8", "replace").decode()).strip()
    return said[:MAX_AUTHOR] or asked.holder


def if_match(asked: Asked) -> list[str] | None:
    """The etags of If-Match, quoted; None without one."""
    values = asked.http.headers.getall(hdrs.IF_MATCH, [])
    if not values:
        return None
    tags = [tag.strip().removeprefix("W/") for value in values for tag in value.split(",")]
    return [tag if tag == "*" else f'"{tag.strip(chr(34))}"' for tag in tags if tag]


async def text_of(asked: Asked, body: Body) -> str:
    """The body as text; raises RefusedError."""
    content = await _content(asked.http, body)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedError(422, "invalid_body", "The body is not UTF-8 text.") from None


async def json_of(asked: Asked, body: Body) -> dict[str, Any]:
    """The body as a JSON object; raises RefusedError."""
    sent = await _content(asked.http, body)
    try:
        content = decode(sent) if sent or body.is_required else {}
    except JsonError:
        raise RefusedError(422, "invalid_body", "The body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise RefusedError(422, "invalid_body", "The body has to be a JSON object.")
    return content


async def _content(http: web.BaseRequest, body: Body) -> bytes:
    if not (body.is_required or http.body_exists):
        return b""  # some clients name a type for nothing
    sent_type = http.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if (body.content_type == "application/json") != sent_type.endswith("json") and sent_type:
        raise RefusedError(415, "unsupported_media_type", _TAKES.format(body.content_type))
    if http.headers.get(hdrs.CONTENT_ENCODING):
        raise RefusedError(415, "unsupported_encoding", "Compressed bodies are not accepted; send it uncompressed.")
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while piece := await http.content.readany():
                content += piece
                if len(content) > body.limit:
                    raise RefusedError(413, "payload_too_large", f"The body is larger than {body.limit} bytes.")
    except TimeoutError:
        raise RefusedError(408, "request_timeout", "The body did not arrive in time.") from None
    return bytes(content)
