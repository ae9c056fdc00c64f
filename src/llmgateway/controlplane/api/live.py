"""What is going on now: once as JSON, or once a second as server-sent events."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import hdrs, web

from llmgateway.controlplane.endpoints import Asked, Endpoint, Routes
from llmgateway.controlplane.feed import Feed, FullError
from llmgateway.controlplane.replies import StreamReply, refusal, reply
from llmgateway.controlplane.unread import unread


def endpoints(view: Callable[[], Mapping[str, Any]], feed: Feed) -> Routes:
    async def live(_: Asked) -> web.StreamResponse:
        return reply(200, view())

    async def stream(asked: Asked) -> web.StreamResponse:
        response = StreamReply(headers={hdrs.CONTENT_TYPE: "text/event-stream"})
        if asked.http.method == "HEAD":
            return response
        try:
            subscriber = feed.subscribe(lambda: _cut(asked.http), lambda: unread(asked.http.transport))
        except FullError:
            return refusal(503, "too_many_subscribers", "As many as there may be are watching already.")
        with subscriber, suppress(ConnectionError):  # whoever watches may leave
            await response.prepare(asked.http)
            while (event := await subscriber.event()) is not None:
                await response.write(event)
        return response

    return {
        ("GET", "/admin/v1/live"): Endpoint(live, summary="Traffic of the last minute, workers and backends now."),
        ("GET", "/admin/v1/live/stream"): Endpoint(
            stream,
            summary="The same, as a server-sent event `live` each second. Who reads too slowly is cut off.",
            query=(),
            answers={200: "Events, until either side leaves.", 503: "As many as there may be are watching already."},
            produces="text/event-stream",
        ),
    }


def _cut(http: web.BaseRequest) -> None:
    """End a stream that is not read: its buffers would be waited for otherwise."""
    if http.transport is not None:
        http.transport.abort()
