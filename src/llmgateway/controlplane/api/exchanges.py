"""The log: pages of exchanges, and one exchange with its attempts, verdicts, scores and what was said."""

from typing import Any, Final

from aiohttp import web

from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.replies import reply
from llmgateway.domain.errors import ERRORS
from llmgateway.domain.exchange import End
from llmgateway.domain.ids import is_exchange_id
from llmgateway.domain.verdict import VERDICTS
from llmgateway.ports.store import SEARCHED, Row, StoreReader, Wanted
from llmgateway.store.shown import shown_body, shown_score
from llmgateway.wire.fields import tag_of

MAX_PAGE: Final = 1_000
BODY_BYTES: Final = 256 * 1024
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_CLASSES: Final = tuple(f"{first}xx" for first in range(1, 6))

_PAGE: Final = (
    Param("route", Kind.TEXT, "Only this route."),
    Param("version", Kind.TEXT, "Only what this version served."),
    Param("key", Kind.TEXT, "Only this caller's key, by its name."),
    Param("user", Kind.TEXT, "Only of this user, as the application wrote it; also where it was stored redacted."),
    Param("tag", Kind.TEXT, "Only those with this tag: NAME=VALUE, as it is stored."),
    Param("status", Kind.TEXT, "Only this status, like 404, or a class, like 5xx."),
    Param("end", Kind.TEXT, "Only those that ended so.", choices=tuple(End)),
    Param("error", Kind.TEXT, "Only those with this error, like guardrail_blocked.", choices=tuple(ERRORS)),
    Param("guardrail", Kind.TEXT, "Only those in which this guardrail found something."),
    Param("verdict", Kind.TEXT, "Only those with such a verdict, also where it was only observed.", choices=VERDICTS),
    Param("since", Kind.TIME, "Received then or later: Unix seconds, or a time with its zone."),
    Param("until", Kind.TIME, "Received before then."),
    Param("text", Kind.TEXT, f"Only where it stands in one of: {', '.join(SEARCHED)}.", high=200),
    Param("limit", Kind.WHOLE, "How many at most.", default=50, low=1, high=MAX_PAGE),
    Param("before", Kind.TEXT, "Only those older than this id: `next` of the page before.", high=64),
)
_ONE: Final = (
    Param("bodies", Kind.FLAG, "With what was said.", default=True),
    Param("body_bytes", Kind.WHOLE, "Of each body at most.", default=BODY_BYTES, high=MAX_BODY_BYTES),
)


def endpoints(store: StoreReader) -> Routes:
    async def every(asked: Asked) -> web.StreamResponse:
        query = asked.query
        rows = await store.page(_wanted(query), limit=query["limit"], before=_before(query["before"]))
        following = rows[-1]["id"] if len(rows) == query["limit"] else None
        return reply(200, {"exchanges": rows, "next": following})

    async def one(asked: Asked) -> web.StreamResponse:
        row = await store.exchange(asked.names["id"].lower())
        if row is None:
            raise RefusedError(
                404, "exchange_not_found", "The store has no such exchange: it is running, or older than what is kept."
            )
        content: Row = dict(row)
        content["scores"] = [shown_score(score) for score in await store.scores_of(row["seq"])]
        if asked.query["bodies"]:
            bodies = (await store.bodies([row["seq"]])).get(row["seq"], [])
            content["bodies"] = [shown_body(body, asked.query["body_bytes"]) for body in bodies]
        return reply(200, content)

    path = "/admin/v1/exchanges"
    return {
        ("GET", path): Endpoint(
            every,
            is_query=True,
            summary="Exchanges, newest first.",
            query=_PAGE,
            answers={200: "A page; `next` asks for the one after.", 503: "The store is away, or the search too long."},
        ),
        ("GET", f"{path}/{{id}}"): Endpoint(
            one,
            is_query=True,
            summary="One exchange with its attempts, verdicts, scores and bodies.",
            query=_ONE,
            answers={200: "The exchange.", 404: "There is no such exchange."},
        ),
    }


def _wanted(query: Any) -> Wanted:
    return Wanted(
        route=query["route"],
        version=query["version"],
        key=query["key"],
        user=query["user"],
        tag=_tag(query["tag"]),
        status=_status(query["status"]),
        end=query["end"],
        error=query["error"],
        guardrail=query["guardrail"],
        verdict=query["verdict"],
        since=query["since"],
        until=query["until"],
        text=query["text"],
    )


def _before(text: str | None) -> str | None:
    """Any id will do, also one that is gone by now: exchanges go by their ids."""
    if text is None or is_exchange_id(text.lower()):
        return text and text.lower()
    raise RefusedError(422, "invalid_parameter", "The parameter before has to be an exchange's id.")


def _tag(text: str | None) -> tuple[str, str] | None:
    try:
        return None if text is None else tag_of(text)
    except ValueError as error:
        raise RefusedError(422, "invalid_parameter", f"The parameter tag {error}.") from None


def _status(text: str | None) -> int | None:
    if text is None:
        return None
    if text.lower() in _CLASSES:
        return int(text[0])
    if len(text) == 3 and text.isascii() and text.isdigit() and "1" <= text[0] <= "5":
        return int(text)
    raise RefusedError(422, "invalid_parameter", "Status must be like 404, or a class like 5xx.")
