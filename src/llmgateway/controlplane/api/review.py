"""Human review: items are added, drawn, claimed, labelled and exported here, by people's tools and by programs."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from aiohttp import hdrs, web

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane import reviewfigures
from llmgateway.controlplane.api.reviewbodies import (
    ADD,
    LABELS,
    NEXT,
    OF_ONE,
    OF_SAMPLE,
    RENEW,
    SAMPLE,
    SCHEMA,
    SKIP,
    order_in,
    sample_in,
)
from llmgateway.controlplane.asking import author, json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError, ever_a_route, lost_cursor
from llmgateway.controlplane.replies import StreamReply, reply
from llmgateway.controlplane.reviewing import Reviewing, Subject
from llmgateway.controlplane.reviewshown import exported, shown_item, shown_schema_of, visible
from llmgateway.controlplane.reviewtexts import shown
from llmgateway.domain.ids import is_exchange_id
from llmgateway.domain.review import BadReviewError, Item, Reason, Schema, State
from llmgateway.ports.reviews import WantedItems
from llmgateway.report import reviewers
from llmgateway.review.labels import BUILT_IN, read_schema
from llmgateway.wire.jsoncodec import encode

MAX_PAGE: Final = 1_000
EXPORT_PAGE: Final = 200
MAX_EXPORT: Final = 1_000_000
MAX_AGES: Final = 10_000
_HEADERS: Final = {"x-llmgateway-author": "Who reviews; without it, the token's name."}
_QUEUE: Final = Param("queue", Kind.TEXT, "Only of this queue.", high=64)
_FILTERS: Final = (
    _QUEUE,
    Param("state", Kind.TEXT, "Only those that stand so.", choices=tuple(State)),
    Param("reason", Kind.TEXT, "Only those that are there for this reason.", choices=tuple(Reason)),
    Param("route", Kind.TEXT, "Only of this route."),
)
_PAGE: Final = (
    *_FILTERS,
    Param("limit", Kind.WHOLE, "How many at most.", default=50, low=1, high=MAX_PAGE),
    Param("after", Kind.TEXT, "Only those behind this item: `next` of the page before.", high=64),
)
_EXPORT: Final = (
    *_FILTERS,
    Param("limit", Kind.WHOLE, "How many at most.", default=MAX_EXPORT, low=1, high=MAX_EXPORT),
    Param("after", Kind.TEXT, "Only those behind this item: the last line of the part before.", high=64),
)
_SINCE: Final = Param("since", Kind.TIME, "Added then or later: Unix seconds, or a time with its zone.")
_ITEM: Final = {200: "The item.", 404: "There is no such item."}
_STEP: Final = {
    **_ITEM,
    409: "Not now: it has changed, somebody else has it, or you have said something of it; `code` tells which.",
    422: "What was sent does not hold: `field` is the one to put right.",
}
_STORE: Final = {503: "The store is away. Nothing was saved."}


def endpoints(reviewing: Reviewing, snapshot: Callable[[], Snapshot]) -> Routes:
    """The family's part of the table."""
    family = _ReviewFamily(reviewing, snapshot)
    path = "/admin/v1/review"
    return _steps(family, path) | {
        ("GET", f"{path}/items"): Endpoint(
            family.every, is_query=True, summary="Items in the order they are handed out.", query=_PAGE
        ),
        ("POST", f"{path}/items"): _post(
            family.add, "Put an exchange, or a blind pair, into a queue.", ADD, _ADDING, is_query=True
        ),
        ("POST", f"{path}/sample"): _post(
            family.sample,
            "Draw exchanges of a route by the hash of their ids, and add them.",
            SAMPLE,
            _ADDING,
            is_query=True,
        ),
        ("POST", f"{path}/next"): _post(
            family.next, "Claim the first item that you may claim.", NEXT, {200: "The item; null if none is left."}
        ),
        ("GET", f"{path}/export"): Endpoint(
            family.export,
            is_query=True,
            summary="Closed items with their reviews, unblinded, as JSON lines.",
            query=_EXPORT,
            produces="application/x-ndjson",
        ),
        ("GET", f"{path}/figures"): Endpoint(
            family.figures,
            is_query=True,
            summary="The backlog, how far reviewers agree, and what holds of the random sample.",
            query=(_QUEUE, _SINCE),
        ),
        ("GET", f"{path}/schemas"): Endpoint(family.schemas, is_query=True, summary="The label schemas.", query=()),
        ("PUT", f"{path}/schemas/{{name}}"): Endpoint(
            family.put_schema,
            is_query=True,
            summary="Ask something else from now on: the schema's next number.",
            query=(),
            body=SCHEMA,
            answers={200: "The schema.", 409: "There are too many.", 422: "It does not hold: `field` says where."},
        ),
    }


def _steps(family: "_ReviewFamily", path: str) -> dict[tuple[str, str], Endpoint]:
    """What may be seen of one item, and done with it."""
    return {
        ("GET", f"{path}/items/{{id}}"): Endpoint(
            family.one,
            is_query=True,
            summary="One item: what was asked and answered, what is asked of you, what was said.",
            query=(),
            answers=_ITEM,
            headers=_HEADERS,
        ),
        ("POST", f"{path}/items/{{id}}/claim"): _post(family.claim, "Claim this item.", None, _STEP),
        ("POST", f"{path}/items/{{id}}/renew"): _post(family.renew, "Keep it for longer.", RENEW, _STEP),
        ("POST", f"{path}/items/{{id}}/submit"): _post(family.submit, "Hand in a review.", LABELS, _STEP),
        ("POST", f"{path}/items/{{id}}/skip"): _post(family.skip, "Leave it to others.", SKIP, _STEP),
        ("POST", f"{path}/items/{{id}}/adjudicate"): _post(
            family.adjudicate, "Decide where reviews disagree.", LABELS, _STEP
        ),
    }


_ADDING: Final = {
    200: "What became of it: added, known before, or refused, for the exchange is not there or the queue is full.",
    404: "There is no such label schema, or there is and was no such route.",
    422: "What was sent does not hold: `field` is the one to put right.",
}


def _post(
    handler: Any, summary: str, body: Body | None, answers: Mapping[int, str], *, is_query: bool = False
) -> Endpoint:
    return Endpoint(
        handler,
        is_query=is_query,
        summary=summary,
        query=(),
        body=body,
        answers={**answers, **_STORE},
        headers=_HEADERS,
    )


class _ReviewFamily:
    def __init__(self, reviewing: Reviewing, snapshot: Callable[[], Snapshot]) -> None:
        self._reviewing = reviewing
        self._snapshot = snapshot
        self._store = reviewing.store

    async def every(self, asked: Asked) -> web.StreamResponse:
        query, now = asked.query, self._reviewing.now()
        items = await self._store.items(_wanted(query), limit=query["limit"], after=query["after"])
        if not items:
            await self._refuse_lost(query["after"])
        following = items[-1].id if len(items) == query["limit"] else None
        return reply(200, {"items": [shown_item(item, now) for item in items], "next": following})

    async def _refuse_lost(self, after: str | None) -> None:
        if after is not None and await self._store.item(after) is None:
            raise lost_cursor("after", "item")

    async def add(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, ADD)
        order = held(lambda: order_in(sent, author(asked), OF_ONE))
        subject = held(lambda: Subject(_exchange(sent, "exchange_id") or "", _exchange(sent, "other_id")))
        found, added = await self._reviewing.add([subject], order)
        if added.refused:
            raise RefusedError(
                409, "not_added", "The exchange is not in the store, or as many items wait as may, or queues are there."
            )
        item = await self._store.item(found[0])
        return reply(200, {"item": shown_item(item, self._reviewing.now()) if item else None, **added._asdict()})

    async def sample(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, SAMPLE)
        order = held(lambda: order_in(sent, author(asked), OF_SAMPLE))
        wanted = held(lambda: sample_in(sent))
        await ever_a_route(self._snapshot(), wanted.route, self._store)
        found, added, seen = await self._reviewing.sample(wanted, order)
        return reply(200, {"items": found, **added._asdict(), "drawn_from": seen})

    async def next(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, NEXT)
        who, queue = author(asked), sent.get("queue")
        if sent.keys() - {"queue", "resume"} or (queue is not None and not isinstance(queue, str)):
            raise RefusedError(422, "invalid_body", 'The body may say {"queue": "name", "resume": true}.')
        item = await self._reviewing.next(who, queue=queue, resumes=sent.get("resume") is True)
        return reply(200, {"item": await self._whole(item, who) if item else None})

    async def one(self, asked: Asked) -> web.StreamResponse:
        item, _ = await self._reviewing.found(asked.names["id"])
        return reply(200, {"item": await self._whole(item, author(asked))})

    async def claim(self, asked: Asked) -> web.StreamResponse:
        who = author(asked)
        return reply(200, {"item": await self._whole(await self._reviewing.claim(asked.names["id"], who), who)})

    async def renew(self, asked: Asked) -> web.StreamResponse:
        seen = _seen(await json_of(asked, RENEW))
        return self._stands(await self._reviewing.renew(asked.names["id"], author(asked), seen))

    async def submit(self, asked: Asked) -> web.StreamResponse:
        return await self._labelled(asked, self._reviewing.submit)

    async def adjudicate(self, asked: Asked) -> web.StreamResponse:
        return await self._labelled(asked, self._reviewing.adjudicate)

    async def skip(self, asked: Asked) -> web.StreamResponse:
        return await self._labelled(asked, self._reviewing.skip, SKIP)

    async def export(self, asked: Asked) -> web.StreamResponse:
        query = asked.query
        wanted = replace(_wanted(query), is_closed=True)
        await self._refuse_lost(query["after"])
        response = StreamReply(headers={hdrs.CONTENT_TYPE: "application/x-ndjson"})
        await response.prepare(asked.http)
        after, left = query["after"], query["limit"]
        while asked.http.method != "HEAD" and left > 0:
            items = await self._store.items(wanted, limit=min(left, EXPORT_PAGE), after=after)
            said = await self._store.reviews_of([item.id for item in items])
            for item in items:
                await response.write(encode(exported(item, said.get(item.id, []))) + b"\n")
            if len(items) < EXPORT_PAGE:
                break
            after, left = items[-1].id, left - len(items)
        return response

    async def figures(self, asked: Asked) -> web.StreamResponse:
        now, queue = self._reviewing.now(), asked.query["queue"]
        lines = [line for line in await self._store.review_backlog(now) if queue in {None, line.queue}]
        since = await self._store.waiting_since(limit=MAX_AGES)
        looked = await self._store.reviewed(queue, since=asked.query["since"])
        content = {
            "backlog": reviewfigures.backlog(reviewfigures.ReviewFigures(lines, now), since, now),
            "agreement": await asyncio.to_thread(reviewers.agreement, looked),
            "random_sample": await asyncio.to_thread(reviewers.rates, looked),
        }
        return reply(200, content)

    async def schemas(self, _: Asked) -> web.StreamResponse:
        known = {schema.name: schema for schema in BUILT_IN.values()}
        known |= {schema.name: schema for schema in await self._store.schemas()}
        return reply(200, {"schemas": [shown_schema_of(schema) for schema in known.values()]})

    async def put_schema(self, asked: Asked) -> web.StreamResponse:
        sent, name = await json_of(asked, SCHEMA), asked.names["name"]
        newest = await self._store.schema(name)
        number = newest.number + 1 if newest else 2 if (name, 1) in BUILT_IN else 1
        schema: Schema = held(lambda: read_schema(name, number, sent))
        if not await self._store.add_schema(schema):
            raise RefusedError(409, "schema_changed", "Somebody else has changed this schema just now.")
        return reply(200, {"schema": shown_schema_of(schema)})

    async def _labelled(self, asked: Asked, act: Any, body: Body = LABELS) -> web.StreamResponse:
        sent = await json_of(asked, body)
        try:
            item = await act(asked.names["id"], author(asked), _seen(sent), sent)
        except BadReviewError as error:
            raise refused(error) from None
        return self._stands(item)

    def _stands(self, item: Item) -> web.Response:
        return reply(200, {"item": shown_item(item, self._reviewing.now())})

    async def _whole(self, item: Item, who: str) -> dict[str, Any]:
        """An item as its reviewer needs it."""
        said = (await self._store.reviews_of([item.id])).get(item.id, [])
        texts = await shown(self._store, item)
        schema = await self._reviewing.schema_of(item)
        return shown_item(item, self._reviewing.now()) | {
            "asks": shown_schema_of(schema),
            "texts": texts.told(),
            "reviews": visible(item, said, who),
        }


def refused(error: BadReviewError) -> RefusedError:
    """What is wrong with what was sent, as an answer."""
    return RefusedError(422, "invalid_body", error.message, field=error.field)


def held(read: Any) -> Any:
    """What `read` makes of what was sent; RefusedError where that does not hold."""
    try:
        return read()
    except BadReviewError as error:
        raise refused(error) from None


def _wanted(query: Mapping[str, Any]) -> WantedItems:
    return WantedItems(
        queue=query["queue"],
        state=State(query["state"]) if query["state"] else None,
        reason=Reason(query["reason"]) if query["reason"] else None,
        route=query["route"],
    )


def _seen(sent: Mapping[str, Any]) -> int | None:
    """The version of the item that a reviewer has seen; None: whichever holds now."""
    version = sent.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise RefusedError(422, "invalid_body", "version must be the item's, a whole number.", field="version")
    return version


def _exchange(sent: Mapping[str, Any], field: str) -> str | None:
    given = sent.get(field)
    if given is None and field == "other_id":
        return None
    if not isinstance(given, str) or not is_exchange_id(given.lower()):
        raise BadReviewError(field, f"{field} must be an exchange's id.")
    return given.lower()
