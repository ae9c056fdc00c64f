"""The configuration as a whole: read and replaced."""

import asyncio
from pathlib import Path
from typing import Any, Final

from aiohttp import hdrs, web

from llmgateway.config import source
from llmgateway.config.difference import difference
from llmgateway.config.masking import MASK, UnmaskableError, masked, masked_document
from llmgateway.config.problems import ConfigError, Problem
from llmgateway.controlplane.api import changing
from llmgateway.controlplane.asking import invalid, text_of
from llmgateway.controlplane.changes import Changes
from llmgateway.controlplane.configfile import etag
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.link import Links
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.replies import Reply, reply

TOML: Final = "application/toml"
TEXT: Final = Body(TOML, f"The whole file. `{MASK}` keeps the secret that stands there now.", source.MAX_BYTES)
GENERATION_HEADER: Final = "x-llmgateway-generation"
_FORMAT: Final = Param(
    "format", Kind.TEXT, "`toml`: the text; `json`: the same as data, with what is in force.", choices=("toml", "json")
)
_CREDENTIALS: Final = Param(
    "credentials", Kind.LIST, "Backends whose `env:` or `file:` credential may go to their new base_url.", default=()
)


def endpoints(changes: Changes, links: Links) -> Routes:
    async def show(asked: Asked) -> web.StreamResponse:
        text = await asyncio.to_thread(changes.file.read)
        wants_json = asked.query["format"] == "json" or (
            asked.query["format"] is None and "json" in asked.http.headers.get(hdrs.ACCEPT, "")
        )
        try:
            if wants_json:
                facts = await asyncio.to_thread(_facts, text, links.plain, changes.file.path)
                answer = reply(200, {"generation": links.generation, **facts})
            else:
                shown = await asyncio.to_thread(_as_toml, text, str(changes.file.path))
                answer = Reply(text=shown, content_type=TOML, charset="utf-8")
        except ConfigError as error:
            return invalid(error, etag=etag(text).strip('"'))
        answer.headers[hdrs.ETAG] = etag(text)
        answer.headers[GENERATION_HEADER] = str(links.generation)
        return answer

    async def replace(asked: Asked) -> web.StreamResponse:
        wanted = changing.order(asked, confirmed=asked.query["credentials"])
        if wanted.match is None:
            raise RefusedError(
                428, "precondition_required", "Name the etag of the text you have changed in If-Match, or * for any."
            )
        text = await text_of(asked, TEXT)
        return await changing.change(changes, lambda _: text, wanted)

    path = "/admin/v1/config"
    return {
        ("GET", path): Endpoint(
            show,
            is_query=True,
            summary="The configuration's file as it is now, literal secrets as `***`. ETag names it for If-Match.",
            query=(_FORMAT,),
            answers={200: "The text, or the same as data.", 422: "The file does not hold just now."},
            produces=TOML,
        ),
        ("PUT", path): Endpoint(
            replace,
            summary="Replace the configuration.",
            query=(*changing.QUERY, _CREDENTIALS),
            body=TEXT,
            headers=changing.HEADERS,
            answers={**changing.ANSWERS, 428: "If-Match is missing."},
        ),
    }


def _as_toml(text: str, file: str) -> str:
    source.parse(text, file)
    try:
        return masked(text)
    except UnmaskableError:
        raise ConfigError([Problem(file, 0, "", "can't be shown: its secrets can't be told from the rest")]) from None


def _facts(text: str, in_force: str, file: Path) -> dict[str, Any]:
    """The file as data. `diff`: what was edited in it and is not in force."""
    return {
        "etag": etag(text).strip('"'),
        "in_force": text == in_force,
        "diff": difference(in_force, text, "in force", str(file)),
        "file": str(file),
        "text": _as_toml(text, str(file)),
        "config": _plain(masked_document(source.parse(text, str(file)))),
    }


def _plain(node: Any) -> Any:
    """Dates as text, as JSON has none."""
    if isinstance(node, dict):
        return {name: _plain(inner) for name, inner in node.items()}
    if isinstance(node, list):
        return [_plain(inner) for inner in node]
    return node.isoformat() if hasattr(node, "isoformat") else node
