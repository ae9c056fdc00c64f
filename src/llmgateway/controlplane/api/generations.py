"""The configuration's history: listed, shown, compared, and gone back in."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from llmgateway.config import source
from llmgateway.config.difference import difference
from llmgateway.config.masking import UnmaskableError, masked
from llmgateway.config.prompts import parted
from llmgateway.controlplane.api import changing
from llmgateway.controlplane.changes import Changes
from llmgateway.controlplane.configfile import etag
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.link import Links
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.replies import reply
from llmgateway.ports.generations import Generation, GenerationHead, GenerationReader

MAX_PAGE: Final = 1_000
_LARGEST: Final = 2**53
_PAGE: Final = (
    Param("limit", Kind.WHOLE, "How many at most.", default=50, low=1, high=MAX_PAGE),
    Param("before", Kind.WHOLE, "Only those with a lower number: `next` of the page before.", high=_LARGEST),
)
_AGAINST: Final = Param("against", Kind.WHOLE, "Compare with this generation, not with the one before.", high=_LARGEST)


def endpoints(changes: Changes, history: GenerationReader, links: Links) -> Routes:
    """The family's part of the table."""
    family = _Generations(changes, history, links)
    path = "/admin/v1/generations"
    missing = {404: "There is no such generation."}
    return {
        ("GET", path): Endpoint(
            family.every, is_query=True, summary="Who changed the configuration, newest first.", query=_PAGE
        ),
        ("GET", f"{path}/{{number}}"): Endpoint(
            family.show,
            is_query=True,
            summary="One generation with its text and diff, literal secrets as `***`.",
            query=(_AGAINST,),
            answers={200: "The generation.", **missing},
        ),
        ("POST", f"{path}/{{number}}/rollback"): Endpoint(
            family.rollback,
            is_query=True,
            summary="Put an earlier text in force again, as a new generation.",
            query=changing.QUERY,
            headers=changing.HEADERS,
            answers={**changing.ANSWERS, **missing},
        ),
    }


class _Generations:
    def __init__(self, changes: Changes, history: GenerationReader, links: Links) -> None:
        self._changes = changes
        self._history = history
        self._links = links

    async def every(self, asked: Asked) -> web.StreamResponse:
        limit = asked.query["limit"]
        found = await self._history.generations(limit=limit, before=asked.query["before"])
        content = {
            "in_force": self._links.generation,
            "generations": [_head(each) for each in found],
            "next": found[-1].number if len(found) == limit else None,
        }
        return reply(200, content)

    async def show(self, asked: Asked) -> web.StreamResponse:
        found = await self._found(asked.names["number"])
        shown = await asyncio.to_thread(_shown, found)
        if (number := asked.query["against"]) is not None:
            other = await self._found(str(number))
            names = (f"generation {other.number}", f"generation {found.number}")
            shown["diff"] = await asyncio.to_thread(difference, other.text, found.text, *names)
        return reply(200, shown)

    async def rollback(self, asked: Asked) -> web.StreamResponse:
        found = await self._found(asked.names["number"])
        if found.refused is not None:
            raise RefusedError(409, "never_in_force", "That generation was taken back; it never was in force.")
        # What was in force once brings its own credentials: they go where they went then.
        text = parted(found.text)[0]  # prompts' files are read anew: they are the operator's, not ours to write
        backends = source.parse(text, "").get("backends", {})
        order = changing.order(asked, reason=f"rollback to generation {found.number}", confirmed=backends)
        return await changing.change(self._changes, lambda _: text, order)

    async def _found(self, text: str) -> Generation:
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise RefusedError(404, "generation_not_found", "A generation goes by its number.")
        found = await self._history.generation(int(text))
        if found is None:
            raise RefusedError(404, "generation_not_found", f"The history has no generation {int(text)}.")
        return found


def _head(generation: Generation | GenerationHead) -> dict[str, Any]:
    return {
        "number": generation.number,
        "at": generation.at,
        "time": datetime.fromtimestamp(generation.at, UTC).isoformat(timespec="seconds"),
        "author": generation.author,
        "reason": generation.reason,
        "refused": generation.refused,
    }


def _shown(generation: Generation) -> dict[str, Any]:
    try:
        text: str | None = masked(generation.text)
    except UnmaskableError:
        text = None
    tag = etag(parted(generation.text)[0]).strip('"')
    return _head(generation) | {"etag": tag, "diff": generation.diff, "text": text}
