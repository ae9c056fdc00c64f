"""How the gateway is: metrics and probes; and the reload of its file."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web

from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.replies import Reply, refusal, reply


class NotYetError(Exception):
    """What is asked for is not known yet, shortly after the start."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Where the endpoints take their content. `ready` and `started` return what is missing; empty means yes.

    `metrics` may raise NotYetError: a scrape that fails is missed, one that shows zeros counts everything again.
    """

    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    ready: Callable[[], list[str]]
    started: Callable[[], list[str]]
    reload: Callable[[], Awaitable[tuple[bool, Mapping[str, Any]]]]


def endpoints(answers: Answers) -> Routes:
    async def metrics(asked: Asked) -> web.StreamResponse:
        try:
            text, content_type = await answers.metrics(asked.http.headers.get(hdrs.ACCEPT, ""))
        except NotYetError:
            return refusal(503, "starting", "The counters are not read back from the store yet.")
        return Reply(body=text, headers={hdrs.CONTENT_TYPE: content_type})

    async def alive(_: Asked) -> web.StreamResponse:
        return reply(200, {"status": "ok"})

    async def ready(_: Asked) -> web.StreamResponse:
        return _probe(answers.ready())

    async def started(_: Asked) -> web.StreamResponse:
        return _probe(answers.started())

    async def reload(_: Asked) -> web.StreamResponse:
        is_taken, report = await answers.reload()
        return reply(200 if is_taken else 422, report)

    either = {200: "It does.", 503: "Not now; `reasons` says why."}
    return {
        ("GET", "/metrics"): Endpoint(metrics, summary="Metrics for Prometheus.", produces="text/plain"),
        ("GET", "/livez"): Endpoint(alive, is_open=True, summary="Whether the control process answers."),
        ("GET", "/readyz"): Endpoint(ready, is_open=True, summary="Whether the gateway takes traffic.", answers=either),
        ("GET", "/startupz"): Endpoint(started, is_open=True, summary="Whether it has started.", answers=either),
        ("POST", "/admin/v1/reload"): Endpoint(
            reload,
            summary="Read the configuration's file again and put it in force.",
            query=(),
            answers={200: "It is in force.", 422: "It was refused, and the old one stays."},
        ),
    }


def _probe(missing: list[str]) -> web.Response:
    if missing:
        return reply(503, {"status": "unavailable", "reasons": missing})
    return reply(200, {"status": "ok"})
