"""Evaluators: how each is, what it has done, what it cost, and how far its word goes."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.asking import json_of
from llmgateway.controlplane.endpoints import Asked, Body, Endpoint, Routes
from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.controlplane.evaluation.shown import shown
from llmgateway.controlplane.refused import RefusedError
from llmgateway.controlplane.replies import reply
from llmgateway.domain.clock import Clock
from llmgateway.ports.store import Store

MAX_PAIRS: Final = 20
COMPARE: Final = Body(
    "application/json",
    "Exchanges, each with the one that it is compared with.",
    16 * 1024,
    {
        "type": "object",
        "required": ["pairs"],
        "properties": {
            "pairs": {
                "type": "array",
                "maxItems": MAX_PAIRS,
                "items": {
                    "type": "object",
                    "required": ["exchange_id", "reference_id"],
                    "properties": {"exchange_id": {"type": "string"}, "reference_id": {"type": "string"}},
                },
            }
        },
        "additionalProperties": False,
    },
)
_AWAY: Final = "The store is away, or the search too long."


def endpoints(evaluation: Evaluation, store: Store, snapshot: Callable[[], Snapshot], clock: Clock) -> Routes:
    """The family's part of the table."""

    async def every(_: Asked) -> web.StreamResponse:
        lines = await shown(evaluation, store, snapshot(), clock.time())
        figures = evaluation.figures
        usual = {} if figures is None else figures.usual.shown()
        return reply(200, {"evaluators": lines, "backlog": evaluation.backlog, "usual": usual})

    async def compare(asked: Asked) -> web.StreamResponse:
        name, sent = asked.names["name"], await json_of(asked, COMPARE)
        try:
            pairs = [(each["exchange_id"], each["reference_id"]) for each in sent["pairs"]]
        except (KeyError, TypeError):
            raise RefusedError(422, "invalid_body", "Each of pairs has an exchange_id and a reference_id.") from None
        if len(pairs) > MAX_PAIRS or not all(isinstance(each, str) for pair in pairs for each in pair):
            raise RefusedError(422, "invalid_body", f"pairs are at most {MAX_PAIRS} pairs of ids.")
        try:
            return reply(200, {"asked": await evaluation.compare(name, pairs)})
        except KeyError:
            raise RefusedError(404, "evaluator_not_found", "No evaluator of this name judges pairs.") from None

    return {
        ("POST", "/admin/v1/evaluators/{name}/compare"): Endpoint(
            compare,
            is_query=True,
            summary="Have a judge of pairs compare exchanges with others, within its day; the scores come later.",
            query=(),
            body=COMPARE,
            answers={200: "How many it is to look at.", 404: "No such judge.", 422: "Not pairs.", 503: _AWAY},
        ),
        ("GET", "/admin/v1/evaluators"): Endpoint(
            every,
            is_query=True,
            summary="The evaluators in force: what each has done and cost, and how far a judge agrees with people.",
            query=(),
            answers={200: "A line for each.", 503: _AWAY},
        ),
    }
