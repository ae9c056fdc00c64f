"""Concerns: raised, listed, and closed by name with a reason."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from llmgateway.controlplane.api.review import refused
from llmgateway.controlplane.asking import author, json_of
from llmgateway.controlplane.concerns import Concerns
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.replies import reply
from llmgateway.controlplane.reviewing import Reviewing
from llmgateway.controlplane.reviewshown import shown_concern
from llmgateway.domain.review import MAX_WHO, MAX_WORDS, BadReviewError, Concern, ConcernState, Severity

_WORDS: Final = {"type": "string", "minLength": 1, "maxLength": MAX_WORDS}
_WHO: Final = {"type": "string", "minLength": 1, "maxLength": MAX_WHO}
_SEVERITY: Final = {"type": "string", "enum": list(Severity)}
_HEADERS: Final = {"x-llmgateway-author": "Who says it; without it, the token's name."}
RAISE: Final = Body(
    "application/json",
    "About which route, and which version of it; without a version it is about whatever answers the route.",
    32 * 1024,
    {
        "type": "object",
        "required": ["route", "text"],
        "properties": {
            "route": {"type": "string"},
            "version": {"type": "string"},
            "severity": _SEVERITY,
            "text": _WORDS,
            "owner": _WHO,
            "exchange_id": {"type": "string", "format": "uuid"},
        },
        "additionalProperties": False,
    },
)
ABOUT: Final = Body(
    "application/json",
    "What is wrong with the version that answered this item; of a pair, on which side.",
    32 * 1024,
    {
        "type": "object",
        "required": ["text"],
        "properties": {
            "side": {"type": "string", "enum": ["left", "right"]},
            "severity": _SEVERITY,
            "text": _WORDS,
            "owner": _WHO,
        },
        "additionalProperties": False,
    },
)
CLOSE: Final = Body(
    "application/json",
    "Why.",
    32 * 1024,
    {"type": "object", "required": ["reason"], "properties": {"reason": _WORDS}, "additionalProperties": False},
)
_PAGE: Final = (
    Param("route", Kind.TEXT, "Only about this route."),
    Param("state", Kind.TEXT, "Only those that stand so.", choices=tuple(ConcernState)),
    Param("limit", Kind.WHOLE, "How many at most.", default=100, low=1, high=1_000),
)
_LISTED: Final = (
    "Concerns, the newest first. Of those that you have raised from a pair that is still open, `blind` says that "
    "version and exchange are not told."
)
_INVALID: Final = {422: "What was sent does not hold: `field` is the one to put right."}
_CLOSED: Final = {200: "The concern.", 404: "There is no such concern.", 409: "It is closed already.", **_INVALID}


def endpoints(concerns: Concerns, reviewing: Reviewing) -> Routes:
    """The family's part of the table."""

    async def every(asked: Asked) -> web.StreamResponse:
        query = asked.query
        state = ConcernState(query["state"]) if query["state"] else None
        found = await concerns.store.concerns(route=query["route"], state=state, limit=query["limit"])
        blind = await concerns.blind_to(author(asked), found)
        return reply(200, {"concerns": [shown_concern(each, is_blind=each.id in blind) for each in found]})

    async def told(asked: Asked, made: Awaitable[Concern]) -> web.StreamResponse:
        concern = await _held(made)
        is_blind = concern.id in await concerns.blind_to(author(asked), [concern])
        return reply(200, {"concern": shown_concern(concern, is_blind=is_blind)})

    async def add(asked: Asked) -> web.StreamResponse:
        return await told(asked, concerns.raise_(author(asked), await json_of(asked, RAISE)))

    async def about(asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, ABOUT)
        item, _ = await reviewing.found(asked.names["id"])
        concern = await _held(concerns.raise_about(item, author(asked), sent))
        return reply(200, {"concern": {"id": concern.id, "state": concern.state, "severity": concern.severity}})

    def closing(state: ConcernState) -> Callable[[Asked], Awaitable[web.StreamResponse]]:
        async def close(asked: Asked) -> web.StreamResponse:
            sent = await json_of(asked, CLOSE)
            return await told(asked, concerns.close(asked.names["id"], state, author(asked), sent))

        return close

    path = "/admin/v1/concerns"
    missing = {404: "There is and was no such route, or version of it.", 409: "There are too many.", **_INVALID}
    about_item = {200: "It is raised.", 404: "There is no such item.", 409: "There are too many.", **_INVALID}
    return {
        ("GET", path): Endpoint(every, is_query=True, summary=_LISTED, query=_PAGE, headers=_HEADERS),
        ("POST", path): _post(add, "Raise a concern: it stands against a promotion until closed.", RAISE, missing),
        ("POST", f"{path}/{{id}}/resolve"): _post(
            closing(ConcernState.RESOLVED), "Say that what it was about is put right.", CLOSE, _CLOSED
        ),
        ("POST", f"{path}/{{id}}/accept"): _post(
            closing(ConcernState.ACCEPTED), "Take it upon oneself, by name, with a reason.", CLOSE, _CLOSED
        ),
        ("POST", "/admin/v1/review/items/{id}/concern"): _post(
            about, "Raise a concern about what answered an item, without knowing its name.", ABOUT, about_item
        ),
    }


def _post(handler: Any, summary: str, body: Body, answers: dict[int, str]) -> Endpoint:
    told = {200: "The concern.", **answers, 503: "The store is away. Nothing was saved."}
    return Endpoint(handler, is_query=True, summary=summary, query=(), body=body, answers=told, headers=_HEADERS)


async def _held(made: Awaitable[Concern]) -> Concern:
    try:
        return await made
    except BadReviewError as error:
        raise refused(error) from None
