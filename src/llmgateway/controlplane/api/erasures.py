"""Erasures: somebody's exchanges emptied for good, and the record of who asked for that and when."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from llmgateway.config import values
from llmgateway.controlplane.asking import AUTHOR_HEADER, author, json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.erasing import Erasing
from llmgateway.controlplane.query import MAX_PAGE, Kind, Param
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.replies import reply
from llmgateway.domain.clock import Clock
from llmgateway.domain.ids import is_exchange_id
from llmgateway.ports.erasures import MAX_IDS, MAX_PENDING, Erasure, Whose
from llmgateway.ports.store import Store
from llmgateway.wire.fields import tag_of

PATH: Final = "/admin/v1/erasures"
LONGEST: Final = 1_100  # characters: a tag's name and value may have 512 each
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": LONGEST}
_TIME: Final = {"description": "Unix seconds, or a time with its zone.", "type": ["number", "string"]}
ERASE: Final = Body(
    "application/json",
    "Whose: exchange_ids, user, key or tag, at least one; all that is given has to hold.",
    64 * 1024,
    {
        "type": "object",
        "properties": {
            "exchange_ids": {"type": "array", "items": {"type": "string", "format": "uuid"}, "maxItems": MAX_IDS},
            "user": _TEXT,
            "key": _TEXT,
            "tag": {**_TEXT, "description": "NAME=VALUE, as it is stored."},
            "route": _TEXT,
            "since": _TIME,
            "until": _TIME,
            "dry_run": {"type": "boolean", "default": False},
        },
        "additionalProperties": False,
    },
)
_CHOOSING: Final = ("exchange_ids", "user", "key", "tag")  # without one of them it would be everybody's
_PAGE: Final = (
    Param("limit", Kind.WHOLE, "How many at most.", default=50, low=1, high=MAX_PAGE),
    Param("before", Kind.TEXT, "Only those before this one: `next` of the page before.", high=64),
)
_BEGUN: Final = {
    200: "It is under way; or, with `dry_run`, how many exchanges it would be.",
    409: "Too many are under way.",
    422: "It does not say whose, or not as it should.",
    503: "The store is away.",
}


def endpoints(erasing: Erasing, store: Store, clock: Clock) -> Routes:
    """The family's part of the table."""
    family = _ErasuresFamily(erasing, store, clock)
    return {
        ("GET", PATH): Endpoint(
            family.every,
            is_query=True,
            summary="Erasures, the newest first: who asked for them and when, and how far they are.",
            query=_PAGE,
            answers={200: "A page; `next` asks for the one after."},
        ),
        ("GET", f"{PATH}/{{id}}"): Endpoint(
            family.one,
            is_query=True,
            summary="How far an erasure is.",
            query=(),
            answers={200: "The erasure.", 404: "There is no such erasure."},
        ),
        ("POST", PATH): Endpoint(
            family.erase,
            is_query=True,
            summary="Erase exchanges for good: who asked, and what was said, everywhere. Their figures stay.",
            query=(),
            body=ERASE,
            headers={AUTHOR_HEADER: "Who asks for it; stands in the record."},
            answers=_BEGUN,
        ),
    }


class _ErasuresFamily:
    def __init__(self, erasing: Erasing, store: Store, clock: Clock) -> None:
        self._erasing = erasing
        self._store = store
        self._clock = clock

    async def every(self, asked: Asked) -> web.StreamResponse:
        limit = asked.query["limit"]
        found = await self._store.erasures(limit=limit, before=asked.query["before"])
        following = found[-1].id if len(found) == limit else None
        return reply(200, {"erasures": [shown_erasure(each) for each in found], "next": following})

    async def one(self, asked: Asked) -> web.StreamResponse:
        found = await self._store.erasure(asked.names["id"])
        if found is None:
            raise RefusedError(404, "erasure_not_found", "There is no such erasure, or it is forgotten.")
        return reply(200, {"erasure": shown_erasure(found)})

    async def erase(self, asked: Asked) -> web.StreamResponse:
        sent = await json_of(asked, ERASE)
        whose, is_dry = _whose(sent), sent.get("dry_run", False)
        if not isinstance(is_dry, bool):
            raise _invalid("dry_run has to be true or false.")
        if is_dry:
            count = await self._store.count_meant(whose, self._clock.time())
            return reply(200, {"erasure": None, "exchanges": count})
        erasure = await self._erasing.begin(whose, author(asked))
        if erasure is None:
            raise RefusedError(409, "too_many_erasures", f"{MAX_PENDING} erasures are under way: wait for one to end.")
        return reply(200, {"erasure": shown_erasure(erasure), "exchanges": None})


def shown_erasure(erasure: Erasure) -> dict[str, Any]:
    """An erasure as JSON has it: nothing of whose it is."""
    told = {name: getattr(erasure, name) for name in Erasure.__slots__ if name != "whose"}
    return told | {"selectors": list(erasure.selectors)}


def _whose(sent: Mapping[str, Any]) -> Whose:
    if unknown := sent.keys() - set(ERASE.schema["properties"]):
        raise _invalid(f"{len(unknown)} members are not known here: known are {', '.join(ERASE.schema['properties'])}.")
    if not any(sent.get(name) for name in _CHOOSING):
        raise _invalid(f"The body has to say whose: {', '.join(_CHOOSING[:-1])} or {_CHOOSING[-1]}.")
    texts = {name: _text(sent, name) for name in ("user", "key", "route")}
    times = {name: _moment(sent, name) for name in ("since", "until")}
    return Whose(_ids(sent.get("exchange_ids")), tag=_tag(_text(sent, "tag")), **texts, **times)  # type: ignore[arg-type]  # by their names


def _ids(sent: object) -> tuple[str, ...]:
    if sent is None:
        return ()
    if not isinstance(sent, list) or len(sent) > MAX_IDS or not all(isinstance(each, str) for each in sent):
        raise _invalid(f"exchange_ids has to be a list of at most {MAX_IDS:,} ids.")
    ids = tuple(dict.fromkeys(each.lower() for each in sent))
    if not all(map(is_exchange_id, ids)):
        raise _invalid("exchange_ids has something in it that is no exchange's id.")
    return ids


def _text(sent: Mapping[str, Any], name: str) -> str | None:
    text = sent.get(name)
    if text is not None and (not isinstance(text, str) or not 0 < len(text) <= LONGEST):
        raise _invalid(f"{name} has to be a text of 1 to {LONGEST:,} characters.")
    return text


def _tag(text: str | None) -> tuple[str, str] | None:
    try:
        return None if text is None else tag_of(text)
    except ValueError as error:
        raise _invalid(f"tag {error}.") from None


def _moment(sent: Mapping[str, Any], name: str) -> float | None:
    given = sent.get(name)
    try:
        if isinstance(given, str):
            return values.unix_time(given)
        if given is None or (type(given) in {int, float} and 0 <= given < 1e11):
            return None if given is None else float(given)
    except ValueError:
        pass
    raise _invalid(f"{name} has to be a time: Unix seconds, or a date with its zone.")


def _invalid(message: str) -> RefusedError:
    return RefusedError(422, "invalid_body", message)
