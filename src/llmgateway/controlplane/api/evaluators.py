"""Evaluators: how each is, what it has done, what it cost, and how far its word goes."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from llmgateway.config.snapshot import Snapshot
from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.evaluation.evaluation import Evaluation
from llmgateway.controlplane.evaluation.shown import shown
from llmgateway.controlplane.replies import reply
from llmgateway.domain.clock import Clock
from llmgateway.ports.store import Store

_AWAY: Final = "The store is away, or the search too long."


def endpoints(evaluation: Evaluation, store: Store, snapshot: Callable[[], Snapshot], clock: Clock) -> Routes:
    """The family's part of the table."""

    async def every(_: Asked) -> web.StreamResponse:
        lines = await shown(evaluation, store, snapshot(), clock.time())
        figures = evaluation.figures
        usual = {} if figures is None else figures.usual.shown()
        return reply(200, {"evaluators": lines, "backlog": evaluation.backlog, "usual": usual})

    return {
        ("GET", "/admin/v1/evaluators"): Endpoint(
            every,
            is_query=True,
            summary="The evaluators in force: what each has done and cost, and how far a judge agrees with people.",
            query=(),
            answers={200: "A line for each.", 503: _AWAY},
        )
    }
