"""What a request would get from the gateway as it is now, told without sending it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from llmgateway.config import values
from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.asking import json_of
from llmgateway.controlplane.byhand import ByHand
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.refused import RefusedError, sentence
from llmgateway.controlplane.reload import Reloader
from llmgateway.controlplane.replies import reply
from llmgateway.domain.clock import Clock
from llmgateway.domain.errors import GatewayError
from llmgateway.ports.dialect import Dialect
from llmgateway.routing.explain import Present, explain
from llmgateway.routing.staged import StagedWeight
from llmgateway.routing.supposed import Supposed, UnknownNameError, asked
from llmgateway.wire.jsoncodec import encode

LIMIT: Final = 4 * 1024 * 1024
MAX_HEADERS: Final = 100
_TEXT: Final = {"type": "string"}
REQUEST: Final = Body(
    "application/json",
    "The request: all of it may be left out.",
    LIMIT,
    {
        "type": "object",
        "properties": {
            "model": {**_TEXT, "description": "As the caller writes it; the route's name without it."},
            "key": {**_TEXT, "description": "Whose request, by the key's name; the first that may use the route."},
            "headers": {"type": "object", "additionalProperties": _TEXT},
            "body": {"type": ["object", "string"], "description": "JSON, or its very text."},
            "path": {**_TEXT, "description": "The endpoint; chat completions without it."},
            "method": _TEXT,
            "at": {"type": ["number", "string"], "description": "When it arrives: Unix seconds, or a date with zone."},
        },
        "additionalProperties": False,
    },
    is_required=False,
)
_FIELDS: Final = frozenset(REQUEST.schema["properties"])
_BACKEND: Final = ("state", "why", "until", "in_flight", "queued")


def endpoints(
    backends: ByHand,
    reloader: Reloader,
    dialects: Mapping[str, Dialect],
    clock: Clock,
    weights: Callable[[], Mapping[str, StagedWeight]] = dict,
) -> Routes:
    """The family's part of the table. `weights`: of the rollouts that run, by route."""

    async def tell(sent: Asked) -> web.StreamResponse:
        supposed = _supposed(sent.names["name"], await json_of(sent, REQUEST), clock.time())
        snapshot = reloader.snapshot
        present = Present(backends.standings(snapshot), clock.monotonic(), weights())
        told = await asyncio.to_thread(_told, snapshot, dialects, supposed, present)
        states = {each["name"]: {name: each[name] for name in _BACKEND} for each in backends.shown()}
        return reply(200, {"generation": snapshot.generation, **told, "backends": _named(told, states)})

    return {
        ("POST", "/admin/v1/routes/{name}/explain"): Endpoint(
            tell,
            is_query=True,
            summary="Which version and backends a request would get now, and why. Sends nothing.",
            query=(),
            body=REQUEST,
            answers={
                200: "What it would get; or `refused`, where the gateway would refuse it.",
                404: "There is no such route, or no such key.",
                422: "The description of the request is not one.",
            },
        )
    }


def _told(snapshot: Snapshot, dialects: Mapping[str, Dialect], supposed: Supposed, present: Present) -> dict[str, Any]:
    try:
        request, note = asked(snapshot, dialects, supposed)
    except UnknownNameError as error:
        raise RefusedError(404, f"{error.what}_not_found", sentence(str(error))) from None
    try:
        return {"note": note, "refused": None, "explanation": explain(snapshot, request, present).shown()}
    except GatewayError as error:
        refused = {"status": error.status, "code": error.code, "message": error.message}
        return {"note": note, "refused": refused, "explanation": None}


def _named(told: Mapping[str, Any], states: Mapping[str, Any]) -> dict[str, Any]:
    """How the backends are that the explanation names."""
    attempts = told["explanation"]["attempts"] if told["explanation"] is not None else ()
    return {each["backend"]: states[each["backend"]] for each in attempts if each["backend"] in states}


def _supposed(route: str, sent: Mapping[str, Any], now: float) -> Supposed:
    if unknown := sent.keys() - _FIELDS:
        raise _wrong(f"has {len(unknown)} unknown fields; there are {', '.join(sorted(_FIELDS))}")
    body = sent.get("body")
    if body is not None:
        body = encode(body) if isinstance(body, dict) else _text(sent, "body", "").encode("utf-8", "surrogatepass")
    return Supposed(
        at=_moment(sent.get("at"), now),
        model=_text(sent, "model", route),
        key=_text(sent, "key", None),
        headers=_headers(sent.get("headers", {})),
        body=body,
        path=_text(sent, "path", None),
        method=_text(sent, "method", "POST").upper(),
    )


def _text(sent: Mapping[str, Any], name: str, default: Any) -> Any:
    value = sent.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(f"needs a text for {name}")
    return default if value is None else value


def _headers(sent: Any) -> dict[bytes, bytes]:
    if (
        not isinstance(sent, dict)
        or len(sent) > MAX_HEADERS
        or not all(isinstance(each, str) for each in sent.values())
    ):
        raise _wrong(f"needs an object of at most {MAX_HEADERS} names and texts for headers")
    return {name.lower().encode(): value.strip().encode() for name, value in sent.items()}


def _moment(sent: Any, now: float) -> float:
    if sent is None:
        return now
    if isinstance(sent, int | float) and not isinstance(sent, bool) and 0 <= sent < 1e11:
        return float(sent)
    try:
        return values.unix_time(sent)
    except ValueError:
        raise _wrong("needs Unix seconds or a date with its zone for at") from None


def _wrong(what: str) -> RefusedError:
    return RefusedError(422, "invalid_body", f"The description of the request {what}.")
