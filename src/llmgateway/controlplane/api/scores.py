"""What is said of exchanges: scores of programs, judges and people come in here, everybody's are read here, and tokens
are made with which a browser may score one exchange.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from llmgateway.auth.browser import issue, signing_key
from llmgateway.config import snapshot
from llmgateway.controlplane.asking import json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.query import Kind, Param
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.replies import reply
from llmgateway.domain.clock import Clock
from llmgateway.domain.ids import IdMint, is_exchange_id, named_id
from llmgateway.domain.score import (
    MAX_COMMENT,
    MAX_NAME,
    MAX_WORD,
    BadScoreError,
    DataType,
    Score,
    SourceKind,
    read_given,
    word_in,
)
from llmgateway.ports.scores import WantedScores
from llmgateway.ports.store import Store
from llmgateway.store.scoresummary import summaries
from llmgateway.store.shown import shown_score

LIFETIME_S: Final = 86_400.0
MAX_LIFETIME_S: Final = 30 * 86_400.0
MAX_PAGE: Final = 1_000
OTHERS: Final = tuple(kind.value for kind in SourceKind if kind is not SourceKind.USER)
_MORE: Final = frozenset({"exchange_id", "source_kind", "source_id", "run"})
_MISSING: Final = "The store has no such exchange: it is running, or older than what is kept."
_WORD: Final = {"type": "string", "minLength": 1, "maxLength": MAX_WORD}

SCORE: Final = Body(
    "application/json",
    "The score. A string is a category unless data_type says that it is a text.",
    16 * 1024,
    {
        "type": "object",
        "required": ["exchange_id", "name", "value", "source_kind", "source_id"],
        "properties": {
            "exchange_id": {"type": "string", "format": "uuid"},
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
            "value": {"type": ["boolean", "number", "string"]},
            "data_type": {"type": "string", "enum": list(DataType)},
            "source_kind": {"type": "string", "enum": list(OTHERS)},
            "source_id": _WORD,
            "run": _WORD,
            "comment": {"type": "string", "minLength": 1, "maxLength": MAX_COMMENT},
            "idempotency_key": _WORD,
        },
        "additionalProperties": False,
    },
)
TOKEN: Final = Body(
    "application/json",
    f"For how many seconds it is good; {LIFETIME_S:.0f} without a body.",
    1024,
    {
        "type": "object",
        "properties": {"expires_in": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_LIFETIME_S}},
        "additionalProperties": False,
    },
    is_required=False,
)
_FILTERS: Final = (
    Param("exchange", Kind.TEXT, "Only of this exchange, by its id.", high=64),
    Param("route", Kind.TEXT, "Only of this route."),
    Param("version", Kind.TEXT, "Only of this version, the assigned one."),
    Param("name", Kind.TEXT, "Only under this name.", high=MAX_NAME),
    Param("source", Kind.TEXT, "Only of this kind of source.", choices=tuple(SourceKind)),
    Param("source_id", Kind.TEXT, "Only of this source.", high=MAX_WORD),
    Param("since", Kind.TIME, "Said then or later: Unix seconds, or a time with its zone."),
)
_PAGE: Final = (
    *_FILTERS,
    Param("every", Kind.FLAG, "Also what was said before, waits for its exchange, or was rejected.", default=False),
    Param("limit", Kind.WHOLE, "How many at most.", default=50, low=1, high=MAX_PAGE),
    Param("before", Kind.WHOLE, "Only those before this one: `next` of the page before.", high=10**15),
)


@dataclass(frozen=True, slots=True)
class Signing:
    """What tokens are made with: the settings in force, and the secret of the data folder."""

    scores: Callable[[], snapshot.Scores]
    kept: bytes

    def key(self) -> bytes:
        return signing_key(self.scores(), self.kept)


def endpoints(store: Store, signing: Signing, clock: Clock) -> Routes:
    """The family's part of the table."""
    family = _ScoresFamily(store, signing, clock)
    path = "/admin/v1/scores"
    return {
        ("GET", path): Endpoint(
            family.every,
            is_query=True,
            summary="Scores, the last to come first.",
            query=_PAGE,
            answers={200: "A page; `next` asks for the one after.", 503: "The store is away, or the search too long."},
        ),
        ("GET", f"{path}/summary"): Endpoint(
            family.summary,
            is_query=True,
            summary="What holds now, summed up by route, version, name and kind of source, with 95 % intervals.",
            query=_FILTERS,
            answers={200: "A line for each.", 503: "The store is away, or the search too long."},
        ),
        ("POST", path): Endpoint(
            family.add,
            is_query=True,
            summary="Score an exchange, as a program, a judge or a person.",
            query=(),
            body=SCORE,
            answers={
                200: "The score, as it is kept.",
                404: "There is no such exchange.",
                422: "It is no score: `field` is the one to put right.",
                503: "The store is away. Nothing was saved.",
            },
        ),
        ("POST", "/admin/v1/exchanges/{id}/feedback-token"): Endpoint(
            family.token,
            summary="Make a token with which a browser may score this one exchange.",
            query=(),
            body=TOKEN,
            answers={200: "The token, and until when it is good.", 404: "That is no exchange's id."},
        ),
    }


class _ScoresFamily:
    def __init__(self, store: Store, signing: Signing, clock: Clock) -> None:
        self._store = store
        self._signing = signing
        self._clock = clock
        self._mint = IdMint(clock.time)

    async def every(self, asked: Asked) -> web.StreamResponse:
        query = asked.query
        scores = await self._store.scores(_wanted(query), limit=query["limit"], before=query["before"])
        following = scores[-1].seq if len(scores) == query["limit"] else None
        return reply(200, {"scores": [shown_score(score) for score in scores], "next": following})

    async def summary(self, asked: Asked) -> web.StreamResponse:
        groups = await self._store.score_groups(_wanted(asked.query))
        return reply(200, {"summary": [line.shown() for line in summaries(groups)]})

    async def add(self, asked: Asked) -> web.StreamResponse:
        try:
            score = self._score(await json_of(asked, SCORE))
        except BadScoreError as error:
            raise RefusedError(422, "invalid_body", error.message, field=error.field) from None
        saved = await self._store.add_score(score)
        if saved is None:
            raise RefusedError(404, "exchange_not_found", _MISSING)
        return reply(200, {"score": shown_score(saved)})

    async def token(self, asked: Asked) -> web.StreamResponse:
        exchange_id = asked.names["id"].lower()
        if not is_exchange_id(exchange_id):
            raise RefusedError(404, "exchange_not_found", "That is no exchange's id.")
        expires_at = float(int(self._clock.time() + _lifetime(await json_of(asked, TOKEN))))
        token = issue(self._signing.key(), exchange_id, expires_at)
        return reply(200, {"token": token, "exchange_id": exchange_id, "expires_at": expires_at})

    def _score(self, document: Mapping[str, Any]) -> Score:
        given = read_given(document, _MORE)
        exchange_id, source_id = word_in(document, "exchange_id"), word_in(document, "source_id")
        kind = document.get("source_kind")
        if exchange_id is None or not is_exchange_id(exchange_id.lower()):
            raise BadScoreError("exchange_id", "exchange_id must be an exchange's id.")
        if kind not in OTHERS:
            raise BadScoreError("source_kind", f"source_kind must be one of {', '.join(OTHERS)}.")
        if source_id is None:
            raise BadScoreError("source_id", "source_id must say who scores: a program, a judge or a person.")
        words = (kind, source_id, exchange_id.lower(), given.idempotency_key or "")
        return Score(
            named_id(*words) if given.idempotency_key is not None else self._mint(),
            self._clock.time(),
            given.name,
            given.data_type,
            given.value,
            SourceKind(kind),
            source_id,
            exchange_id=exchange_id.lower(),
            run=word_in(document, "run"),
            comment=given.comment,
        )


def _wanted(query: Mapping[str, Any]) -> WantedScores:
    return WantedScores(
        exchange_id=query["exchange"].lower() if query["exchange"] else None,
        route=query["route"],
        version=query["version"],
        name=query["name"],
        source_kind=SourceKind(query["source"]) if query["source"] else None,
        source_id=query["source_id"],
        since=query["since"],
        every=query.get("every", False),
    )


def _lifetime(sent: Mapping[str, Any]) -> float:
    seconds = sent.get("expires_in", LIFETIME_S)
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if sent.keys() - {"expires_in"} or not is_number or not 0 < seconds <= MAX_LIFETIME_S:
        raise RefusedError(
            422,
            "invalid_body",
            f'The body has to say for how long, like {{"expires_in": 3600}}: {MAX_LIFETIME_S:.0f} at most.',
        )
    return float(seconds)
